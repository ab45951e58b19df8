//! `x` times a gate made of exponentials, as Burn composes it: concave, convex, concave.
//!
//! The inflection points are the zeros of the second derivative, searched for with 40 digits and
//! rounded to `f64`.

use super::{Curve, Piece};
use crate::tensor::AnyTensor;

/// `x / (1 + exp(−x))`: SiLU, also called swish.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silu;

/// `x · tanh(log(1 + exp(x)))`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mish;

/// GELU by a hyperbolic tangent: `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GeluApproximate;

/// Concave outside two inflection points, convex between them.
fn pieces([left, right]: [f64; 2]) -> Vec<Piece> {
    vec![
        Piece::concave(f64::NEG_INFINITY, left),
        Piece::convex(left, right),
        Piece::concave(right, f64::INFINITY),
    ]
}

/// The derivative of the logistic function.
fn logistic_slope(x: AnyTensor) -> AnyTensor {
    x.clone().sigmoid().mul(x.neg().sigmoid())
}

impl Curve for Silu {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.clone().mul(x.sigmoid())
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        let gate = x.clone().sigmoid();
        gate.add(logistic_slope(x.clone()).mul(x))
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces([-2.399_357_280_515_467_5, 2.399_357_280_515_467_5])
    }
}

impl Curve for Mish {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        let softplus = x.clone().neg().log_sigmoid().neg();
        x.mul(softplus.tanh())
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        let softplus = x.clone().neg().log_sigmoid().neg();
        // The derivative of tanh, which keeps its precision where tanh is nearly 1.
        let steep = logistic_slope(softplus.clone().mul_scalar(2.0)).mul_scalar(4.0);
        let opening = steep.mul(x.clone().sigmoid());
        softplus.tanh().add(opening.mul(x))
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces([-2.256_376_396_360_793, 1.490_571_179_485_428_4])
    }
}

impl GeluApproximate {
    /// `√(2/π)`, computed as Burn does.
    pub(crate) const SCALE: f64 =
        std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;

    /// The factor of the cube.
    pub(crate) const CUBE: f64 = 0.044_715;
}

impl Curve for GeluApproximate {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        let square = x.clone().mul(x.clone());
        let factor = square.mul_scalar(Self::CUBE).add_scalar(1.0);
        let inner = factor.mul(x.clone()).mul_scalar(2.0 * Self::SCALE);
        x.mul(inner.sigmoid())
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        // `(1 + tanh(u)) / 2` is the logistic function of `2u`.
        let square = x.clone().mul(x.clone());
        let factor = square.clone().mul_scalar(Self::CUBE).add_scalar(1.0);
        let inner = factor.mul(x.clone()).mul_scalar(2.0 * Self::SCALE);
        let inner_slope = square.mul_scalar(3.0 * Self::CUBE).add_scalar(1.0);
        let inner_slope = inner_slope.mul_scalar(2.0 * Self::SCALE);
        let opening = logistic_slope(inner.clone()).mul(inner_slope);
        inner.sigmoid().add(opening.mul(x))
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces([-1.418_504_008_790_828_3, 1.418_504_008_790_828_3])
    }
}
