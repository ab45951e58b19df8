//! The loops over boxes as an extension of Burn's backends, with their gradients for Burn's autodiff.
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

use super::box_loops::{BoxConvolution, BoxGradient};
use super::geometry::Geometry;
use crate::tensor::AnyTensor;
use crate::tensor::native::{Slices, record};

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

impl<B: BoxOps + Slices, C: CheckpointStrategy> BoxOps for Autodiff<B, C> {
    fn box_convolution(
        lower: FloatTensor<Self>,
        upper: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let inputs = [&lower, &upper, &weight, &bias];
        let [l, u, w, b] = inputs.map(|input| input.primitive().clone());
        let (first, second) = B::box_convolution(l, u, w, b, geometry.clone());
        let ends = [first, second];
        let [lower, upper] = record::<B, C, _, 4, 2, 6>(inputs, ends, BoxGradient(geometry));
        (lower, upper)
    }
}
