//! The layers of a random network.

use burn::module::{Module, Param};
use burn::nn;
use burn::tensor::activation::relu;
use burn::tensor::{Slice, Tensor};
use burn_crown::AnyTensor;

use super::activations::{activate, magnitude};
use super::elementwise::{Operand, at_rank, flat};

/// Whether a network computes its value or the sum of the absolute values of its terms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sign {
    /// The value.
    Kept,
    /// The absolute terms, for absolute parameters and inputs.
    Dropped,
}

/// One step of a random network. Burn's modules have no unit variants, so settings are fields.
#[derive(Module, Debug)]
pub enum Layer {
    /// Over the last dim; Burn merges the batch with the others.
    Linear(nn::Linear),
    /// `[B, C, L]`.
    Conv1d(nn::conv::Conv1d),
    /// `[B, C, H, W]`.
    Conv2d(nn::conv::Conv2d),
    /// `[B, C, L]`.
    AvgPool1d(nn::pool::AvgPool1d),
    /// `[B, C, H, W]`.
    AvgPool2d(nn::pool::AvgPool2d),
    /// Over dim 1.
    BatchNorm(nn::BatchNorm),
    /// The rectifier as a module.
    Relu(nn::Relu),
    /// The rectifier as a function.
    Rectify(usize),
    /// A function of each element, by its index in the list of functions.
    Activation(usize),
    /// With a parameter or a constant.
    Operand(Operand),
    /// With a scalar.
    Scalar(Scalar),
    /// `−x`.
    Negate(usize),
    /// Plus an earlier value, by its index.
    Plus(usize),
    /// Minus an earlier value, by its index.
    Minus(usize),
    /// Times an earlier value, by its index.
    Times(usize),
    /// A slope below zero for each channel.
    PRelu(nn::PRelu),
    /// `x · W`, without merging the batch.
    MatmulRight(Matrix),
    /// `W · x`.
    MatmulLeft(Matrix),
    /// To the dims behind the batch.
    Reshape(Vec<usize>),
    /// Two dims exchanged.
    SwapDims(Vec<usize>),
    /// All dims in another order.
    Permute(Vec<usize>),
    /// A dim of size 1 away, and back at the end.
    Squeeze(usize),
    /// A sum over a dim, which stays.
    SumDim(usize),
    /// A mean over a dim, which stays.
    MeanDim(usize),
    /// A sum over the last two dims, which stay.
    SumDims(usize),
    /// Zeros or ones around the last dim.
    Pad(Vec<usize>),
    /// A part of a dim.
    Slice(Part),
}

/// The range `start..end` of a dim, every `step`-th element.
#[derive(Module, Debug)]
pub struct Part {
    /// The dim.
    pub dim: usize,
    /// The first element.
    pub start: usize,
    /// One past the last element.
    pub end: usize,
    /// The step; a negative one reverses.
    pub step: i64,
}

/// `factor · x + term`, or `x / factor − term`.
#[derive(Module, Debug)]
pub struct Scalar {
    /// The factor.
    pub factor: f64,
    /// The term.
    pub term: f64,
    /// Whether it divides and subtracts.
    pub inverse: bool,
}

/// A matrix `[in, out]`.
#[derive(Module, Debug)]
pub struct Matrix {
    /// The matrix.
    pub weight: Param<Tensor<2>>,
}

impl Layer {
    /// The value of the layer, given those of the input and of all earlier layers.
    pub(super) fn forward(&self, values: &[AnyTensor], sign: Sign) -> AnyTensor {
        let signs = sign == Sign::Kept;
        let x = values[values.len() - 1].clone();
        match self {
            Self::Linear(layer) => at_rank!(x, |x| layer.forward(x)),
            Self::Conv1d(layer) => AnyTensor::new(layer.forward(x.into_tensor())),
            Self::Conv2d(layer) => AnyTensor::new(layer.forward(x.into_tensor())),
            Self::AvgPool1d(layer) => AnyTensor::new(layer.forward(x.into_tensor())),
            Self::AvgPool2d(layer) => AnyTensor::new(layer.forward(x.into_tensor())),
            Self::BatchNorm(layer) => at_rank!(x, |x| layer.forward(x)),
            Self::Relu(layer) => at_rank!(x, |x| layer.forward(x)),
            Self::Rectify(_) => at_rank!(x, |x| relu(x)),
            Self::Activation(index) if signs => at_rank!(x, |x| activate(*index, x)),
            Self::Activation(_) => at_rank!(x, |x| magnitude(x)),
            Self::Operand(operand) => operand.forward(x, signs),
            Self::Scalar(scalar) => at_rank!(x, |x| scalar.forward(x, signs)),
            Self::Negate(_) if signs => at_rank!(x, |x| x.neg()),
            Self::Negate(_) => x,
            Self::Minus(index) if signs => {
                at_rank!(x, |x| x - values[*index].clone().into_tensor::<D>())
            }
            Self::Plus(index) | Self::Minus(index) => {
                at_rank!(x, |x| x + values[*index].clone().into_tensor::<D>())
            }
            Self::Times(index) => {
                at_rank!(x, |x| x * values[*index].clone().into_tensor::<D>())
            }
            Self::PRelu(layer) if signs => at_rank!(x, |x| layer.forward(x)),
            Self::PRelu(_) => at_rank!(x, |x| magnitude(x)),
            Self::MatmulRight(matrix) => {
                at_rank!(x, |x| x.matmul(matrix.weight.val().unsqueeze::<D>()))
            }
            Self::MatmulLeft(matrix) => {
                let weight = matrix.weight.val().transpose();
                at_rank!(x, |x| weight.unsqueeze::<D>().matmul(x))
            }
            Self::Reshape(dims) => {
                let (x, batch) = (flat(x.clone()), x.shape()[0]);
                match dims[..] {
                    [a] => AnyTensor::new(x.reshape([batch, a])),
                    [a, b] => AnyTensor::new(x.reshape([batch, a, b])),
                    [a, b, c] => AnyTensor::new(x.reshape([batch, a, b, c])),
                    _ => panic!("random networks hold no tensor of shape {dims:?}"),
                }
            }
            Self::SwapDims(dims) => at_rank!(x, |x| x.swap_dims(dims[0], dims[1])),
            Self::Permute(axes) => at_rank!(x, |x| {
                let axes: [usize; D] = axes.as_slice().try_into().expect("the rank of the value");
                x.permute(axes)
            }),
            Self::Squeeze(dim) => match x.rank() {
                4 => AnyTensor::new(x.into_tensor::<4>().squeeze_dim::<3>(*dim)),
                _ => AnyTensor::new(x.into_tensor::<3>().squeeze_dim::<2>(*dim)),
            },
            Self::SumDim(dim) => at_rank!(x, |x| x.sum_dim(*dim)),
            Self::MeanDim(dim) => at_rank!(x, |x| x.mean_dim(*dim)),
            Self::SumDims(_) => at_rank!(x, |x| x.sum_dims(&[D - 2, D - 1])),
            Self::Pad(sizes) => {
                let (left, right, value) = (sizes[0], sizes[1], sizes[2]);
                at_rank!(x, |x| x.pad([(left, right)], value as f64))
            }
            Self::Slice(part) => {
                let (start, end) = (part.start as isize, part.end as isize);
                let slice = Slice::new(start, Some(end), part.step as isize);
                at_rank!(x, |x| x.slice_dim(part.dim, slice))
            }
        }
    }
}

impl Scalar {
    fn forward<const D: usize>(&self, x: Tensor<D>, signs: bool) -> Tensor<D> {
        let size = |value: f64| if signs { value } else { value.abs() };
        match (self.inverse, signs) {
            (false, _) => x.mul_scalar(size(self.factor)).add_scalar(size(self.term)),
            (true, true) => x.div_scalar(self.factor).sub_scalar(self.term),
            (true, false) => x.div_scalar(self.factor.abs()).add_scalar(self.term.abs()),
        }
    }
}
