//! The loop of [`loops`](super::loops) as an extension of Burn's backends.
#![cfg_attr(
    feature = "tch",
    allow(
        deprecated,
        reason = "Burn will give up libtorch; until then it is supported here"
    )
)]

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};

use super::loops::ZeroOrNan;
use crate::tensor::AnyTensor;
use crate::tensor::native::Slices;

/// The operation, for backends; it has no gradient, so Burn's autodiff around them has it not.
#[backend_extension(Flex: cfg(feature = "flex"), LibTorch: cfg(feature = "tch"))]
pub(crate) trait FiniteOps: Backend {
    /// Any shape: `[1]`.
    fn zero_or_nan(numbers: FloatTensor<Self>) -> FloatTensor<Self>;
}

pub(super) fn zero_or_nan(numbers: AnyTensor) -> AnyTensor {
    AnyTensor(Dispatch::zero_or_nan(numbers.0))
}

macro_rules! finite_ops {
    ($backend:ty) => {
        impl FiniteOps for $backend {
            fn zero_or_nan(numbers: FloatTensor<Self>) -> FloatTensor<Self> {
                let [sum] = Self::compute([numbers], [vec![1]], ZeroOrNan);
                sum
            }
        }
    };
}

#[cfg(feature = "flex")]
finite_ops!(burn::backend::Flex);
#[cfg(feature = "tch")]
finite_ops!(burn::backend::LibTorch);
