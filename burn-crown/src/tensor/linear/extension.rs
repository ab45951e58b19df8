//! The operation of [`loops`](super::loops) as an extension of Burn's backends, with its gradient for
//! Burn's autodiff.
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

use super::loops::{BoxProduct, BoxProductGradient, Sizes};
use super::{AnyTensor, Boxes};
use crate::tensor::native::{Slices, record};

/// The operation, for backends and for Burn's autodiff around them.
#[backend_extension(Flex: cfg(feature = "flex"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub(crate) trait BoxProductOps: Backend {
    /// Lower and upper ends `[R, K]`, and a matrix `[K, O]`: the ends of the smallest boxes around
    /// the products, `[R, O]`; of the positive parts where `rectified`.
    fn box_product(
        lower: FloatTensor<Self>,
        upper: FloatTensor<Self>,
        matrix: FloatTensor<Self>,
        rectified: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

pub(super) fn box_product(boxes: Boxes, matrix: AnyTensor) -> [AnyTensor; 2] {
    let Boxes {
        lower,
        upper,
        rectified,
    } = boxes;
    let (lower, upper) = Dispatch::box_product(lower.0, upper.0, matrix.0, rectified);
    [lower, upper].map(AnyTensor)
}

fn sizes(rows: &[usize], matrix: &[usize]) -> Sizes {
    Sizes {
        rows: rows[0],
        inner: matrix[0],
        outer: matrix[1],
    }
}

macro_rules! box_product_ops {
    ($backend:ty) => {
        impl BoxProductOps for $backend {
            fn box_product(
                lower: FloatTensor<Self>,
                upper: FloatTensor<Self>,
                matrix: FloatTensor<Self>,
                rectified: bool,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                let sizes = sizes(&lower.shape(), &matrix.shape());
                let shapes = [(); 2].map(|()| vec![sizes.rows, sizes.outer]);
                let work = BoxProduct { sizes, rectified };
                let [lower, upper] = Self::compute([lower, upper, matrix], shapes, work);
                (lower, upper)
            }
        }
    };
}

#[cfg(feature = "flex")]
box_product_ops!(burn::backend::Flex);
#[cfg(feature = "tch")]
box_product_ops!(burn::backend::LibTorch);

impl<B: BoxProductOps + Slices, C: CheckpointStrategy> BoxProductOps for Autodiff<B, C> {
    fn box_product(
        lower: FloatTensor<Self>,
        upper: FloatTensor<Self>,
        matrix: FloatTensor<Self>,
        rectified: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let inputs = [&lower, &upper, &matrix];
        let [l, u, m] = inputs.map(|input| input.primitive().clone());
        let gradient = BoxProductGradient {
            sizes: sizes(&l.shape(), &m.shape()),
            rectified,
        };
        let (first, second) = B::box_product(l, u, m, rectified);
        let [lower, upper] = record::<B, C, _, 3, 2, 5>(inputs, [first, second], gradient);
        (lower, upper)
    }
}
