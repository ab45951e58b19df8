//! The gradients, for Burn's autodiff around backends with loops of their own.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, TensorMetadata};

use super::extension::{SignedOps, sizes};
use super::loops::{SignedGradient, Sizes, SumGradient};
use crate::tensor::native::{Slices, Work};

/// The step back through [`SignedOps::signed`].
#[derive(Debug)]
struct SignedStep;

/// The step back through [`SignedOps::signed_sum`].
#[derive(Debug)]
struct SumStep;

/// Coefficients, positive and negative factors.
type Inputs<B> = [FloatTensor<B>; 3];

/// Gives the gradients of the inputs on to those that ask for one.
fn step<B: Slices, W: Work<4, 3>>(
    ops: Ops<Inputs<B>, 3>,
    grads: &mut Gradients,
    work: impl FnOnce(Sizes) -> W,
) {
    let outer = grads.consume::<B>(&ops.node);
    let shapes = std::array::from_fn(|index| match &ops.parents[index] {
        Some(_) => ops.state[index].shape().to_vec(),
        None => vec![0],
    });
    let [form, positive, negative] = ops.state;
    let work = work(sizes(&form.shape()));
    let made = B::compute([form, positive, negative, outer], shapes, work);
    for (parent, gradient) in ops.parents.into_iter().zip(made) {
        if let Some(parent) = parent {
            grads.register::<B>(parent.id, gradient);
        }
    }
}

impl<B: Slices> Backward<B, 3> for SignedStep {
    type State = Inputs<B>;

    fn backward(self, ops: Ops<Inputs<B>, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        step::<B, _>(ops, grads, SignedGradient);
    }
}

impl<B: Slices> Backward<B, 3> for SumStep {
    type State = Inputs<B>;

    fn backward(self, ops: Ops<Inputs<B>, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        step::<B, _>(ops, grads, SumGradient);
    }
}

/// Records that `output` was made of the inputs.
fn record<B: Backend, C: CheckpointStrategy, S: Backward<B, 3, State = Inputs<B>>>(
    step: S,
    inputs: [&FloatTensor<Autodiff<B, C>>; 3],
    output: FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    let state = inputs.map(|input| input.primitive().clone());
    let nodes = inputs.map(|input| input.node());
    match step.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(state, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

impl<B: SignedOps + Slices, C: CheckpointStrategy> SignedOps for Autodiff<B, C> {
    fn signed(
        form: FloatTensor<Self>,
        positive: FloatTensor<Self>,
        negative: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [a, p, n] = [&form, &positive, &negative].map(|input| input.primitive().clone());
        let output = B::signed(a, p, n);
        record::<B, C, _>(SignedStep, [&form, &positive, &negative], output)
    }

    fn signed_sum(
        form: FloatTensor<Self>,
        positive: FloatTensor<Self>,
        negative: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [a, p, n] = [&form, &positive, &negative].map(|input| input.primitive().clone());
        let output = B::signed_sum(a, p, n);
        record::<B, C, _>(SumStep, [&form, &positive, &negative], output)
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
        let (output, sums) = B::relaxed(a, u, d, p, n);
        (
            record::<B, C, _>(SignedStep, [&form, &up, &down], output),
            record::<B, C, _>(SumStep, [&form, &above, &below], sums),
        )
    }
}
