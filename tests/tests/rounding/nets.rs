//! Networks of Burn, and the same as matrices of 256-bit numbers.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{relu, tanh};
use burn::tensor::{DType, Tensor};
use burn_crown::Bounded;
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::test_device;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::dense::{Dense, Layer};
use crate::number::{Number, number, numbers};

/// A network whose value can be had in 256 bits.
pub(crate) trait Twin<const D: usize>: Bounded {
    /// Inputs `[1, ...]`.
    const INPUT: [usize; D];

    /// Whether Burn has all of it in `f64`.
    const DOUBLE: bool = true;

    fn new() -> Self;

    /// The output for an input, both flattened.
    fn value(&self, x: Vec<Number>) -> Vec<Number>;
}

/// A network that is a chain of layers.
pub(crate) trait Layered<const D: usize>: Twin<D> {
    fn exact(&self) -> Dense;
}

/// The network with random parameters of a size that keeps values about as large as they are.
pub(crate) fn random<const D: usize, N: Twin<D>>(seed: u64, dtype: DType) -> N {
    random_of_size(seed, dtype, 1.0)
}

/// The network with random parameters, so many times as large.
pub(crate) fn random_of_size<const D: usize, N: Twin<D>>(seed: u64, dtype: DType, gain: f64) -> N {
    let mut random = StdRng::seed_from_u64(seed);
    map_parameters(N::new(), dtype, |_, shape, values| {
        let bound = gain * 3.0 / (values.len() as f64 / shape[shape.len() - 1] as f64).sqrt();
        let drawn = std::iter::repeat_with(|| random.random_range(-bound..bound));
        values.iter_mut().zip(drawn).for_each(|(value, drawn)| {
            *value = if dtype == DType::F32 {
                f64::from(drawn as f32)
            } else {
                drawn
            };
        });
    })
}

fn affine(linear: &Linear) -> Layer {
    let [inputs, outputs] = linear.weight.dims();
    let weight = to_vec(linear.weight.val());
    let column = |out: usize| (0..inputs).map(move |input| input * outputs + out);
    Layer::Affine {
        weight: (0..outputs)
            .map(|out| column(out).map(|at| number(weight[at])).collect())
            .collect(),
        bias: numbers(&to_vec(linear.bias.as_ref().map(Param::val).unwrap())),
    }
}

pub(crate) fn linear(inputs: usize, outputs: usize) -> Linear {
    LinearConfig::new(inputs, outputs).init(&test_device())
}

/// Two layers of rectifiers.
#[derive(Module, Bounded, Debug)]
pub(crate) struct Rectified {
    first: Linear,
    second: Linear,
    output: Linear,
}

impl Rectified {
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = relu(self.first.forward(x));
        self.output.forward(relu(self.second.forward(x)))
    }
}

impl Twin<2> for Rectified {
    const INPUT: [usize; 2] = [1, 6];

    fn new() -> Self {
        Self {
            first: linear(6, 12),
            second: linear(12, 10),
            output: linear(10, 4),
        }
    }

    fn value(&self, x: Vec<Number>) -> Vec<Number> {
        self.exact().value(x)
    }
}

impl Layered<2> for Rectified {
    fn exact(&self) -> Dense {
        let [first, second, output] = [&self.first, &self.second, &self.output].map(affine);
        Dense(vec![first, Layer::Relu, second, Layer::Relu, output])
    }
}

/// A rectifier, then hyperbolic tangents.
#[derive(Module, Bounded, Debug)]
pub(crate) struct Smooth {
    first: Linear,
    second: Linear,
    output: Linear,
}

impl Smooth {
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = relu(self.first.forward(x));
        self.output.forward(tanh(self.second.forward(x)))
    }
}

impl Twin<2> for Smooth {
    const INPUT: [usize; 2] = [1, 6];

    fn new() -> Self {
        Self {
            first: linear(6, 9),
            second: linear(9, 8),
            output: linear(8, 3),
        }
    }

    fn value(&self, x: Vec<Number>) -> Vec<Number> {
        self.exact().value(x)
    }
}

impl Layered<2> for Smooth {
    fn exact(&self) -> Dense {
        let [first, second, output] = [&self.first, &self.second, &self.output].map(affine);
        Dense(vec![first, Layer::Relu, second, Layer::Tanh, output])
    }
}

/// A convolution with a stride and padding, and a linear layer.
#[derive(Module, Bounded, Debug)]
pub(crate) struct Convolved {
    conv: Conv2d,
    output: Linear,
}

/// Channels of the image.
const IN: usize = 2;

/// Height and width of the image.
const SIZE: usize = 5;

/// Channels of the convolution.
const OUT: usize = 3;

/// Stride 2 and padding 1 make 3 × 3 of 5 × 5.
const POOLED: usize = 3;

impl Convolved {
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        self.output
            .forward(relu(self.conv.forward(x)).flatten(1, 3))
    }
}

impl Twin<4> for Convolved {
    const INPUT: [usize; 4] = [1, IN, SIZE, SIZE];

    fn new() -> Self {
        Self {
            conv: Conv2dConfig::new([IN, OUT], [3, 3])
                .with_stride([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(&test_device()),
            output: linear(OUT * POOLED * POOLED, 4),
        }
    }

    fn value(&self, x: Vec<Number>) -> Vec<Number> {
        self.exact().value(x)
    }
}

impl Layered<4> for Convolved {
    fn exact(&self) -> Dense {
        let kernel = to_vec(self.conv.weight.val());
        let biases = to_vec(self.conv.bias.as_ref().map(Param::val).unwrap());
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for (out, row, column) in places(OUT, POOLED) {
            let mut coefficients = vec![number(0.0); IN * SIZE * SIZE];
            for (channel, down, right) in places(IN, 3) {
                let place = |at: usize, tap: usize| {
                    (2 * at + tap).checked_sub(1).filter(|&place| place < SIZE)
                };
                if let (Some(y), Some(x)) = (place(row, down), place(column, right)) {
                    let tap = ((out * IN + channel) * 3 + down) * 3 + right;
                    coefficients[(channel * SIZE + y) * SIZE + x] = number(kernel[tap]);
                }
            }
            weight.push(coefficients);
            bias.push(number(biases[out]));
        }
        let conv = Layer::Affine { weight, bias };
        Dense(vec![conv, Layer::Relu, affine(&self.output)])
    }
}

/// Channels, rows and columns of a square image.
fn places(channels: usize, size: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..channels * size * size).map(move |at| (at / size / size, at / size % size, at % size))
}
