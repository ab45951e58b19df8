//! A residual network with batch normalisation and pooling.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{AvgPool2d, AvgPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d, Relu};
use burn::tensor::{Device, Tensor};
use burn_crown::{Bounded, Method};

use crate::classifier::train_and_certify;
use crate::error::ExampleError;
use crate::experiment::{Example, Report, Settings};
use crate::training::Recipe;

/// The example.
pub const EXAMPLE: Example = Example {
    name: "resnet",
    about: "Trains a residual network with CROWN-IBP and certifies it",
    lesson: "\
The network is made of Conv2d, BatchNorm, AvgPool2d and Linear, with two skip connections. Nothing
of it is written twice: the bounds are those of its own `forward`, which `#[derive(Bounded)]`
records. Training minimises the natural cross-entropy, and more and more that of the margins' bounds
while ε grows.

Try:
  resnet --epsilon 0.05           an easier radius: smaller errors
  resnet --epochs 4               too short a ramp of ε: the verified error suffers first
  resnet --seed 2                 another start, errors alike",
    settings: Settings {
        epsilon: 0.1,
        epochs: 10,
        train_images: 3_000,
        test_images: 1_000,
        crown_images: 100,
        seed: 1,
    },
    run,
};

const RECIPE: Recipe = Recipe {
    method: Method::CrownIbp,
    final_kappa: Some(0.5),
    learning_rate: 3e-3,
    batch_size: 64,
};

/// The channels of the first block; the second has twice as many.
const CHANNELS: usize = 4;

/// A stem, a block on 14 × 14 pixels, a block down to 7 × 7, and a linear layer.
#[derive(Module, Bounded, Debug)]
pub struct ResNet {
    stem: Conv2d,
    norm: BatchNorm,
    blocks: [Block; 2],
    output: Linear,
    relu: Relu,
}

impl ResNet {
    /// A network with random weights.
    pub fn new(device: &Device) -> Self {
        Self {
            stem: convolution([1, CHANNELS], 5, 2, device),
            norm: BatchNormConfig::new(CHANNELS).init(device),
            blocks: [
                Block::new([CHANNELS, CHANNELS], device),
                Block::new([CHANNELS, 2 * CHANNELS], device),
            ],
            output: LinearConfig::new(2 * CHANNELS * 7 * 7, 10).init(device),
            relu: Relu::new(),
        }
    }

    /// Images `[B, 1, 28, 28]` to logits `[B, 10]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = self.norm.forward(self.stem.forward(images));
        x = self.relu.forward(x);
        for block in &self.blocks {
            x = block.forward(x);
        }
        self.output.forward(x.flatten(1, 3))
    }
}

/// Two convolutions, and a shortcut around them.
#[derive(Module, Debug)]
pub struct Block {
    first: Conv2d,
    first_norm: BatchNorm,
    second: Conv2d,
    second_norm: BatchNorm,
    shortcut: Option<Shortcut>,
    relu: Relu,
}

impl Block {
    /// A block between these numbers of channels; where they differ, it halves the image.
    fn new(channels: [usize; 2], device: &Device) -> Self {
        let [input, output] = channels;
        let norm = || BatchNormConfig::new(output).init(device);
        let halves = input != output;
        Self {
            first: convolution(channels, 3, if halves { 2 } else { 1 }, device),
            first_norm: norm(),
            second: convolution([output, output], 3, 1, device),
            second_norm: norm(),
            shortcut: halves.then(|| Shortcut {
                pool: AvgPool2dConfig::new([2, 2]).init(),
                projection: convolution(channels, 1, 1, device),
                norm: norm(),
            }),
            relu: Relu::new(),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.first_norm.forward(self.first.forward(x.clone()));
        let y = self.second.forward(self.relu.forward(y));
        let around = match &self.shortcut {
            Some(shortcut) => shortcut.forward(x),
            None => x,
        };
        self.relu.forward(self.second_norm.forward(y) + around)
    }
}

/// The way around a block that halves the image.
#[derive(Module, Debug)]
pub struct Shortcut {
    pool: AvgPool2d,
    projection: Conv2d,
    norm: BatchNorm,
}

impl Shortcut {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.projection.forward(self.pool.forward(x));
        self.norm.forward(x)
    }
}

/// A convolution that keeps the size of the image, but for its stride.
fn convolution(channels: [usize; 2], side: usize, stride: usize, device: &Device) -> Conv2d {
    let edge = side / 2;
    Conv2dConfig::new(channels, [side, side])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(edge, edge, edge, edge))
        // The normalisation that follows has a bias.
        .with_bias(false)
        .init(device)
}

/// Trains a network, and certifies it at the trained radius and at half of it.
///
/// # Errors
///
/// If the network cannot be bounded.
pub fn run(settings: &Settings, device: &Device) -> Result<Report, ExampleError> {
    train_and_certify(ResNet::new, RECIPE, settings, device)
}
