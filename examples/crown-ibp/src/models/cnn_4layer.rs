//! `model_cnn_4layer`: four convolutions and three linear layers.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use burn_crown::Bounded;

use super::CLASSES;

/// Positions in the reference's `Sequential`, beside the paths in [`Cnn4Layer`].
pub(super) const SEQUENTIAL_LAYERS: &[(usize, &str)] = &[
    (0, "conv1"),
    (2, "conv2"),
    (4, "conv3"),
    (6, "conv4"),
    (9, "fc1"),
    (11, "fc2"),
    (13, "fc3"),
];

/// Configuration of [`Cnn4Layer`].
#[derive(Config, Debug, PartialEq)]
pub struct Cnn4LayerConfig {
    /// The number of input channels: 1 for grey images, 3 for colour.
    pub in_ch: usize,
    /// Height and width of the images, at least 4.
    pub in_dim: usize,
    /// The width multiplier: the convolutions have `4 · width` channels twice, then `8 · width`
    /// twice.
    pub width: usize,
    /// The number of neurons of both hidden linear layers.
    pub linear_size: usize,
}

impl Cnn4LayerConfig {
    /// Builds the network with random weights.
    pub fn init(&self, device: &Device) -> Cnn4Layer {
        let conv = |channels, kernel, stride| {
            Conv2dConfig::new(channels, [kernel, kernel])
                .with_stride([stride, stride])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        let (narrow, wide) = (4 * self.width, 8 * self.width);
        let side = self.in_dim / 4;
        let features = wide * side * side;
        Cnn4Layer {
            conv1: conv([self.in_ch, narrow], 3, 1),
            conv2: conv([narrow, narrow], 4, 2),
            conv3: conv([narrow, wide], 3, 1),
            conv4: conv([wide, wide], 4, 2),
            fc1: LinearConfig::new(features, self.linear_size).init(device),
            fc2: LinearConfig::new(self.linear_size, self.linear_size).init(device),
            fc3: LinearConfig::new(self.linear_size, CLASSES).init(device),
        }
    }
}

/// Two pairs of a dense and a strided convolution, and three linear layers, with ReLU between
/// them.
#[derive(Module, Bounded, Debug)]
pub struct Cnn4Layer {
    /// 3 × 3, stride 1.
    pub conv1: Conv2d,
    /// 4 × 4, stride 2: halves the image.
    pub conv2: Conv2d,
    /// 3 × 3, stride 1.
    pub conv3: Conv2d,
    /// 4 × 4, stride 2: halves it again.
    pub conv4: Conv2d,
    /// The first hidden linear layer.
    pub fc1: Linear,
    /// The second hidden linear layer.
    pub fc2: Linear,
    /// The output layer.
    pub fc3: Linear,
}

impl Cnn4Layer {
    /// The forward pass.
    ///
    /// # Shapes
    /// - `images`: `[B, in_ch, in_dim, in_dim]`
    /// - output: logits `[B, 10]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.conv1.forward(images));
        let x = relu(self.conv2.forward(x));
        let x = relu(self.conv3.forward(x));
        let x = relu(self.conv4.forward(x));
        let x = relu(self.fc1.forward(x.flatten(1, 3)));
        let x = relu(self.fc2.forward(x));
        self.fc3.forward(x)
    }
}
