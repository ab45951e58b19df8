//! Networks with every operator that the checker has.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv1d, Conv1dConfig, Conv2d, Conv2dConfig};
use burn::nn::pool::{AvgPool2d, AvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{
    BatchNorm, BatchNormConfig, LeakyRelu, LeakyReluConfig, Linear, LinearConfig, PaddingConfig2d,
};
use burn::tensor::activation::relu;
use burn::tensor::{DType, Device, Tensor};
use burn_crown::Bounded;
use burn_crown_tests::parameters::map_parameters;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Channels, height and width of the images of all networks.
pub(crate) const SHAPE: [usize; 3] = [2, 6, 6];
pub(crate) const CLASSES: usize = 3;

#[derive(Module, Bounded, Debug)]
#[allow(clippy::large_enum_variant, reason = "a test holds a few")]
pub(crate) enum Net {
    Pooled(Pooled),
    Residual(Residual),
    Sequence(Sequence),
    Affine(Linear),
}

impl Net {
    pub(crate) fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Pooled(net) => net.forward(images),
            Self::Residual(net) => net.forward(images),
            Self::Sequence(net) => net.forward(images),
            Self::Affine(linear) => linear.forward(images.flatten(1, 3)) * 0.5 - 0.25,
        }
    }

    /// All networks, with random parameters and statistics.
    pub(crate) fn all(seed: u64, device: &Device) -> Vec<(&'static str, Self)> {
        let linear = |from, to| LinearConfig::new(from, to).init(device);
        let conv = |channels: [usize; 2], groups| {
            Conv2dConfig::new(channels, [3, 3])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .with_groups(groups)
                .init(device)
        };
        let pooled = Pooled {
            conv: conv([2, 4], 2),
            norm: BatchNormConfig::new(4).init(device),
            leaky: LeakyReluConfig::new().with_negative_slope(0.2).init(),
            most: MaxPool2dConfig::new([3, 3])
                .with_strides([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(),
            mean: AvgPool2dConfig::new([2, 2])
                .with_strides([1, 1])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .with_count_include_pad(false)
                .init(),
            output: linear(64, CLASSES),
        };
        let residual = Residual {
            first: conv([2, 2], 1),
            second: conv([2, 2], 1),
            scale: Param::from_tensor(Tensor::ones([1, 2, 1, 1], device)),
            output: linear(2 * 6, CLASSES),
        };
        let sequence = Sequence {
            conv: Conv1dConfig::new(2, 3, 4)
                .with_stride(2)
                .with_dilation(2)
                .init(device),
            hidden: linear(45, 8),
            output: linear(8, CLASSES),
        };
        let nets = [
            ("pooled", Self::Pooled(pooled)),
            ("residual", Self::Residual(residual)),
            ("sequence", Self::Sequence(sequence)),
            ("affine", Self::Affine(linear(72, CLASSES))),
        ];
        let mut random = StdRng::seed_from_u64(seed);
        nets.map(|(name, net)| {
            let net = map_parameters(net.valid(), DType::F32, |path, _, values| {
                for value in values {
                    let uniform = random.random_range(-1.0..1.0);
                    let drawn: f64 = match path.rsplit('.').next() {
                        Some("running_var") => 1.0 + 0.9 * uniform,
                        _ => 0.6 * uniform,
                    };
                    *value = f64::from(drawn as f32);
                }
            });
            (name, net)
        })
        .into()
    }
}

/// Grouped convolution, normalisation, leaky rectifier and both kinds of pooling.
#[derive(Module, Debug)]
pub(crate) struct Pooled {
    conv: Conv2d,
    norm: BatchNorm,
    leaky: LeakyRelu,
    most: MaxPool2d,
    mean: AvgPool2d,
    output: Linear,
}

impl Pooled {
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = self
            .leaky
            .forward(self.norm.forward(self.conv.forward(images)));
        let x = self.mean.forward(self.most.forward(x));
        self.output.forward(x.flatten(1, 3))
    }
}

/// A value that is used twice, arithmetic with fixed values, reductions, parts and their joining.
#[derive(Module, Debug)]
pub(crate) struct Residual {
    first: Conv2d,
    second: Conv2d,
    scale: Param<Tensor<4>>,
    output: Linear,
}

impl Residual {
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let inner = self
            .second
            .forward(relu(self.first.forward(images.clone())));
        let x = relu(inner * self.scale.val() - images / 2.0);
        let rows = x.clone().mean_dim(3);
        let columns = (-x).sum_dim(2).swap_dims(2, 3) + 0.125;
        let both = Tensor::cat(vec![rows, columns], 1).slice_dim(1, 1..3);
        self.output
            .forward(both.permute([0, 2, 1, 3]).flatten(1, 3))
    }
}

/// A convolution over a sequence, and a product with a matrix for each position.
#[derive(Module, Debug)]
pub(crate) struct Sequence {
    conv: Conv1d,
    hidden: Linear,
    output: Linear,
}

impl Sequence {
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.conv.forward(images.flatten::<3>(2, 3)));
        let x = relu(self.hidden.forward(x.flatten::<2>(1, 2)));
        self.output.forward(x)
    }
}
