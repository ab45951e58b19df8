//! `model_cnn_3layer_fixed`: three convolutions and two linear layers.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use burn_crown::Bounded;

use super::CLASSES;

/// Positions in the reference's `Sequential`, beside the paths in [`Cnn3LayerFixed`].
pub(super) const SEQUENTIAL_LAYERS: &[(usize, &str)] = &[
    (0, "conv1"),
    (2, "conv2"),
    (4, "conv3"),
    (7, "fc1"),
    (9, "fc2"),
];

/// Configuration of [`Cnn3LayerFixed`].
#[derive(Config, Debug, PartialEq)]
pub struct Cnn3LayerFixedConfig {
    /// The number of input channels: 1 for grey images, 3 for colour.
    pub in_ch: usize,
    /// Height and width of the images, at least 8.
    pub in_dim: usize,
    /// The kernel of the first two convolutions: 3 or 5.
    pub kernel_size: usize,
    /// The width multiplier: the convolutions have `4 · width`, `8 · width` and `8 · width`
    /// channels.
    pub width: usize,
    /// The number of neurons of the hidden linear layer; `64 · width` if none is given.
    pub linear_size: Option<usize>,
}

impl Cnn3LayerFixedConfig {
    /// Builds the network with random weights.
    ///
    /// # Panics
    ///
    /// If the image is too small for the kernels.
    pub fn init(&self, device: &Device) -> Cnn3LayerFixed {
        let kernel = self.kernel_size;
        let conv = |channels| {
            Conv2dConfig::new(channels, [kernel, kernel])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        // Each of the first two convolutions changes the side by `3 - kernel`.
        let side = (self.in_dim + 6 - 2 * kernel) / 4;
        let features = 8 * self.width * side * side;
        let hidden = self.linear_size.unwrap_or(64 * self.width);
        Cnn3LayerFixed {
            conv1: conv([self.in_ch, 4 * self.width]),
            conv2: conv([4 * self.width, 8 * self.width]),
            conv3: Conv2dConfig::new([8 * self.width, 8 * self.width], [4, 4])
                .with_stride([4, 4])
                .init(device),
            fc1: LinearConfig::new(features, hidden).init(device),
            fc2: LinearConfig::new(hidden, CLASSES).init(device),
        }
    }
}

/// Two dense convolutions, a strided one, and two linear layers, with ReLU between them.
#[derive(Module, Bounded, Debug)]
pub struct Cnn3LayerFixed {
    /// `kernel_size`, stride 1.
    pub conv1: Conv2d,
    /// `kernel_size`, stride 1.
    pub conv2: Conv2d,
    /// 4 × 4, stride 4: divides the side by four.
    pub conv3: Conv2d,
    /// The hidden linear layer.
    pub fc1: Linear,
    /// The output layer.
    pub fc2: Linear,
}

impl Cnn3LayerFixed {
    /// The forward pass.
    ///
    /// # Shapes
    /// - `images`: `[B, in_ch, in_dim, in_dim]`
    /// - output: logits `[B, 10]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.conv1.forward(images));
        let x = relu(self.conv2.forward(x));
        let x = relu(self.conv3.forward(x));
        let x = relu(self.fc1.forward(x.flatten(1, 3)));
        self.fc2.forward(x)
    }
}
