//! What is the same for convolutions and transposed ones, for tests.

use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Tensor};

use super::{AnyTensor, Convolve, Dims};

/// The options of a case.
pub(super) enum Moves<const N: usize> {
    Plain(ConvOptions<N>),
    Transposed(ConvTransposeOptions<N>),
}

impl<const N: usize> Moves<N>
where
    Dims<N>: Convolve<N>,
{
    pub(super) fn native(
        &self,
        x: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
    ) -> AnyTensor {
        match self {
            Self::Plain(options) => Dims::conv(x, weight, bias, options.clone()),
            Self::Transposed(options) => Dims::conv_transpose(x, weight, bias, options.clone()),
        }
    }

    pub(super) fn composed(
        &self,
        x: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
    ) -> AnyTensor {
        match self {
            Self::Plain(options) => Dims::composed(x, weight, bias, options.clone()),
            Self::Transposed(options) => Dims::composed_transpose(x, weight, bias, options.clone()),
        }
    }

    pub(super) fn adjoint(
        &self,
        form: AnyTensor,
        weight: AnyTensor,
        channels: Option<AnyTensor>,
        size: &[usize],
    ) -> (AnyTensor, Option<AnyTensor>) {
        match self {
            Self::Plain(options) => {
                Dims::conv_adjoint(form, weight, channels, options.clone(), size)
            }
            Self::Transposed(options) => {
                Dims::conv_transpose_adjoint(form, weight, channels, options.clone(), size)
            }
        }
    }

    pub(super) fn composed_adjoint(
        &self,
        form: AnyTensor,
        weight: AnyTensor,
        size: &[usize],
    ) -> AnyTensor {
        match self {
            Self::Plain(options) => Dims::composed_adjoint(form, weight, options.clone(), size),
            Self::Transposed(options) => {
                Dims::composed_transpose_adjoint(form, weight, options.clone(), size)
            }
        }
    }

    pub(super) fn output_shape(&self, input: &[usize], weight: &[usize]) -> Vec<usize> {
        let zeros = |shape: &[usize]| {
            let count = shape.iter().product::<usize>();
            AnyTensor::new(Tensor::<1>::zeros([count], &Device::flex())).reshape(shape)
        };
        self.composed(zeros(input), zeros(weight), None).shape()
    }
}
