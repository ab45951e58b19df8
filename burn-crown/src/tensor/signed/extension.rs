//! The operations of [`loops`](super::loops) as an extension of Burn's backends, with their gradients
//! for Burn's autodiff.
#![cfg_attr(
    feature = "tch",
    allow(
        deprecated,
        reason = "Burn will give up libtorch; until then it is supported here"
    )
)]

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};

use super::loops::{
    Relaxed, RelaxedGradient, Signed, SignedGradient, SignedSum, Sizes, SumGradient,
};
use super::{AnyTensor, Factors};
use crate::tensor::native::{Slices, record};

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
fn sizes(shape: &[usize]) -> Sizes {
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
                let shape = form.shape().to_vec();
                let work = Signed(sizes(&shape));
                let [form] = Self::compute([form, positive, negative], [shape], work);
                form
            }

            fn signed_sum(
                form: FloatTensor<Self>,
                positive: FloatTensor<Self>,
                negative: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                let shape = form.shape().to_vec();
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
                let shape = form.shape().to_vec();
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

impl<B: SignedOps + Slices, C: CheckpointStrategy> SignedOps for Autodiff<B, C> {
    fn signed(
        form: FloatTensor<Self>,
        positive: FloatTensor<Self>,
        negative: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let inputs = [&form, &positive, &negative];
        let [a, p, n] = inputs.map(|input| input.primitive().clone());
        let gradient = SignedGradient(sizes(&a.shape()));
        let [out] = record::<B, C, _, 3, 1, 4>(inputs, [B::signed(a, p, n)], gradient);
        out
    }

    fn signed_sum(
        form: FloatTensor<Self>,
        positive: FloatTensor<Self>,
        negative: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let inputs = [&form, &positive, &negative];
        let [a, p, n] = inputs.map(|input| input.primitive().clone());
        let gradient = SumGradient(sizes(&a.shape()));
        let [sums] = record::<B, C, _, 3, 1, 4>(inputs, [B::signed_sum(a, p, n)], gradient);
        sums
    }

    fn relaxed(
        form: FloatTensor<Self>,
        up: FloatTensor<Self>,
        down: FloatTensor<Self>,
        above: FloatTensor<Self>,
        below: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let inputs = [&form, &up, &down, &above, &below];
        let [a, u, d, p, n] = inputs.map(|input| input.primitive().clone());
        let gradient = RelaxedGradient(sizes(&a.shape()));
        let (out, sums) = B::relaxed(a, u, d, p, n);
        let [out, sums] = record::<B, C, _, 5, 2, 7>(inputs, [out, sums], gradient);
        (out, sums)
    }
}
