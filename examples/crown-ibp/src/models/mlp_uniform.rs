//! `model_mlp_uniform`: a fully connected network whose hidden layers have one size.

use burn::config::Config;
use burn::tensor::Device;

use super::{CLASSES, MlpAny, MlpAnyConfig};

/// Configuration of an [`MlpAny`] whose hidden layers all have the same number of neurons.
#[derive(Config, Debug, PartialEq)]
pub struct MlpUniformConfig {
    /// The number of input values, `C · H · W`; 784 for MNIST.
    pub in_dim: usize,
    /// The number of linear layers with the output layer, at least 2.
    pub layer: usize,
    /// The number of neurons of each hidden layer.
    pub neurons: usize,
    /// The number of classes.
    #[config(default = "CLASSES")]
    pub out_dim: usize,
}

impl MlpUniformConfig {
    /// Builds the network with random weights.
    pub fn init(&self, device: &Device) -> MlpAny {
        let hidden = vec![self.neurons; self.layer.saturating_sub(1)];
        MlpAnyConfig::new(self.in_dim, hidden)
            .with_out_dim(self.out_dim)
            .init(device)
    }
}
