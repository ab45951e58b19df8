//! The loops over boxes as an extension of Burn's backends, with their gradients for Burn's autodiff.
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

use super::box_loops::{BoxConvolution, BoxGradient};
use super::geometry::Geometry;
use crate::tensor::AnyTensor;
use crate::tensor::native::{Left, Slices};

/// The operation, for backends and for Burn's autodiff around them.
#[backend_extension(Flex: cfg(feature = "flex"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub(crate) trait BoxOps: Backend {
    /// Lower and upper ends `[R, C, ...]`, the weights, and a bias `[O]` or `[0]`: the ends of the
    /// smallest boxes around the results, `[R, O, ...]`.
    fn box_convolution(
        lower: FloatTensor<Self>,
        upper: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

pub(super) fn box_convolution(
    [lower, upper]: [AnyTensor; 2],
    weight: AnyTensor,
    bias: Option<AnyTensor>,
    geometry: Geometry,
) -> [AnyTensor; 2] {
    let bias = bias.unwrap_or_else(|| AnyTensor::zeros(&[0], &lower));
    let (lower, upper) = Dispatch::box_convolution(lower.0, upper.0, weight.0, bias.0, geometry);
    [lower, upper].map(AnyTensor)
}

macro_rules! box_ops {
    ($backend:ty) => {
        impl BoxOps for $backend {
            fn box_convolution(
                lower: FloatTensor<Self>,
                upper: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                geometry: Geometry,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                let shape = geometry.output_shape(lower.shape()[0]);
                let inputs = [lower, upper, weight, bias];
                let shapes = [shape.clone(), shape];
                let [lower, upper] = Self::compute(inputs, shapes, BoxConvolution(geometry));
                (lower, upper)
            }
        }
    };
}

#[cfg(feature = "flex")]
box_ops!(burn::backend::Flex);
#[cfg(feature = "tch")]
box_ops!(burn::backend::LibTorch);

/// The step back from the lower ends, with the gradient of the upper ones.
#[derive(Debug)]
struct EndsStep;

/// What [`EndsStep`] needs.
#[derive(Clone, Debug)]
struct EndsState<B: Backend> {
    ends: [FloatTensor<B>; 2],
    weight: FloatTensor<B>,
    /// The elements of the bias.
    bias: usize,
    of_upper: Left<B>,
    geometry: Geometry,
}

impl<B: Slices> Backward<B, 4> for EndsStep {
    type State = EndsState<B>;

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let of_lower = grads.consume::<B>(&ops.node);
        let EndsState {
            ends: [lower, upper],
            weight,
            bias,
            of_upper,
            geometry,
        } = ops.state;
        let mut shapes = [
            lower.shape().to_vec(),
            upper.shape().to_vec(),
            weight.shape().to_vec(),
            vec![bias],
        ];
        for (shape, parent) in shapes.iter_mut().zip(&ops.parents) {
            if parent.is_none() {
                *shape = vec![0];
            }
        }
        let nothing = || B::float_zeros([0].into(), &lower.device(), lower.dtype().into());
        let of_upper = of_upper.take().unwrap_or_else(nothing);
        // Where nothing was made of the lower ends, their gradient is a single zero.
        let whole = of_lower.shape().to_vec() == geometry.output_shape(lower.shape()[0]);
        let of_lower = if whole { of_lower } else { nothing() };
        let inputs = [lower, upper, weight, of_lower, of_upper];
        let made = B::compute(inputs, shapes, BoxGradient(geometry));
        for (parent, gradient) in ops.parents.into_iter().zip(made) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: BoxOps + Slices, C: CheckpointStrategy> BoxOps for Autodiff<B, C> {
    fn box_convolution(
        lower: FloatTensor<Self>,
        upper: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let of_upper = Left::<B>::new();
        let [l, u, w, b] = [&lower, &upper, &weight, &bias].map(|input| input.primitive().clone());
        let state = EndsState {
            ends: [l.clone(), u.clone()],
            weight: w.clone(),
            bias: b.shape()[0],
            of_upper: of_upper.clone(),
            geometry: geometry.clone(),
        };
        let (first, second) = B::box_convolution(l, u, w, b, geometry);
        let nodes = [lower.node(), upper.node(), weight.node(), bias.node()];
        let first = match EndsStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(state, first),
            OpsKind::UnTracked(prepared) => prepared.finish(first),
        };
        let second = of_upper.record_alone::<C>(&first, second);
        (first, second)
    }
}
