//! The loops as an extension of Burn's backends, with their gradients for Burn's autodiff.
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

use super::geometry::Geometry;
use super::loops::{Convolution, ConvolutionGradient};
use crate::tensor::AnyTensor;
use crate::tensor::native::{Slices, record};

/// The operation, for backends and for Burn's autodiff around them.
#[backend_extension(Flex: cfg(feature = "flex"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub(crate) trait ConvolutionOps: Backend {
    /// Rows `[R, C, ...]`, the weights, a bias `[O]` or `[0]`, and weights of channels `[C]` or `[0]`:
    /// the result `[R, O, ...]`, and the weighted sums of the rows `[R]` or `[0]`.
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

/// The result without bias, and the sums of the rows if there are weights of channels.
pub(super) fn convolution_with_sums(
    x: AnyTensor,
    weight: AnyTensor,
    channels: Option<AnyTensor>,
    geometry: Geometry,
) -> (AnyTensor, Option<AnyTensor>) {
    let nothing = AnyTensor::zeros(&[0], &x);
    let summed = channels.is_some();
    let channels = channels.unwrap_or_else(|| nothing.clone());
    let (out, sums) = Dispatch::convolution(x.0, weight.0, nothing.0, channels.0, geometry);
    (AnyTensor(out), summed.then(|| AnyTensor(sums)))
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

impl<B: ConvolutionOps + Slices, C: CheckpointStrategy> ConvolutionOps for Autodiff<B, C> {
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        channels: FloatTensor<Self>,
        geometry: Geometry,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let inputs = [&x, &weight, &bias, &channels];
        let [a, w, b, c] = inputs.map(|input| input.primitive().clone());
        let (out, sums) = B::convolution(a, w, b, c, geometry.clone());
        let gradient = ConvolutionGradient(geometry);
        let [out, sums] = record::<B, C, _, 4, 2, 6>(inputs, [out, sums], gradient);
        (out, sums)
    }
}
