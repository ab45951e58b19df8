//! Changing the parameters of any module by name.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Tensor, TensorData};

/// Rewrites the float parameters and running statistics of a module, in another data type if
/// `dtype` says so. `change` gets the path of each, such as `layers.0.Linear.weight`, its shape and
/// its values.
///
/// The running statistics are changed in place, as Burn maps them: pass `module.valid()` to leave
/// the ones of a clone alone.
pub fn map_parameters<M: Module>(
    module: M,
    dtype: DType,
    change: impl FnMut(&str, &[usize], &mut [f64]),
) -> M {
    module.map(&mut Mapper {
        path: Vec::new(),
        dtype,
        change,
    })
}

struct Mapper<F> {
    path: Vec<String>,
    dtype: DType,
    change: F,
}

impl<F: FnMut(&str, &[usize], &mut [f64])> ModuleMapper for Mapper<F> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            let (device, shape) = (tensor.device(), tensor.dims());
            let require_grad = tensor.is_require_grad();
            let mut values = to_vec(tensor);
            (self.change)(&self.path.join("."), &shape, &mut values);
            let data = TensorData::new(values, shape);
            Tensor::from_data(data, (&device, self.dtype)).set_require_grad(require_grad)
        })
    }
}

/// The values of a tensor.
pub fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}
