//! The parameters in a model file.

use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use crown_ibp::models::ModelConfig;
use crown_ibp::weights::load_weights;

pub(crate) fn parameters(config: &ModelConfig, path: &Path) -> Vec<TensorData> {
    #[derive(Default)]
    struct Collector(Vec<TensorData>);
    impl ModuleVisitor for Collector {
        fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
            self.0.push(parameter.val().into_data());
        }
    }
    let model = load_weights(config, &Device::flex(), path).unwrap();
    let mut collector = Collector::default();
    model.visit(&mut collector);
    assert!(!collector.0.is_empty());
    collector.0
}
