//! `model_cnn_2layer`: two convolutions and two linear layers.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use burn_crown::Bounded;

use super::CLASSES;

/// Positions in the reference's `Sequential`, beside the paths in [`Cnn2Layer`].
pub(super) const SEQUENTIAL_LAYERS: &[(usize, &str)] =
    &[(0, "conv1"), (2, "conv2"), (5, "fc1"), (7, "fc2")];

/// Configuration of [`Cnn2Layer`].
#[derive(Config, Debug, PartialEq)]
pub struct Cnn2LayerConfig {
    /// The number of input channels: 1 for grey images, 3 for colour.
    pub in_ch: usize,
    /// Height and width of the images, at least 4.
    pub in_dim: usize,
    /// The width multiplier: the convolutions have `4 · width` and `8 · width` channels.
    pub width: usize,
    /// The number of neurons of the hidden linear layer.
    #[config(default = 128)]
    pub linear_size: usize,
}

impl Cnn2LayerConfig {
    /// Builds the network with random weights.
    pub fn init(&self, device: &Device) -> Cnn2Layer {
        let conv = |channels| {
            Conv2dConfig::new(channels, [4, 4])
                .with_stride([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        let side = self.in_dim / 4;
        let features = 8 * self.width * side * side;
        Cnn2Layer {
            conv1: conv([self.in_ch, 4 * self.width]),
            conv2: conv([4 * self.width, 8 * self.width]),
            fc1: LinearConfig::new(features, self.linear_size).init(device),
            fc2: LinearConfig::new(self.linear_size, CLASSES).init(device),
        }
    }
}

/// Two strided convolutions and two linear layers, with ReLU between them.
#[derive(Module, Bounded, Debug)]
pub struct Cnn2Layer {
    /// 4 × 4, stride 2: halves the image.
    pub conv1: Conv2d,
    /// 4 × 4, stride 2: halves it again.
    pub conv2: Conv2d,
    /// The hidden linear layer.
    pub fc1: Linear,
    /// The output layer.
    pub fc2: Linear,
}

impl Cnn2Layer {
    /// The forward pass.
    ///
    /// # Shapes
    /// - `images`: `[B, in_ch, in_dim, in_dim]`
    /// - output: logits `[B, 10]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.conv1.forward(images));
        let x = relu(self.conv2.forward(x));
        let x = relu(self.fc1.forward(x.flatten(1, 3)));
        self.fc2.forward(x)
    }
}
