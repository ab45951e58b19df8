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

use super::loops::{Bent, BentGradient, Chosen, ChosenGradient};
use super::{AnyTensor, Bend, Choice};
use crate::tensor::native::{Slices, record};

/// The operations, for backends and for Burn's autodiff around them.
#[backend_extension(Flex: cfg(feature = "flex"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub(crate) trait ChoiceOps: Backend {
    /// A number in place of those beyond it.
    fn bend(x: FloatTensor<Self>, bend: Bend) -> FloatTensor<Self>;

    /// Of two tensors of one shape.
    fn choose(a: FloatTensor<Self>, b: FloatTensor<Self>, choice: Choice) -> FloatTensor<Self>;
}

pub(super) fn bend(x: AnyTensor, bend: Bend) -> AnyTensor {
    AnyTensor(Dispatch::bend(x.0, bend))
}

pub(super) fn choose(a: AnyTensor, b: AnyTensor, choice: Choice) -> AnyTensor {
    AnyTensor(Dispatch::choose(a.0, b.0, choice))
}

macro_rules! choice_ops {
    ($backend:ty) => {
        impl ChoiceOps for $backend {
            fn bend(x: FloatTensor<Self>, bend: Bend) -> FloatTensor<Self> {
                let shape = x.shape().to_vec();
                let [out] = Self::compute([x], [shape], Bent(bend));
                out
            }

            fn choose(
                a: FloatTensor<Self>,
                b: FloatTensor<Self>,
                choice: Choice,
            ) -> FloatTensor<Self> {
                let shape = a.shape().to_vec();
                let [out] = Self::compute([a, b], [shape], Chosen(choice));
                out
            }
        }
    };
}

#[cfg(feature = "flex")]
choice_ops!(burn::backend::Flex);
#[cfg(feature = "tch")]
choice_ops!(burn::backend::LibTorch);

impl<B: ChoiceOps + Slices, C: CheckpointStrategy> ChoiceOps for Autodiff<B, C> {
    fn bend(x: FloatTensor<Self>, bend: Bend) -> FloatTensor<Self> {
        let out = B::bend(x.primitive().clone(), bend);
        let [out] = record::<B, C, _, 1, 1, 2>([&x], [out], BentGradient(bend));
        out
    }

    fn choose(a: FloatTensor<Self>, b: FloatTensor<Self>, choice: Choice) -> FloatTensor<Self> {
        let out = B::choose(a.primitive().clone(), b.primitive().clone(), choice);
        let [out] = record::<B, C, _, 2, 1, 3>([&a, &b], [out], ChosenGradient(choice));
        out
    }
}
