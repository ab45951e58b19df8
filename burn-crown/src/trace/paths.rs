//! A walk through the parameters of a module that knows their paths.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Bool, Int, Tensor};

/// What is done with each parameter of a module, in the order in which it is visited; `path` is its
/// own, such as `encoder.linear.weight`.
pub(crate) trait PathVisitor {
    /// A float parameter or running statistic.
    fn float<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>);

    /// A parameter of whole numbers.
    fn int<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D, Int>>) {
        let _ = (path, param);
    }

    /// A parameter of truth values.
    fn bool<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D, Bool>>) {
        let _ = (path, param);
    }
}

/// Has all parameters visited, and gives the visitor back.
pub(crate) fn visit<M: Module, V: PathVisitor>(module: &M, visitor: V) -> V {
    let mut walk = Walk {
        path: Vec::new(),
        visitor,
    };
    module.visit(&mut walk);
    walk.visitor
}

struct Walk<V> {
    path: Vec<String>,
    visitor: V,
}

impl<V: PathVisitor> ModuleVisitor for Walk<V> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.visitor.float(&self.path.join("."), param);
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.visitor.int(&self.path.join("."), param);
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.visitor.bool(&self.path.join("."), param);
    }
}
