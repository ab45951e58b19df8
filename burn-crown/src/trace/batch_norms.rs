//! The layers of batch normalisation in a module.

use burn::module::{Flag, Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// A layer of batch normalisation.
pub(crate) struct BatchNormLayer {
    /// Its path in the module, such as `encoder.norm`.
    pub(crate) path: String,
    /// Whether it is trained: neither frozen nor in a module that [`Module::valid`] gave.
    pub(crate) training: bool,
}

impl BatchNormLayer {
    /// The path of a field, such as `encoder.norm.running_mean`.
    pub(crate) fn field(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.into(),
            path => format!("{path}.{name}"),
        }
    }
}

/// The layers of batch normalisation, in the order in which the module is visited.
pub(crate) fn batch_norms<M: Module>(module: &M) -> Vec<BatchNormLayer> {
    let mut search = Search::default();
    module.visit(&mut search);
    search.found
}

#[derive(Default)]
struct Search {
    /// The names around the value that is visited, and whether each is a field of such a layer.
    around: Vec<(String, bool)>,
    found: Vec<BatchNormLayer>,
}

impl Search {
    /// The layer that the visited value is a field of.
    fn layer(&mut self) -> Option<&mut BatchNormLayer> {
        let Some(((_, true), owner)) = self.around.split_last() else {
            return None;
        };
        let names: Vec<&str> = owner.iter().map(|(name, _)| name.as_str()).collect();
        let path = names.join(".");
        // The fields of a layer are visited one after another.
        if self.found.last().is_none_or(|layer| layer.path != path) {
            self.found.push(BatchNormLayer {
                path,
                training: false,
            });
        }
        self.found.last_mut()
    }
}

impl ModuleVisitor for Search {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        // The type is that of the module which has the field of this name.
        let in_norm = container_type == "Struct:BatchNorm";
        self.around.push((name.to_string(), in_norm));
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.around.pop();
    }

    fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<D>>) {
        self.layer();
    }

    fn visit_flag(&mut self, flag: &Param<Flag>) {
        if let Some(layer) = self.layer() {
            layer.training = flag.is_enabled();
        }
    }
}
