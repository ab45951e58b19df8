//! Recipes of layers, which fit themselves to the shape that they meet.

use burn::module::Param;
use burn::nn::conv::{Conv1dConfig, Conv2dConfig};
use burn::nn::pool::{AvgPool1dConfig, AvgPool2dConfig};
use burn::nn::{
    BatchNormConfig, LinearConfig, PReluConfig, PaddingConfig1d, PaddingConfig2d, Relu,
};
use burn::tensor::{Device, Tensor};
use proptest::prelude::*;

use super::activations::ACTIVATIONS;
use super::elementwise::{Combine, Operand};
use super::layers::{Layer, Matrix, Part, Scalar};
use crate::on_libtorch;

/// The largest number of features of a value: what keeps a case quick.
const WIDEST: usize = 72;

/// A layer, but for its weights and for what its input's shape decides.
#[derive(Clone, Debug)]
pub enum Recipe {
    /// `nn::Linear` with so many outputs.
    Linear { outputs: usize, bias: bool },
    /// `nn::conv::Conv1d` or `Conv2d`; padding is before and after each dim.
    Conv {
        outputs: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        dilation: [usize; 2],
        padding: [usize; 4],
        grouped: bool,
        bias: bool,
    },
    /// `nn::pool::AvgPool1d` or `AvgPool2d`.
    Pool {
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 4],
        ceil_mode: bool,
        count_include_pad: bool,
    },
    /// `nn::BatchNorm`.
    BatchNorm,
    /// The rectifier, as a module or a function.
    Relu { function: bool },
    /// A smooth or kinked function of each element.
    Activation { pick: usize },
    /// A parameter or constant that is broadcast along the dims where `along` says so.
    Operand {
        along: [bool; 3],
        constant: bool,
        combine: Combine,
    },
    /// A scalar factor and term.
    Scalar {
        factor: f64,
        term: f64,
        inverse: bool,
    },
    /// `−x`.
    Negate,
    /// Plus or minus an earlier value of the same shape.
    Skip { pick: usize, minus: bool },
    /// Times an earlier value of the same shape.
    Product { pick: usize },
    /// `nn::PRelu`, with a slope for each channel or one for all.
    PRelu { shared: bool },
    /// A product with a matrix from the right or the left.
    Matmul { size: usize, left: bool },
    /// Other dims behind the batch; none are `Flatten`.
    Reshape { picks: Vec<usize> },
    /// The dims behind the batch in another order, by `permute` or `swap_dims`.
    Transpose { pick: usize, swap: bool },
    /// A dim of size 1 away.
    Squeeze,
    /// A sum or mean over a dim.
    Reduce { pick: usize, mean: bool, two: bool },
    /// Constants around the last dim.
    Pad { sizes: [usize; 2], value: usize },
    /// A part of a dim behind the batch, with a step that may be negative.
    Slice {
        dim: usize,
        cut: [usize; 2],
        step: i64,
    },
}

/// Lists of recipes, most of them ending in a linear layer with `outputs` outputs.
pub fn recipes(outputs: usize) -> impl Strategy<Value = Vec<Recipe>> {
    (
        prop::collection::vec(recipe(), 1..7),
        prop::bool::weighted(0.8),
    )
        .prop_map(move |(mut recipes, head)| {
            if head {
                recipes.push(Recipe::Reshape { picks: Vec::new() });
                recipes.push(Recipe::Linear {
                    outputs,
                    bias: true,
                });
            }
            recipes
        })
}

/// One or two recipes, for operators that meet the region itself.
pub fn short_recipes() -> impl Strategy<Value = Vec<Recipe>> {
    prop::collection::vec(recipe(), 1..=2)
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let pair = |from: usize, to: usize| [from..=to, from..=to];
    let padding = || [0..=2usize, 0..=2, 0..=2, 0..=2];
    let combine = prop::sample::select(vec![
        Combine::Add,
        Combine::Sub,
        Combine::SubFrom,
        Combine::Mul,
        Combine::Div,
    ]);
    prop_oneof![
        3 => (1..=6usize, any::<bool>())
            .prop_map(|(outputs, bias)| Recipe::Linear { outputs, bias }),
        4 => (
            1..=4usize, pair(1, 3), pair(1, 3), pair(1, 2), padding(), any::<bool>(), any::<bool>()
        ).prop_map(|(outputs, kernel, stride, dilation, padding, grouped, bias)| {
            Recipe::Conv { outputs, kernel, stride, dilation, padding, grouped, bias }
        }),
        2 => (pair(1, 3), pair(1, 3), padding(), any::<bool>(), any::<bool>()).prop_map(
            |(kernel, stride, padding, ceil_mode, count_include_pad)| {
                Recipe::Pool { kernel, stride, padding, ceil_mode, count_include_pad }
            }
        ),
        1 => Just(Recipe::BatchNorm),
        6 => any::<bool>().prop_map(|function| Recipe::Relu { function }),
        2 => (0..ACTIVATIONS.len()).prop_map(|pick| Recipe::Activation { pick }),
        3 => (any::<[bool; 3]>(), any::<bool>(), combine)
            .prop_map(|(along, constant, combine)| Recipe::Operand { along, constant, combine }),
        1 => (prop::sample::select(vec![-1.5, 0.5, 2.0]), -1.0..1.0, any::<bool>())
            .prop_map(|(factor, term, inverse)| Recipe::Scalar { factor, term, inverse }),
        1 => Just(Recipe::Negate),
        2 => (0..8usize, any::<bool>()).prop_map(|(pick, minus)| Recipe::Skip { pick, minus }),
        1 => (0..8usize).prop_map(|pick| Recipe::Product { pick }),
        1 => any::<bool>().prop_map(|shared| Recipe::PRelu { shared }),
        2 => (1..=4usize, any::<bool>()).prop_map(|(size, left)| Recipe::Matmul { size, left }),
        2 => prop::collection::vec(0..6usize, 0..3).prop_map(|picks| Recipe::Reshape { picks }),
        1 => (0..6usize, any::<bool>()).prop_map(|(pick, swap)| Recipe::Transpose { pick, swap }),
        1 => Just(Recipe::Squeeze),
        1 => (0..3usize, any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(pick, mean, two)| Recipe::Reduce { pick, mean, two }),
        1 => ([0..=2usize, 0..=2], 0..=1usize)
            .prop_map(|(sizes, value)| Recipe::Pad { sizes, value }),
        1 => (0..3usize, [0..=2usize, 0..=2], prop::sample::select(vec![1, 1, 2, -1, -2]))
            .prop_map(|(dim, cut, step)| Recipe::Slice { dim, cut, step }),
    ]
}

impl Recipe {
    /// The layer for the last of the values with these shapes, if the recipe fits.
    pub(super) fn layer(&self, values: &[Vec<usize>], device: &Device) -> Option<Layer> {
        let shape = values.last()?.as_slice();
        let (rank, last) = (shape.len(), *shape.last()?);
        let features: usize = shape[1..].iter().product();
        match self {
            Self::Linear { outputs, bias } => (features / last * outputs <= WIDEST).then(|| {
                Layer::Linear(
                    LinearConfig::new(last, *outputs)
                        .with_bias(*bias)
                        .init(device),
                )
            }),
            Self::Conv { .. } => self.conv(shape, device),
            Self::Pool { .. } => self.pool(shape),
            Self::BatchNorm => Some(Layer::BatchNorm(
                BatchNormConfig::new(shape[1]).init(device),
            )),
            Self::Relu { function: true } => Some(Layer::Rectify(0)),
            Self::Relu { function: false } => Some(Layer::Relu(Relu::new())),
            Self::Activation { pick } => Some(Layer::Activation(*pick)),
            Self::Operand {
                along,
                constant,
                combine,
            } => {
                let mut operand = vec![1; rank];
                for dim in 1..rank {
                    // Along a dim of size 1 the value itself is broadcast.
                    let wide = if shape[dim] == 1 { 2 } else { shape[dim] };
                    operand[dim] = if along[dim - 1] { wide } else { 1 };
                }
                let result: usize = (1..rank).map(|dim| shape[dim].max(operand[dim])).product();
                (result <= WIDEST)
                    .then(|| Layer::Operand(Operand::new(operand, *constant, *combine, device)))
            }
            Self::Scalar {
                factor,
                term,
                inverse,
            } => Some(Layer::Scalar(Scalar {
                factor: *factor,
                term: *term,
                inverse: *inverse,
            })),
            Self::Negate => Some(Layer::Negate(0)),
            Self::Product { pick } => Some(Layer::Times(alike(values, shape, *pick))),
            Self::PRelu { shared } => {
                let slopes = if *shared { 1 } else { shape[1] };
                let config = PReluConfig::new().with_num_parameters(slopes);
                Some(Layer::PRelu(config.init(device)))
            }
            Self::Skip { pick, minus } => {
                let index = alike(values, shape, *pick);
                Some(if *minus {
                    Layer::Minus(index)
                } else {
                    Layer::Plus(index)
                })
            }
            Self::Matmul { size, left } => {
                let inner = if *left { shape[rank - 2] } else { last };
                // Burn puts the batch second in a product of rank 3 with row vectors on its left,
                // which the library refuses; for a fixed left factor, in a batch of one.
                let rows = if *left { *size } else { shape[1] };
                let moves_batch = rank == 3 && rows == 1;
                let fits = features / inner * size <= WIDEST && (!left || rank > 2) && !moves_batch;
                let weight = Param::from_tensor(Tensor::ones([inner, *size], device));
                let matrix = Matrix { weight };
                fits.then(|| match left {
                    true => Layer::MatmulLeft(matrix),
                    false => Layer::MatmulRight(matrix),
                })
            }
            Self::Reshape { picks } => {
                let mut dims = Vec::new();
                let mut rest = features;
                for pick in picks {
                    let divisors: Vec<usize> =
                        (1..=rest).filter(|d| rest.is_multiple_of(*d)).collect();
                    dims.push(divisors[pick % divisors.len()]);
                    rest /= dims[dims.len() - 1];
                }
                dims.push(rest);
                Some(Layer::Reshape(dims))
            }
            Self::Transpose { pick, swap } => match (rank, swap) {
                (2, _) => None,
                (3, true) => Some(Layer::SwapDims(vec![1, 2])),
                (3, false) => Some(Layer::Permute(vec![0, 2, 1])),
                (_, true) => Some(Layer::SwapDims([[1, 2], [1, 3], [2, 3]][pick % 3].to_vec())),
                (_, false) => {
                    let orders = [[0, 2, 3, 1], [0, 3, 1, 2], [0, 3, 2, 1]];
                    Some(Layer::Permute(orders[pick % 3].to_vec()))
                }
            },
            Self::Squeeze => {
                let dim = (1..rank).find(|&dim| shape[dim] == 1)?;
                (rank > 2).then_some(Layer::Squeeze(dim))
            }
            Self::Reduce { two: true, .. } => (rank > 2).then_some(Layer::SumDims(0)),
            Self::Reduce { pick, mean, .. } => {
                let dim = 1 + pick % (rank - 1);
                Some(if *mean {
                    Layer::MeanDim(dim)
                } else {
                    Layer::SumDim(dim)
                })
            }
            Self::Pad {
                sizes: [left, right],
                value,
            } => (features / last * (last + left + right) <= WIDEST)
                .then(|| Layer::Pad(vec![*left, *right, *value])),
            Self::Slice {
                dim,
                cut: [before, after],
                step,
            } => {
                let dim = 1 + dim % (rank - 1);
                // On libtorch, Burn 0.22.1 panics in the gradient of a slice with another step,
                // which the tests follow to the corners of a region.
                let step = if on_libtorch() { 1 } else { *step };
                (before + after < shape[dim]).then(|| {
                    Layer::Slice(Part {
                        dim,
                        start: *before,
                        end: shape[dim] - after,
                        step,
                    })
                })
            }
        }
    }

    fn conv(&self, shape: &[usize], device: &Device) -> Option<Layer> {
        let Self::Conv {
            outputs,
            kernel,
            stride,
            dilation,
            padding,
            grouped,
            bias,
        } = self
        else {
            return None;
        };
        let channels = *shape.get(1)?;
        let groups = if *grouped && channels % 2 == 0 && outputs % 2 == 0 {
            2
        } else {
            1
        };
        let size = |dim: usize| {
            let padded = shape[2 + dim] + padding[2 * dim] + padding[2 * dim + 1];
            let room = padded.checked_sub(dilation[dim] * (kernel[dim] - 1) + 1)?;
            Some(room / stride[dim] + 1)
        };
        match shape.len() {
            3 => (outputs * size(0)? <= WIDEST).then(|| {
                let config = Conv1dConfig::new(channels, *outputs, kernel[0])
                    .with_stride(stride[0])
                    .with_dilation(dilation[0])
                    .with_groups(groups)
                    .with_padding(PaddingConfig1d::Explicit(padding[0], padding[1]))
                    .with_bias(*bias);
                Layer::Conv1d(config.init(device))
            }),
            4 => (outputs * size(0)? * size(1)? <= WIDEST).then(|| {
                let config = Conv2dConfig::new([channels, *outputs], *kernel)
                    .with_stride(*stride)
                    .with_dilation(*dilation)
                    .with_groups(groups)
                    .with_padding(padding_2d(padding))
                    .with_bias(*bias);
                Layer::Conv2d(config.init(device))
            }),
            _ => None,
        }
    }

    fn pool(&self, shape: &[usize]) -> Option<Layer> {
        let Self::Pool {
            kernel,
            stride,
            padding,
            ceil_mode,
            count_include_pad,
        } = self
        else {
            return None;
        };
        // A window must hold at least one element of the input.
        let mut padding = *padding;
        for (at, padding) in padding.iter_mut().enumerate() {
            *padding = (*padding).min(kernel[at / 2] / 2);
        }
        let fits =
            |dim: usize| shape[2 + dim] + padding[2 * dim] + padding[2 * dim + 1] >= kernel[dim];
        match shape.len() {
            3 => fits(0).then(|| {
                let config = AvgPool1dConfig::new(kernel[0])
                    .with_stride(stride[0])
                    .with_padding(PaddingConfig1d::Explicit(padding[0], padding[1]))
                    .with_ceil_mode(*ceil_mode)
                    .with_count_include_pad(*count_include_pad);
                Layer::AvgPool1d(config.init())
            }),
            4 => (fits(0) && fits(1)).then(|| {
                let config = AvgPool2dConfig::new(*kernel)
                    .with_strides(*stride)
                    .with_padding(padding_2d(&padding))
                    .with_ceil_mode(*ceil_mode)
                    .with_count_include_pad(*count_include_pad);
                Layer::AvgPool2d(config.init())
            }),
            _ => None,
        }
    }
}

/// One of the values of a shape.
fn alike(values: &[Vec<usize>], shape: &[usize], pick: usize) -> usize {
    let same: Vec<usize> = (0..values.len())
        .filter(|&index| values[index] == shape)
        .collect();
    same[pick % same.len()]
}

/// From before and after each dim to Burn's order.
fn padding_2d(padding: &[usize; 4]) -> PaddingConfig2d {
    let [top, bottom, left, right] = *padding;
    PaddingConfig2d::Explicit(top, left, bottom, right)
}
