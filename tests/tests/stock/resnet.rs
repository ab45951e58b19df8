//! A residual network of `nn::conv::Conv2d`, `nn::BatchNorm`, `nn::pool` and `nn::Linear`.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{
    AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, AvgPool2d, AvgPool2dConfig, MaxPool2d,
    MaxPool2dConfig,
};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn_crown::Bounded;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::case::{DEVICE, Recipe, assert_sound};
use crate::draw::{Weights, pick, small};

/// A convolution and the normalisation of what it gives.
#[derive(Module, Debug)]
struct Normed {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Normed {
    fn new([inputs, outputs]: [usize; 2], kernel: usize, stride: usize, bias: bool) -> Self {
        let pad = kernel / 2;
        let config = Conv2dConfig::new([inputs, outputs], [kernel; 2])
            .with_stride([stride; 2])
            .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
            .with_bias(bias);
        Self {
            conv: config.init(&DEVICE),
            norm: BatchNormConfig::new(outputs).init(&DEVICE),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm.forward(self.conv.forward(x))
    }
}

/// The basic block of He et al. 2016, arXiv 1512.03385.
#[derive(Module, Debug)]
struct Block {
    first: Normed,
    second: Normed,
    /// Where the block changes the shape.
    skip: Option<Normed>,
}

impl Block {
    fn new(widths: [usize; 2], stride: usize, bias: bool) -> Self {
        let reshapes = widths[0] != widths[1] || stride != 1;
        Self {
            first: Normed::new(widths, 3, stride, bias),
            second: Normed::new([widths[1]; 2], 3, 1, bias),
            skip: reshapes.then(|| Normed::new(widths, 1, stride, bias)),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let skip = self.skip.as_ref();
        let shortcut = skip.map_or_else(|| x.clone(), |skip| skip.forward(x.clone()));
        let inner = relu(self.first.forward(x));
        relu(self.second.forward(inner) + shortcut)
    }
}

#[derive(Module, Debug)]
enum Pool {
    Max(MaxPool2d),
    Average(AvgPool2d),
    Adaptive(AdaptiveAvgPool2d),
}

#[derive(Module, Bounded, Debug)]
struct ResNet {
    stem: Normed,
    blocks: Vec<Block>,
    pool: Pool,
    head: Linear,
}

impl ResNet {
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let stem = relu(self.stem.forward(x));
        let hidden = self.blocks.iter().fold(stem, |x, block| block.forward(x));
        let pooled = match &self.pool {
            Pool::Max(pool) => pool.forward(hidden),
            Pool::Average(pool) => pool.forward(hidden),
            Pool::Adaptive(pool) => pool.forward(hidden),
        };
        self.head.forward(pooled.flatten::<2>(1, 3))
    }
}

#[derive(Clone, Copy, Debug)]
enum Pooling {
    Max,
    Average,
    Adaptive,
}

#[derive(Debug)]
struct Settings {
    channels: usize,
    size: [usize; 2],
    stem: usize,
    /// Width and stride of each block.
    blocks: Vec<[usize; 2]>,
    bias: bool,
    pooling: Pooling,
    outputs: usize,
    weights: Weights,
}

impl Recipe<4> for Settings {
    type Module = ResNet;

    fn draw(random: &mut StdRng, _: usize) -> Self {
        let pooling = [Pooling::Max, Pooling::Average, Pooling::Adaptive];
        Self {
            channels: small(random, 3),
            size: [0; 2].map(|_| random.random_range(2..=5)),
            stem: small(random, 3),
            blocks: (0..random.random_range(1..=2))
                .map(|_| [small(random, 3), random.random_range(1..=2)])
                .collect(),
            bias: random.random_bool(0.5),
            pooling: pick(random, &pooling),
            outputs: random.random_range(1..=3),
            weights: Weights::draw(random),
        }
    }

    fn dims(&self, batch: usize) -> [usize; 4] {
        [batch, self.channels, self.size[0], self.size[1]]
    }

    fn module(&self, random: &mut StdRng) -> ResNet {
        let (mut width, mut size) = (self.stem, self.size);
        let mut blocks = Vec::new();
        for &[outputs, stride] in &self.blocks {
            blocks.push(Block::new([width, outputs], stride, self.bias));
            (width, size) = (outputs, size.map(|size| size.div_ceil(stride)));
        }
        let window = size.map(|size| size.min(2));
        let (pool, pooled) = match self.pooling {
            Pooling::Max => {
                let config = MaxPool2dConfig::new(window).with_strides([1, 1]);
                (
                    Pool::Max(config.init()),
                    [0, 1].map(|dim| size[dim] + 1 - window[dim]),
                )
            }
            Pooling::Average => {
                let config = AvgPool2dConfig::new(window).with_strides(window);
                (
                    Pool::Average(config.init()),
                    [0, 1].map(|dim| size[dim] / window[dim]),
                )
            }
            Pooling::Adaptive => {
                let config = AdaptiveAvgPool2dConfig::new([1, 1]);
                (Pool::Adaptive(config.init()), [1, 1])
            }
        };
        let features = width * pooled[0] * pooled[1];
        let module = ResNet {
            stem: Normed::new([self.channels, self.stem], 3, 1, self.bias),
            blocks,
            pool,
            head: LinearConfig::new(features, self.outputs).init(&DEVICE),
        };
        self.weights.fill(module, random)
    }
}

#[test]
fn resnet_is_sound() {
    assert_sound::<Settings, 4>();
}
