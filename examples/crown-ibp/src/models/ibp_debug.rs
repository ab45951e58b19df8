//! `IBP_debug`: the smallest convolutional network, to try things out.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use burn_crown::Bounded;

use super::CLASSES;

/// Positions in the reference's `Sequential`, beside the paths in [`IbpDebug`].
pub(super) const SEQUENTIAL_LAYERS: &[(usize, &str)] = &[(0, "conv1"), (2, "conv2"), (5, "fc")];

/// Configuration of [`IbpDebug`], for grey images.
#[derive(Config, Debug, PartialEq)]
pub struct IbpDebugConfig {
    /// Height and width of the images, a multiple of 4.
    pub in_dim: usize,
}

impl IbpDebugConfig {
    /// Builds the network with random weights.
    pub fn init(&self, device: &Device) -> IbpDebug {
        let conv = || {
            Conv2dConfig::new([1, 1], [3, 3])
                .with_stride([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        let side = self.in_dim / 4;
        IbpDebug {
            conv1: conv(),
            conv2: conv(),
            fc: LinearConfig::new(side * side, CLASSES).init(device),
        }
    }
}

/// Two strided convolutions of one channel with ReLU, and the output layer.
#[derive(Module, Bounded, Debug)]
pub struct IbpDebug {
    /// 3 × 3, stride 2: halves the image.
    pub conv1: Conv2d,
    /// 3 × 3, stride 2: halves it again.
    pub conv2: Conv2d,
    /// The output layer.
    pub fc: Linear,
}

impl IbpDebug {
    /// The forward pass.
    ///
    /// # Shapes
    /// - `images`: `[B, 1, in_dim, in_dim]`
    /// - output: logits `[B, 10]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.conv1.forward(images));
        let x = relu(self.conv2.forward(x));
        self.fc.forward(x.flatten(1, 3))
    }
}
