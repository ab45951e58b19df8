//! The loops as an extension of Burn's backends, with their gradients for Burn's autodiff.
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

use super::geometry::Geometry;
use super::loops::{Convolution, ConvolutionGradient};
use crate::tensor::AnyTensor;
use crate::tensor::native::{Left, Slices};

/// The operation, for backends and for Burn's autodiff around them.
#[backend_extension(Flex: cfg(feature = "flex"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub(crate) trait ConvolutionOps: Backend {
    /// Rows `[R, C, ...]`, the weights, a bias `[O]` or `[0]`, and weights of channels `[C]` or `[0]`:
    /// the result `[R, O, ...]`, and the weighted sums of the rows `[R]` or `[0]`.
    ///
    /// A gradient of the sums goes back through the result: something must be made of both, or of
    /// the result alone.
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        channels: FloatTensor<Self>,
        geometry: Geometry,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// The result alone.
pub(super) fn convolution(
    x: AnyTensor,
    weight: AnyTensor,
    bias: Option<AnyTensor>,
    geometry: Geometry,
) -> AnyTensor {
    let nothing = AnyTensor::zeros(&[0], &x);
    let bias = bias.unwrap_or_else(|| nothing.clone());
    let (out, _) = Dispatch::convolution(x.0, weight.0, bias.0, nothing.0, geometry);
    AnyTensor(out)
}

/// The result without bias, and the sums of the rows, of which the gradient goes through the result.
pub(super) fn convolution_with_sums(
    x: AnyTensor,
    weight: AnyTensor,
    channels: AnyTensor,
    geometry: Geometry,
) -> [AnyTensor; 2] {
    let nothing = AnyTensor::zeros(&[0], &x);
    let (out, sums) = Dispatch::convolution(x.0, weight.0, nothing.0, channels.0, geometry);
    [out, sums].map(AnyTensor)
}

macro_rules! convolution_ops {
    ($backend:ty) => {
        impl ConvolutionOps for $backend {
            fn convolution(
                x: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                channels: FloatTensor<Self>,
                geometry: Geometry,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                let rows = x.shape()[0];
                let sums = if channels.shape()[0] > 0 { rows } else { 0 };
                let shapes = [geometry.output_shape(rows), vec![sums]];
                let inputs = [x, weight, bias, channels];
                let [out, sums] = Self::compute(inputs, shapes, Convolution(geometry));
                (out, sums)
            }
        }
    };
}

#[cfg(feature = "flex")]
convolution_ops!(burn::backend::Flex);
#[cfg(feature = "tch")]
convolution_ops!(burn::backend::LibTorch);

/// The step back from the result, with the gradient of the sums.
#[derive(Debug)]
struct ResultStep;

/// What [`ResultStep`] needs.
#[derive(Clone, Debug)]
struct ResultState<B: Backend> {
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    /// The elements of the bias.
    bias: usize,
    channels: FloatTensor<B>,
    of_sums: Left<B>,
    geometry: Geometry,
}

impl<B: Slices> Backward<B, 4> for ResultStep {
    type State = ResultState<B>;

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let outer = grads.consume::<B>(&ops.node);
        let ResultState {
            x,
            weight,
            bias,
            channels,
            of_sums,
            geometry,
        } = ops.state;
        let mut shapes = [
            x.shape().to_vec(),
            weight.shape().to_vec(),
            vec![bias],
            channels.shape().to_vec(),
        ];
        for (shape, parent) in shapes.iter_mut().zip(&ops.parents) {
            if parent.is_none() {
                *shape = vec![0];
            }
        }
        let nothing = || B::float_zeros([0].into(), &x.device(), x.dtype().into());
        let of_sums = of_sums.take().unwrap_or_else(nothing);
        let inputs = [x, weight, channels, outer, of_sums];
        let made = B::compute(inputs, shapes, ConvolutionGradient(geometry));
        for (parent, gradient) in ops.parents.into_iter().zip(made) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: ConvolutionOps + Slices, C: CheckpointStrategy> ConvolutionOps for Autodiff<B, C> {
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        channels: FloatTensor<Self>,
        geometry: Geometry,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let of_sums = Left::<B>::new();
        let [a, w, b, c] = [&x, &weight, &bias, &channels].map(|input| input.primitive().clone());
        let state = ResultState {
            x: a.clone(),
            weight: w.clone(),
            bias: b.shape()[0],
            channels: c.clone(),
            of_sums: of_sums.clone(),
            geometry: geometry.clone(),
        };
        let (out, sums) = B::convolution(a, w, b, c, geometry);
        let nodes = [x.node(), weight.node(), bias.node(), channels.node()];
        let out = match ResultStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(state, out),
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        };
        let sums = of_sums.record::<C>(&out, sums);
        (out, sums)
    }
}
