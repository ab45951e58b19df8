//! Burn's autodiff around loops.
//!
//! A step of Burn's autodiff has one output. Where an operation has several, its step is recorded with
//! an output that nothing is made of, a single zero, and the real ones as made of that: their steps
//! come earlier, and leave their gradients for that of the operation.

use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, TensorMetadata};

use super::{Slices, Work};

/// Records that loops made `N` outputs of `I` inputs, any of which may be tracked.
///
/// The inputs of `gradient` are those `I` and the gradients of the outputs, `T` in all; that of an
/// output that nothing was made of is empty. Its outputs are the gradients of the inputs; for one that
/// is not tracked there is no space.
pub(in crate::tensor) fn record<B, C, W, const I: usize, const N: usize, const T: usize>(
    inputs: [&FloatTensor<Autodiff<B, C>>; I],
    outputs: [FloatTensor<B>; N],
    gradient: W,
) -> [FloatTensor<Autodiff<B, C>>; N]
where
    B: Slices,
    C: CheckpointStrategy,
    W: Work<T, I> + Clone + Debug + Send + Sync + 'static,
{
    const { assert!(T == I + N) };
    let step = Step { gradient };
    let step = step.prepare::<C>(inputs.map(|input| input.node()));
    let inputs = inputs.map(|input| input.primitive().clone());
    let lefts: [Left<B>; N] = std::array::from_fn(|_| Left::default());
    let state = State {
        inputs,
        lefts: if N > 1 { lefts.to_vec() } else { vec![] },
    };
    let finish = |made| match step.compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(state, made),
        OpsKind::UnTracked(prepared) => prepared.finish(made),
    };
    if N == 1 {
        let mut finish = Some(finish);
        return outputs.map(|output| finish.take().expect("there is one output")(output));
    }
    let zero = B::float_zeros([1].into(), &outputs[0].device(), outputs[0].dtype().into());
    let whole = finish(zero.clone());
    let mut lefts = lefts.into_iter();
    outputs.map(|output| {
        let left = lefts.next().expect("a place for each output");
        let step = LeftStep.prepare::<C>([whole.node()]);
        match step.compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((left, zero.clone()), output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    })
}

/// The step back from an operation.
#[derive(Debug)]
struct Step<W, const T: usize> {
    gradient: W,
}

/// What a [`Step`] stands on.
#[derive(Clone, Debug)]
struct State<B: Backend, const I: usize> {
    inputs: [FloatTensor<B>; I],
    /// The gradients of several outputs; that of one is the step's own.
    lefts: Vec<Left<B>>,
}

impl<B, W, const I: usize, const T: usize> Backward<B, I> for Step<W, T>
where
    B: Slices,
    W: Work<T, I> + Clone + Debug + Send + Sync + 'static,
{
    type State = State<B, I>;

    fn backward(self, ops: Ops<Self::State, I>, grads: &mut Gradients, _: &mut Checkpointer) {
        let own = grads.consume::<B>(&ops.node);
        let State { inputs, lefts } = ops.state;
        let nothing = || B::float_zeros([0].into(), &inputs[0].device(), inputs[0].dtype().into());
        let outer = if lefts.is_empty() {
            vec![own]
        } else {
            let taken = lefts.iter().map(Left::take);
            taken.map(|left| left.unwrap_or_else(nothing)).collect()
        };
        let shapes = std::array::from_fn(|index| match ops.parents[index] {
            Some(_) => inputs[index].shape().to_vec(),
            None => vec![0],
        });
        let mut all = inputs.into_iter().chain(outer);
        let all = std::array::from_fn(|_| all.next().expect("inputs and gradients of outputs"));
        let made = B::compute::<T, I>(all, shapes, self.gradient);
        for (parent, gradient) in ops.parents.into_iter().zip(made) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

/// The gradient of an output, once it is known.
struct Left<B: Backend>(Arc<Mutex<Option<FloatTensor<B>>>>);

impl<B: Backend> Default for Left<B> {
    fn default() -> Self {
        Self(Arc::default())
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

impl<B: Backend> Left<B> {
    fn take(&self) -> Option<FloatTensor<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn leave(&self, gradient: FloatTensor<B>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(gradient);
    }
}

/// The step back from an output to the operation.
#[derive(Debug)]
struct LeftStep;

impl<B: Backend> Backward<B, 1> for LeftStep {
    /// Where the gradient is left, and what the operation has as one: a step is not made without.
    type State = (Left<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let outer = grads.consume::<B>(&ops.node);
        let (left, zero) = ops.state;
        left.leave(outer);
        if let [Some(parent)] = ops.parents {
            grads.register::<B>(parent.id, zero);
        }
    }
}
