//! The operations of [`loops`](super::loops) as an extension of Burn's backends, with their gradients
//! for Burn's autodiff.
#![cfg_attr(
    feature = "tch",
    allow(
        deprecated,
        reason = "Burn will give up libtorch; until then it is supported here"
    )
)]

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};

use super::loops::{Bent, BentGradient, Chosen, ChosenGradient};
use super::{AnyTensor, Bend, Choice};
use crate::tensor::native::Slices;

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

/// The step back from numbers that were bent.
#[derive(Debug)]
struct BendStep;

impl<B: Slices> Backward<B, 1> for BendStep {
    type State = (FloatTensor<B>, Bend);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let ([parent], (x, bend)) = (ops.parents, ops.state);
        if let Some(parent) = parent {
            let shape = x.shape().to_vec();
            let [grad] = B::compute([x, grad], [shape], BentGradient(bend));
            grads.register::<B>(parent.id, grad);
        }
    }
}

/// The step back from a choice.
#[derive(Debug)]
struct ChoiceStep;

impl<B: Slices> Backward<B, 2> for ChoiceStep {
    type State = ([FloatTensor<B>; 2], Choice);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let ([a, b], choice) = ops.state;
        let shape = a.shape().to_vec();
        let shapes = ops.parents.each_ref().map(|parent| match parent {
            Some(_) => shape.clone(),
            None => vec![0],
        });
        let made = B::compute([a, b, grad], shapes, ChosenGradient(choice));
        for (parent, gradient) in ops.parents.into_iter().zip(made) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: ChoiceOps + Slices, C: CheckpointStrategy> ChoiceOps for Autodiff<B, C> {
    fn bend(x: FloatTensor<Self>, bend: Bend) -> FloatTensor<Self> {
        let step = BendStep.prepare::<C>([x.node()]);
        let out = B::bend(x.primitive().clone(), bend);
        match step.compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((x.primitive().clone(), bend), out),
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        }
    }

    fn choose(a: FloatTensor<Self>, b: FloatTensor<Self>, choice: Choice) -> FloatTensor<Self> {
        let step = ChoiceStep.prepare::<C>([a.node(), b.node()]);
        let inputs = [a.primitive().clone(), b.primitive().clone()];
        let out = B::choose(a.primitive().clone(), b.primitive().clone(), choice);
        match step.compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((inputs, choice), out),
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        }
    }
}
