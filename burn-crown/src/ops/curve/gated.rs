//! `x` times a gate that opens as `x` grows: concave, convex, concave.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

use super::{Curve, Piece};
use crate::tensor::AnyTensor;

/// `x · Φ(x)` with the normal distribution function Φ.
#[derive(Debug)]
pub(crate) struct Gelu;

/// `1 / √(2π)`.
const NORMAL_DENSITY: f64 = 0.398_942_280_401_432_7;

impl Curve for Gelu {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.gelu()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        let gate = x.clone().mul_scalar(FRAC_1_SQRT_2).erf();
        let gate = gate.add_scalar(1.0).mul_scalar(0.5);
        let density = x.clone().mul(x.clone()).mul_scalar(-0.5).exp();
        gate.add(x.mul(density).mul_scalar(NORMAL_DENSITY))
    }

    fn pieces(&self) -> Vec<Piece> {
        vec![
            Piece::concave(f64::NEG_INFINITY, -SQRT_2),
            Piece::convex(-SQRT_2, SQRT_2),
            Piece::concave(SQRT_2, f64::INFINITY),
        ]
    }
}
