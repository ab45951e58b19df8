//! The parameters of a module, by their identity.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

use crate::tensor::AnyTensor;

/// A float parameter or running statistic of a module.
pub(crate) struct Parameter {
    pub(crate) value: AnyTensor,
    /// The path of the module that owns it, such as `encoder.linear`.
    pub(crate) owner: String,
}

/// The float parameters and running statistics of a module, tracked by autodiff where the module
/// is.
pub(crate) fn parameters<M: Module>(module: &M) -> HashMap<ParamId, Parameter> {
    #[derive(Default)]
    struct Visitor {
        path: Vec<String>,
        found: HashMap<ParamId, Parameter>,
    }

    impl ModuleVisitor for Visitor {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_string());
        }

        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let owner = self.path[..self.path.len().saturating_sub(1)].join(".");
            let value = AnyTensor::new(param.val());
            self.found.insert(param.id, Parameter { value, owner });
        }
    }

    let mut visitor = Visitor::default();
    module.visit(&mut visitor);
    visitor.found
}
