//! Gradients of two outputs that are taken back together.
//!
//! A step of Burn's autodiff has one output. Where an operation has two, the second is recorded as
//! made of the first: its step comes earlier, and leaves its gradient for that of the first.

use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, TensorMetadata};

/// The gradient of a second output, once it is known.
pub(in crate::tensor) struct Left<B: Backend>(Arc<Mutex<Option<FloatTensor<B>>>>);

impl<B: Backend> Left<B> {
    pub(in crate::tensor) fn new() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }

    /// The gradient; none if nothing was made of the second output.
    pub(in crate::tensor) fn take(&self) -> Option<FloatTensor<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Records a second output, whose gradient is left for the step of the first one. Something must
    /// be made of the first as well: a step is not made without a gradient.
    pub(in crate::tensor) fn record<C: CheckpointStrategy>(
        self,
        first: &FloatTensor<Autodiff<B, C>>,
        second: FloatTensor<B>,
    ) -> FloatTensor<Autodiff<B, C>> {
        self.record_with::<C>(None, first, second)
    }

    /// The same where nothing may be made of the first: its gradient is then a single zero, of its
    /// rank.
    pub(in crate::tensor) fn record_alone<C: CheckpointStrategy>(
        self,
        first: &FloatTensor<Autodiff<B, C>>,
        second: FloatTensor<B>,
    ) -> FloatTensor<Autodiff<B, C>> {
        let rank = first.primitive().shape().num_dims();
        let zero = B::float_zeros(
            vec![1; rank].into(),
            &second.device(),
            second.dtype().into(),
        );
        self.record_with::<C>(Some(zero), first, second)
    }

    fn record_with<C: CheckpointStrategy>(
        self,
        zero: Option<FloatTensor<B>>,
        first: &FloatTensor<Autodiff<B, C>>,
        second: FloatTensor<B>,
    ) -> FloatTensor<Autodiff<B, C>> {
        let step = LeftStep.prepare::<C>([first.node()]);
        match step.compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((self, zero), second),
            OpsKind::UnTracked(prepared) => prepared.finish(second),
        }
    }
}

impl<B: Backend> Clone for Left<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: Backend> Debug for Left<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Left")
    }
}

/// The step back from a second output.
#[derive(Debug)]
struct LeftStep;

impl<B: Backend> Backward<B, 1> for LeftStep {
    /// Where the gradient is left, and what the first output has as one in any case.
    type State = (Left<B>, Option<FloatTensor<B>>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let outer = grads.consume::<B>(&ops.node);
        let (left, zero) = ops.state;
        *left.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(outer);
        let [parent] = ops.parents;
        if let (Some(parent), Some(zero)) = (parent, zero) {
            grads.register::<B>(parent.id, zero);
        }
    }
}
