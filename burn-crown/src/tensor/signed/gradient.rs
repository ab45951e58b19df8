//! The gradients, for Burn's autodiff around backends with loops of their own.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, TensorMetadata};

use super::extension::{SignedOps, sizes};
use super::loops::Gradient;
use crate::tensor::native::{Left, Slices};

/// The step back through [`SignedOps::signed`].
#[derive(Debug)]
struct SignedStep;

/// The step back through [`SignedOps::signed_sum`].
#[derive(Debug)]
struct SumStep;

/// The step back through [`SignedOps::relaxed`].
#[derive(Debug)]
struct RelaxedStep;

/// Coefficients, positive and negative factors.
type Inputs<B> = [FloatTensor<B>; 3];

/// Coefficients, slopes and intercepts.
type RelaxedInputs<B> = [FloatTensor<B>; 5];

/// The shapes of gradients: nothing for those that are not asked for.
fn shapes<B: Backend, N, const P: usize>(
    inputs: &[FloatTensor<B>; P],
    parents: &[Option<N>; P],
) -> [Vec<usize>; P] {
    std::array::from_fn(|index| match parents[index] {
        Some(_) => inputs[index].shape().to_vec(),
        None => vec![0],
    })
}

fn nothing<B: Backend>(like: &FloatTensor<B>) -> FloatTensor<B> {
    B::float_zeros([0].into(), &like.device(), like.dtype().into())
}

/// The gradients by loops over all that there may be, in the order of [`RelaxedInputs`].
fn compute<B: Slices>(
    inputs: RelaxedInputs<B>,
    outer: FloatTensor<B>,
    of_sums: FloatTensor<B>,
    shapes: [Vec<usize>; 5],
) -> [FloatTensor<B>; 5] {
    let sizes = sizes(&inputs[0].shape());
    let [form, up, down, above, below] = inputs;
    let inputs = [form, up, down, above, below, outer, of_sums];
    B::compute(inputs, shapes, Gradient(sizes))
}

impl<B: Slices> Backward<B, 3> for SignedStep {
    type State = Inputs<B>;

    fn backward(self, ops: Ops<Inputs<B>, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let outer = grads.consume::<B>(&ops.node);
        let [of_form, of_up, of_down] = shapes::<B, _, 3>(&ops.state, &ops.parents);
        let [form, up, down] = ops.state;
        let none = nothing::<B>(&form);
        let shapes = [of_form, of_up, of_down, vec![0], vec![0]];
        let inputs = [form, up, down, none.clone(), none.clone()];
        let [form, up, down, ..] = compute::<B>(inputs, outer, none, shapes);
        for (parent, gradient) in ops.parents.into_iter().zip([form, up, down]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: Slices> Backward<B, 3> for SumStep {
    type State = Inputs<B>;

    fn backward(self, ops: Ops<Inputs<B>, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let of_sums = grads.consume::<B>(&ops.node);
        let [of_form, of_above, of_below] = shapes::<B, _, 3>(&ops.state, &ops.parents);
        let [form, above, below] = ops.state;
        let none = nothing::<B>(&form);
        let shapes = [of_form, vec![0], vec![0], of_above, of_below];
        let inputs = [form, none.clone(), none.clone(), above, below];
        let [form, _, _, above, below] = compute::<B>(inputs, none, of_sums, shapes);
        for (parent, gradient) in ops.parents.into_iter().zip([form, above, below]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: Slices> Backward<B, 5> for RelaxedStep {
    type State = (RelaxedInputs<B>, Left<B>);

    fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Gradients, _: &mut Checkpointer) {
        let outer = grads.consume::<B>(&ops.node);
        let (inputs, of_sums) = ops.state;
        let shapes = shapes::<B, _, 5>(&inputs, &ops.parents);
        let of_sums = of_sums.take().unwrap_or_else(|| nothing::<B>(&inputs[0]));
        let made = compute::<B>(inputs, outer, of_sums, shapes);
        for (parent, gradient) in ops.parents.into_iter().zip(made) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, gradient);
            }
        }
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
        let nodes = inputs.map(|input| input.node());
        let inputs = inputs.map(|input| input.primitive().clone());
        let [a, u, d, p, n] = inputs.clone();
        let (output, sums) = B::relaxed(a, u, d, p, n);
        let of_sums = Left::<B>::new();
        let state = (inputs, of_sums.clone());
        let step = RelaxedStep.prepare::<C>(nodes);
        let output = match step.compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(state, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        };
        let sums = of_sums.record::<C>(&output, sums);
        (output, sums)
    }
}
