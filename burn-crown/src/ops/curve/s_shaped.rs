//! S-shaped functions: rising, convex below zero, concave above.

use std::f64::consts::FRAC_2_SQRT_PI;

use super::{Accuracy, Curve, Piece};
use crate::tensor::AnyTensor;

/// `1 / (1 + exp(−x))`.
#[derive(Debug)]
pub(crate) struct Sigmoid;

/// The hyperbolic tangent.
#[derive(Debug)]
pub(crate) struct Tanh;

/// The error function.
#[derive(Debug)]
pub(crate) struct Erf;

/// `x / (1 + |x|)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Softsign;

/// The inverse tangent.
#[derive(Debug)]
pub(crate) struct ArcTan;

/// The inverse hyperbolic sine.
#[derive(Debug)]
pub(crate) struct ArcSinh;

fn pieces() -> Vec<Piece> {
    vec![
        Piece::convex(f64::NEG_INFINITY, 0.0),
        Piece::concave(0.0, f64::INFINITY),
    ]
}

impl Curve for Sigmoid {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.sigmoid()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        x.clone().sigmoid().mul(x.neg().sigmoid())
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::Steep(1.0))
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces()
    }

    fn is_increasing(&self) -> bool {
        true
    }
}

impl Curve for Tanh {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.tanh()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        // By the logistic function, which keeps its precision where tanh is nearly ±1.
        let (up, down) = (x.clone().mul_scalar(2.0), x.mul_scalar(-2.0));
        up.sigmoid().mul(down.sigmoid()).mul_scalar(4.0)
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::Steep(1.0))
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces()
    }

    fn is_increasing(&self) -> bool {
        true
    }
}

impl Curve for Erf {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.erf()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        x.clone().mul(x).neg().exp().mul_scalar(FRAC_2_SQRT_PI)
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::Steep(FRAC_2_SQRT_PI))
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces()
    }

    fn is_increasing(&self) -> bool {
        true
    }
}

impl Curve for Softsign {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.clone().div(x.abs().add_scalar(1.0))
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        let root = x.abs().add_scalar(1.0).recip();
        root.clone().mul(root)
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::Steep(1.0))
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces()
    }

    fn is_increasing(&self) -> bool {
        true
    }
}

impl Curve for ArcTan {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.atan()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        x.clone().mul(x).add_scalar(1.0).recip()
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::Steep(1.0))
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces()
    }

    fn is_increasing(&self) -> bool {
        true
    }
}

impl Curve for ArcSinh {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.asinh()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        x.clone().mul(x).add_scalar(1.0).sqrt().recip()
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces()
    }

    fn is_increasing(&self) -> bool {
        true
    }
}
