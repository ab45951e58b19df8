//! `IBP_large`: the "large" network of Gowal et al. 2018 (arXiv 1810.12715), dm-large for short.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use burn_crown::Bounded;

use super::CLASSES;

/// Positions in the reference's `Sequential`, beside the paths in [`IbpLarge`].
pub(super) const SEQUENTIAL_LAYERS: &[(usize, &str)] = &[
    (0, "conv1"),
    (2, "conv2"),
    (4, "conv3"),
    (6, "conv4"),
    (8, "conv5"),
    (11, "fc1"),
    (13, "fc2"),
];

/// Configuration of [`IbpLarge`].
#[derive(Config, Debug, PartialEq)]
pub struct IbpLargeConfig {
    /// The number of input channels: 1 for grey images, 3 for colour.
    pub in_ch: usize,
    /// Height and width of the images, an even number.
    pub in_dim: usize,
    /// The number of neurons of the hidden linear layer.
    #[config(default = 512)]
    pub linear_size: usize,
}

impl IbpLargeConfig {
    /// Builds the network with random weights.
    pub fn init(&self, device: &Device) -> IbpLarge {
        let conv = |channels, stride| {
            Conv2dConfig::new(channels, [3, 3])
                .with_stride([stride, stride])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        let side = self.in_dim / 2;
        IbpLarge {
            conv1: conv([self.in_ch, 64], 1),
            conv2: conv([64, 64], 1),
            conv3: conv([64, 128], 2),
            conv4: conv([128, 128], 1),
            conv5: conv([128, 128], 1),
            fc1: LinearConfig::new(128 * side * side, self.linear_size).init(device),
            fc2: LinearConfig::new(self.linear_size, CLASSES).init(device),
        }
    }
}

/// Five 3 × 3 convolutions and two linear layers, with ReLU between them.
#[derive(Module, Bounded, Debug)]
pub struct IbpLarge {
    /// 64 channels, stride 1.
    pub conv1: Conv2d,
    /// 64 channels, stride 1.
    pub conv2: Conv2d,
    /// 128 channels, stride 2: halves the image.
    pub conv3: Conv2d,
    /// 128 channels, stride 1.
    pub conv4: Conv2d,
    /// 128 channels, stride 1.
    pub conv5: Conv2d,
    /// The hidden linear layer.
    pub fc1: Linear,
    /// The output layer.
    pub fc2: Linear,
}

impl IbpLarge {
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
        let x = relu(self.conv5.forward(x));
        let x = relu(self.fc1.forward(x.flatten(1, 3)));
        self.fc2.forward(x)
    }
}
