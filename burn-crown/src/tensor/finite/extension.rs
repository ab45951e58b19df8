//! The loops of [`loops`](super::loops) as an extension of Burn's backends.
#![cfg_attr(
    feature = "tch",
    allow(
        deprecated,
        reason = "Burn will give up libtorch; until then it is supported here"
    )
)]

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, TensorMetadata, backend_extension};

use super::loops::{WidthsZeroOrNan, ZeroOrNan};
use crate::tensor::AnyTensor;
use crate::tensor::native::Slices;

/// The operations, for backends; they have no gradient, so Burn's autodiff around them has them not.
#[backend_extension(Flex: cfg(feature = "flex"), LibTorch: cfg(feature = "tch"))]
pub(crate) trait FiniteOps: Backend {
    /// Any shape: `[1]`.
    fn zero_or_nan(numbers: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `[B, ...]` twice, of one shape: `[B]`.
    fn widths_zero_or_nan(lower: FloatTensor<Self>, upper: FloatTensor<Self>) -> FloatTensor<Self>;
}

pub(super) fn zero_or_nan(numbers: AnyTensor) -> AnyTensor {
    AnyTensor(Dispatch::zero_or_nan(numbers.0))
}

pub(super) fn widths_zero_or_nan(lower: AnyTensor, upper: AnyTensor) -> AnyTensor {
    AnyTensor(Dispatch::widths_zero_or_nan(lower.0, upper.0))
}

macro_rules! finite_ops {
    ($backend:ty) => {
        impl FiniteOps for $backend {
            fn zero_or_nan(numbers: FloatTensor<Self>) -> FloatTensor<Self> {
                let [sum] = Self::compute([numbers], [vec![1]], ZeroOrNan);
                sum
            }

            fn widths_zero_or_nan(
                lower: FloatTensor<Self>,
                upper: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                let images = vec![lower.shape()[0]];
                let [sums] = Self::compute([lower, upper], [images], WidthsZeroOrNan);
                sums
            }
        }
    };
}

#[cfg(feature = "flex")]
finite_ops!(burn::backend::Flex);
#[cfg(feature = "tch")]
finite_ops!(burn::backend::LibTorch);
