//! The operations of [`loops`](super::loops) as an extension of Burn's backends.
#![cfg_attr(
    feature = "tch",
    allow(
        deprecated,
        reason = "Burn will give up libtorch; until then it is supported here"
    )
)]

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};

use super::loops::{Relaxed, Signed, SignedSum, Sizes};
use super::{AnyTensor, Factors};
use crate::tensor::native::Slices;

/// The operations, for backends and for Burn's autodiff around them.
#[backend_extension(Flex: cfg(feature = "flex"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub(crate) trait SignedOps: Backend {
    /// `[B, S, N]`, and `[B, N]` twice: `[B, S, N]`.
    fn signed(
        form: FloatTensor<Self>,
        positive: FloatTensor<Self>,
        negative: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// `[B, S, N]`, and `[B, N]` twice: `[B, S]`.
    fn signed_sum(
        form: FloatTensor<Self>,
        positive: FloatTensor<Self>,
        negative: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// `[B, S, N]`, and `[B, N]` four times, slopes first: `[B, S, N]` and `[B, S]`.
    ///
    /// A gradient of the latter goes back through the former: something must be made of both, or of
    /// the former alone.
    fn relaxed(
        form: FloatTensor<Self>,
        up: FloatTensor<Self>,
        down: FloatTensor<Self>,
        above: FloatTensor<Self>,
        below: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

pub(super) fn signed(form: AnyTensor, factors: Factors) -> AnyTensor {
    let Factors { positive, negative } = factors;
    AnyTensor(Dispatch::signed(form.0, positive.0, negative.0))
}

pub(super) fn signed_sum(form: AnyTensor, factors: Factors) -> AnyTensor {
    let Factors { positive, negative } = factors;
    AnyTensor(Dispatch::signed_sum(form.0, positive.0, negative.0))
}

pub(super) fn relaxed(form: AnyTensor, slopes: Factors, intercepts: Factors) -> [AnyTensor; 2] {
    let (form, sums) = Dispatch::relaxed(
        form.0,
        slopes.positive.0,
        slopes.negative.0,
        intercepts.positive.0,
        intercepts.negative.0,
    );
    [form, sums].map(AnyTensor)
}

/// The sizes of coefficients by their shape.
pub(super) fn sizes(shape: &[usize]) -> Sizes {
    Sizes {
        rows: shape[1],
        features: shape[2],
    }
}

macro_rules! signed_ops {
    ($backend:ty) => {
        impl SignedOps for $backend {
            fn signed(
                form: FloatTensor<Self>,
                positive: FloatTensor<Self>,
                negative: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                let shape = burn::backend::TensorMetadata::shape(&form).to_vec();
                let work = Signed(sizes(&shape));
                let [form] = Self::compute([form, positive, negative], [shape], work);
                form
            }

            fn signed_sum(
                form: FloatTensor<Self>,
                positive: FloatTensor<Self>,
                negative: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                let shape = burn::backend::TensorMetadata::shape(&form).to_vec();
                let (work, sums) = (SignedSum(sizes(&shape)), shape[..2].to_vec());
                let [sums] = Self::compute([form, positive, negative], [sums], work);
                sums
            }

            fn relaxed(
                form: FloatTensor<Self>,
                up: FloatTensor<Self>,
                down: FloatTensor<Self>,
                above: FloatTensor<Self>,
                below: FloatTensor<Self>,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                let shape = burn::backend::TensorMetadata::shape(&form).to_vec();
                let (work, sums) = (Relaxed(sizes(&shape)), shape[..2].to_vec());
                let inputs = [form, up, down, above, below];
                let [form, sums] = Self::compute(inputs, [shape, sums], work);
                (form, sums)
            }
        }
    };
}

#[cfg(feature = "flex")]
signed_ops!(burn::backend::Flex);
#[cfg(feature = "tch")]
signed_ops!(burn::backend::LibTorch);
