//! Products of boxes with a matrix.
//!
//! A box goes through a matrix as its centre and its radius, the radius through the absolute values.
//! Composed, that makes an array of absolute values as large as the matrix, and several such for the
//! gradient. So it is a backend extension, which reads the matrix once in each direction, where the
//! backend has loops of its own ([`extension`]); composed elsewhere. Both are tested against each
//! other.

#[cfg(any(feature = "flex", feature = "tch"))]
mod extension;
#[cfg(any(feature = "flex", feature = "tch"))]
mod loops;
#[cfg(any(feature = "flex", feature = "tch"))]
mod packed;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "flex", feature = "tch"))]
mod tile;

#[cfg(any(feature = "flex", feature = "tch"))]
use super::native::has_loops;
use super::{AnyTensor, Boxes};

/// Fewer rows leave most of a vector empty.
#[cfg(any(feature = "flex", feature = "tch"))]
const FEW_ROWS: usize = 8;

impl AnyTensor {
    /// The ends of the smallest boxes around `x · matrix` for all `x` in boxes `[..., K]`; the matrix is
    /// `[K, O]`.
    pub(crate) fn matmul_of_boxes(boxes: Boxes, matrix: Self) -> [Self; 2] {
        #[cfg(any(feature = "flex", feature = "tch"))]
        if has_loops(&[&boxes.lower, &boxes.upper, &matrix]) {
            let shape = boxes.lower.shape();
            let (inner, outer) = (matrix.shape()[0], matrix.shape()[1]);
            let rows: usize = shape[..shape.len() - 1].iter().product();
            if rows >= FEW_ROWS && outer > 0 {
                let flat = Boxes {
                    lower: boxes.lower.reshape(&[rows, inner]),
                    upper: boxes.upper.reshape(&[rows, inner]),
                    ..boxes
                };
                let made = extension::box_product(flat, matrix);
                let shape = [&shape[..shape.len() - 1], &[outer]].concat();
                return made.map(|end| end.reshape(&shape));
            }
        }
        Self::matmul_of_boxes_composed(boxes, matrix)
    }

    fn matmul_of_boxes_composed(boxes: Boxes, matrix: Self) -> [Self; 2] {
        let [lower, upper] = boxes.ends();
        let center = lower.clone().add(upper.clone()).mul_scalar(0.5);
        let radius = upper.sub(lower).mul_scalar(0.5);
        let center = center.matmul(matrix.clone());
        let radius = radius.matmul(matrix.abs());
        [center.clone().sub(radius.clone()), center.add(radius)]
    }
}
