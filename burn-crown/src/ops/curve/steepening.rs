//! Functions that rise faster the farther from zero: concave below it, convex above.

use super::{Accuracy, Curve, Interval, Piece};
use crate::tensor::{AnyMask, AnyTensor};

/// `x − tanh(x)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tanhshrink;

/// The hyperbolic sine.
#[derive(Debug)]
pub(crate) struct Sinh;

/// The inverse hyperbolic tangent, between −1 and 1.
#[derive(Debug)]
pub(crate) struct ArcTanh;

fn pieces() -> Vec<Piece> {
    vec![
        Piece::concave(f64::NEG_INFINITY, 0.0),
        Piece::convex(0.0, f64::INFINITY),
    ]
}

impl Curve for Tanhshrink {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.clone().sub(x.tanh())
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        let tanh = x.tanh();
        tanh.clone().mul(tanh)
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::Steep(1.2))
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces()
    }

    fn is_increasing(&self) -> bool {
        true
    }
}

impl Curve for Sinh {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.sinh()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        x.cosh()
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::LIBRARY)
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces()
    }

    fn is_increasing(&self) -> bool {
        true
    }
}

impl Curve for ArcTanh {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.atanh()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        // As a product, which keeps its precision near 1.
        let (below, above) = (x.clone().add_scalar(1.0), x.neg().add_scalar(1.0));
        below.mul(above).recip()
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces()
    }

    fn is_increasing(&self) -> bool {
        true
    }

    fn outside(&self, interval: &Interval) -> Option<AnyMask> {
        let below = interval.upper.clone().lower_scalar(1.0);
        let above = interval.lower.clone().greater_scalar(-1.0);
        Some(below.and(above).not())
    }
}
