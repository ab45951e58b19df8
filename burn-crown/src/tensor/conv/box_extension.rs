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
use crate::tensor::native::{Slices, record};
use crate::tensor::{AnyTensor, Boxes};

/// The operation, for backends and for Burn's autodiff around them.
#[backend_extension(Flex: cfg(feature = "flex"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub(crate) trait BoxOps: Backend {
    /// Lower and upper ends `[R, C, ...]`, the weights, and a bias `[O]` or `[0]`: the ends of the
    /// smallest boxes around the results, `[R, O, ...]`; of the positive parts where `rectified`.
    fn box_convolution(
        lower: FloatTensor<Self>,
        upper: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        rectified: bool,
        geometry: Geometry,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

pub(super) fn box_convolution(
    boxes: Boxes,
    weight: AnyTensor,
    bias: Option<AnyTensor>,
    geometry: Geometry,
) -> [AnyTensor; 2] {
    let Boxes {
        lower,
        upper,
        rectified,
    } = boxes;
    let bias = bias.unwrap_or_else(|| AnyTensor::zeros(&[0], &lower));
    let (lower, upper) = (lower.0, upper.0);
    let (lower, upper) =
        Dispatch::box_convolution(lower, upper, weight.0, bias.0, rectified, geometry);
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
                rectified: bool,
                geometry: Geometry,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                let shape = geometry.output_shape(lower.shape()[0]);
                let inputs = [lower, upper, weight, bias];
                let shapes = [shape.clone(), shape];
                let work = BoxConvolution {
                    geometry,
                    rectified,
                };
                let [lower, upper] = Self::compute(inputs, shapes, work);
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
        rectified: bool,
        geometry: Geometry,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let inputs = [&lower, &upper, &weight, &bias];
        let [l, u, w, b] = inputs.map(|input| input.primitive().clone());
        let (first, second) = B::box_convolution(l, u, w, b, rectified, geometry.clone());
        let ends = [first, second];
        let gradient = BoxGradient {
            geometry,
            rectified,
        };
        let [lower, upper] = record::<B, C, _, 4, 2, 6>(inputs, ends, gradient);
        (lower, upper)
    }
}
