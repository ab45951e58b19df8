//! `model_cnn_10layer`: eight convolutions and one linear layer.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use burn_crown::Bounded;

use super::CLASSES;

/// The number of convolutions.
const CONVOLUTIONS: usize = 8;

/// Configuration of [`Cnn10Layer`].
#[derive(Config, Debug, PartialEq)]
pub struct Cnn10LayerConfig {
    /// The number of input channels: 1 for grey images, 3 for colour.
    pub in_ch: usize,
    /// Height and width of the images, at least 16; the reference program allows 32 only.
    pub in_dim: usize,
    /// The width multiplier: the convolutions have from `4 · width` to `64 · width` channels.
    pub width: usize,
}

impl Cnn10LayerConfig {
    /// Builds the network with random weights.
    pub fn init(&self, device: &Device) -> Cnn10Layer {
        let channels = [4, 8, 8, 16, 16, 32, 32, 64].map(|times| times * self.width);
        let inputs = std::iter::once(self.in_ch).chain(channels);
        let convolution = |(index, (input, output)): (usize, (usize, usize))| {
            // Every second one halves the image.
            let config = match index % 2 {
                0 => Conv2dConfig::new([input, output], [3, 3])
                    .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1)),
                _ => Conv2dConfig::new([input, output], [2, 2]).with_stride([2, 2]),
            };
            config.init(device)
        };
        let side = self.in_dim / 16;
        Cnn10Layer {
            convs: inputs.zip(channels).enumerate().map(convolution).collect(),
            fc: LinearConfig::new(64 * self.width * side * side, CLASSES).init(device),
        }
    }
}

/// Four pairs of a convolution that keeps the side and one that halves it, with ReLU after each,
/// and the output layer.
#[derive(Module, Bounded, Debug)]
pub struct Cnn10Layer {
    /// In turn 3 × 3 with stride 1, and 2 × 2 with stride 2.
    pub convs: Vec<Conv2d>,
    /// The output layer.
    pub fc: Linear,
}

impl Cnn10Layer {
    /// The forward pass.
    ///
    /// # Shapes
    /// - `images`: `[B, in_ch, in_dim, in_dim]`
    /// - output: logits `[B, 10]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = self
            .convs
            .iter()
            .fold(images, |x, conv| relu(conv.forward(x)));
        self.fc.forward(x.flatten(1, 3))
    }

    /// Positions in the reference's `Sequential`, where a ReLU comes after every convolution and
    /// then a flatten layer.
    pub(super) fn sequential_layers() -> Vec<(usize, String)> {
        (0..CONVOLUTIONS)
            .map(|index| (2 * index, format!("convs.{index}")))
            .chain([(2 * CONVOLUTIONS + 1, "fc".into())])
            .collect()
    }
}
