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

use super::loops::Measured;
use super::{AnyTensor, Measure};
use crate::tensor::native::Slices;

/// The operation, for backends; it has no gradient, so Burn's autodiff around them has it not.
#[backend_extension(Flex: cfg(feature = "flex"), LibTorch: cfg(feature = "tch"))]
pub(crate) trait MeasureOps: Backend {
    /// `[B, ...]` twice, of one shape: `[B]`.
    fn measure(
        lower: FloatTensor<Self>,
        upper: FloatTensor<Self>,
        measure: Measure,
    ) -> FloatTensor<Self>;
}

pub(super) fn measure(lower: AnyTensor, upper: AnyTensor, measure: Measure) -> AnyTensor {
    AnyTensor(Dispatch::measure(lower.0, upper.0, measure))
}

macro_rules! measure_ops {
    ($backend:ty) => {
        impl MeasureOps for $backend {
            fn measure(
                lower: FloatTensor<Self>,
                upper: FloatTensor<Self>,
                measure: Measure,
            ) -> FloatTensor<Self> {
                let images = vec![lower.shape()[0]];
                let [sums] = Self::compute([lower, upper], [images], Measured(measure));
                sums
            }
        }
    };
}

#[cfg(feature = "flex")]
measure_ops!(burn::backend::Flex);
#[cfg(feature = "tch")]
measure_ops!(burn::backend::LibTorch);
