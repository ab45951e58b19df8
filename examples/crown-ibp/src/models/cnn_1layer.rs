//! `model_cnn_1layer`: one convolution and one linear layer.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use burn_crown::Bounded;

use super::CLASSES;

/// Positions in the reference's `Sequential`, beside the paths in [`Cnn1Layer`].
pub(super) const SEQUENTIAL_LAYERS: &[(usize, &str)] = &[(0, "conv"), (3, "fc")];

/// Configuration of [`Cnn1Layer`].
#[derive(Config, Debug, PartialEq)]
pub struct Cnn1LayerConfig {
    /// The number of input channels: 1 for grey images, 3 for colour.
    pub in_ch: usize,
    /// Height and width of the images, at least 4.
    pub in_dim: usize,
    /// The width multiplier: the convolution has `8 · width` channels.
    pub width: usize,
}

impl Cnn1LayerConfig {
    /// Builds the network with random weights.
    pub fn init(&self, device: &Device) -> Cnn1Layer {
        let side = self.in_dim / 4;
        let channels = 8 * self.width;
        Cnn1Layer {
            conv: Conv2dConfig::new([self.in_ch, channels], [4, 4])
                .with_stride([4, 4])
                .init(device),
            fc: LinearConfig::new(channels * side * side, CLASSES).init(device),
        }
    }
}

/// A strided convolution, ReLU, and the output layer.
#[derive(Module, Bounded, Debug)]
pub struct Cnn1Layer {
    /// 4 × 4, stride 4: divides the side by four.
    pub conv: Conv2d,
    /// The output layer.
    pub fc: Linear,
}

impl Cnn1Layer {
    /// The forward pass.
    ///
    /// # Shapes
    /// - `images`: `[B, in_ch, in_dim, in_dim]`
    /// - output: logits `[B, 10]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.conv.forward(images));
        self.fc.forward(x.flatten(1, 3))
    }
}
