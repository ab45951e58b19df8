//! The result: bounds, and what they certify.

use burn::tensor::{Bool, Tensor};

/// Bounds of a specification over a region, both `[B, S]`.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Nowhere above the specification's values.
    pub lower: Tensor<2>,
    /// Nowhere below them.
    pub upper: Tensor<2>,
}

impl Bounds {
    /// For margins: which images are certified, `[B]`. A bound that is infinite or not a number
    /// certifies nothing.
    pub fn certified(&self) -> Tensor<1, Bool> {
        certified(self.lower.clone())
    }
}

/// Which images are certified by lower bounds of their margins `[B, S]`: those whose bounds are
/// all positive and finite. No margins certify nothing.
pub fn certified(lower: Tensor<2>) -> Tensor<1, Bool> {
    let [batch, rows] = lower.dims();
    if rows == 0 {
        return Tensor::<1>::zeros([batch], &lower.device()).greater_elem(0.0);
    }
    let positive = lower.clone().greater_elem(0.0);
    let finite = lower.lower_elem(f32::INFINITY);
    positive.bool_and(finite).all_dim(1).reshape([batch as i32])
}
