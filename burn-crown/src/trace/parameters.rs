//! The parameters of a module, in the order in which it is visited.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::{Bool, Int, Tensor, TensorData};

use super::paths::{PathVisitor, visit};
use crate::tensor::AnyTensor;

/// A float parameter or running statistic of a module.
pub(crate) struct Parameter {
    pub(crate) id: ParamId,
    pub(crate) value: AnyTensor,
    /// Its own path, such as `encoder.linear.weight`.
    pub(crate) path: String,
}

impl Parameter {
    /// The path of the module that owns it, such as `encoder.linear`.
    pub(crate) fn owner(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(owner, _)| owner)
    }

    /// The value of a node of a shape: its own, or with a dim more a copy for each image.
    pub(crate) fn for_node(&self, shape: &[usize]) -> AnyTensor {
        if shape.len() == self.value.rank() {
            return self.value.clone();
        }
        self.value.clone().copies(shape[0])
    }
}

/// The float parameters and running statistics of a module, tracked by autodiff where the module
/// is.
///
/// They are told apart by their position, which a copy of the module shares: two fields can hold
/// parameters of one identity (a clone of a layer) and of different values.
pub(crate) fn parameters<M: Module>(module: &M) -> Vec<Parameter> {
    struct Found(Vec<Parameter>);

    impl PathVisitor for Found {
        fn float<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>) {
            self.0.push(Parameter {
                id: param.id,
                value: AnyTensor::new(param.val()),
                path: path.to_string(),
            });
        }
    }

    visit(module, Found(Vec::new())).0
}

/// The values of the parameters that are whole numbers or booleans, which a record has as constants;
/// read back. Most modules have none.
pub(crate) fn discrete_parameters<M: Module>(module: &M) -> Vec<TensorData> {
    struct Visitor(Vec<TensorData>);

    impl ModuleVisitor for Visitor {
        fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
            self.0.push(param.val().into_data());
        }

        fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
            self.0.push(param.val().into_data());
        }
    }

    let mut visitor = Visitor(Vec::new());
    module.visit(&mut visitor);
    visitor.0
}
