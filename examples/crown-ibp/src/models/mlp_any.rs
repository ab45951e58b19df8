//! `model_mlp_any`: a fully connected network with any hidden sizes.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use burn_crown::Bounded;

/// Configuration of [`MlpAny`].
#[derive(Config, Debug, PartialEq)]
pub struct MlpAnyConfig {
    /// The number of input values, `C · H · W`; 784 for MNIST.
    pub in_dim: usize,
    /// The number of neurons of each hidden layer.
    pub neurons: Vec<usize>,
    /// The number of classes.
    #[config(default = 10)]
    pub out_dim: usize,
}

impl MlpAnyConfig {
    /// Builds the network with random weights.
    pub fn init(&self, device: &Device) -> MlpAny {
        let inputs = std::iter::once(&self.in_dim).chain(&self.neurons);
        let outputs = self.neurons.iter().chain(std::iter::once(&self.out_dim));
        let layers = inputs
            .zip(outputs)
            .map(|(&input, &output)| LinearConfig::new(input, output).init(device))
            .collect();
        MlpAny { layers }
    }
}

/// Linear layers with ReLU between them.
#[derive(Module, Bounded, Debug)]
pub struct MlpAny {
    /// The linear layers, from the input to the logits.
    pub layers: Vec<Linear>,
}

impl MlpAny {
    /// The forward pass.
    ///
    /// # Shapes
    /// - `images`: `[B, C, H, W]` with `C · H · W = in_dim`
    /// - output: logits `[B, out_dim]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = images.flatten(1, 3);
        for (index, layer) in self.layers.iter().enumerate() {
            if index > 0 {
                x = relu(x);
            }
            x = layer.forward(x);
        }
        x
    }

    /// Positions in the reference's `Sequential`, where a flatten layer comes first and a ReLU
    /// after every hidden layer.
    pub(super) fn sequential_layers(&self) -> Vec<(usize, String)> {
        (0..self.layers.len())
            .map(|index| (2 * index + 1, format!("layers.{index}")))
            .collect()
    }
}
