//! Reading and changing the parameters of any module by name.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Gradients, Tensor, TensorData};

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

/// What there is of each float parameter, by its path, in the order of the module; parameters that
/// `source` knows nothing of are left out.
pub fn read_parameters<M: Module>(
    module: &M,
    source: &impl ParameterSource,
) -> Vec<(String, Vec<f64>)> {
    let mut reader = Reader {
        path: Vec::new(),
        source,
        found: Vec::new(),
    };
    module.visit(&mut reader);
    reader.found
}

/// Knows something of parameters, such as their gradients.
pub trait ParameterSource {
    /// What it knows of this one, in the order of the parameter's elements.
    fn read<const D: usize>(&self, param: &Param<Tensor<D>>) -> Option<Vec<f64>>;
}

/// The values of the parameters themselves.
#[derive(Debug)]
pub struct Values;

impl ParameterSource for Values {
    fn read<const D: usize>(&self, param: &Param<Tensor<D>>) -> Option<Vec<f64>> {
        Some(to_vec(param.val()))
    }
}

impl ParameterSource for Gradients {
    fn read<const D: usize>(&self, param: &Param<Tensor<D>>) -> Option<Vec<f64>> {
        param.val().grad(self).map(to_vec)
    }
}

impl ParameterSource for GradientsParams {
    fn read<const D: usize>(&self, param: &Param<Tensor<D>>) -> Option<Vec<f64>> {
        self.get::<D>(param.id).map(to_vec)
    }
}

struct Reader<'a, S> {
    path: Vec<String>,
    source: &'a S,
    found: Vec<(String, Vec<f64>)>,
}

impl<S: ParameterSource> ModuleVisitor for Reader<'_, S> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(values) = self.source.read(param) {
            self.found.push((self.path.join("."), values));
        }
    }
}

/// The values of a tensor.
pub fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}
