//! `x` times a gate that opens as `x` grows: concave, convex, concave.
//!
//! Inflection points without a closed form are the zeros of the second derivative, searched for
//! with 40 digits and rounded to `f64`.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, SQRT_2};

use super::{Accuracy, Curve, Piece};
use crate::tensor::AnyTensor;

/// `x · Φ(x)` with the normal distribution function Φ.
#[derive(Debug)]
pub(crate) struct Gelu;

/// `x / (1 + exp(−x))`: SiLU, also called swish.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silu;

/// `x · tanh(log(1 + exp(x)))`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mish;

/// GELU by a hyperbolic tangent: `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GeluApproximate;

/// `x · clamp(scale · x + shift, 0, 1)`: zero, a parabola, and `x`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HardSwish {
    scale: f64,
    shift: f64,
}

/// `1 / √(2π)`.
const NORMAL_DENSITY: f64 = 0.398_942_280_401_432_7;

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

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::Steep(1.2))
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces([-SQRT_2, SQRT_2])
    }
}

impl Curve for Silu {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.clone().mul(x.sigmoid())
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        let gate = x.clone().sigmoid();
        gate.add(logistic_slope(x.clone()).mul(x))
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::Steep(1.2))
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

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::Steep(2.0))
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces([-2.256_376_396_360_793, 1.490_571_179_485_428_4])
    }
}

impl GeluApproximate {
    /// `√(2/π)`, computed as Burn does.
    pub(crate) const SCALE: f64 = FRAC_2_SQRT_PI * FRAC_1_SQRT_2;

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

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::Steep(2.0))
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces([-1.418_504_008_790_828_3, 1.418_504_008_790_828_3])
    }
}

impl HardSwish {
    /// The function for these parameters, if the parabola's part holds zero and both corners bend
    /// down.
    pub(crate) fn new(scale: f64, shift: f64) -> Option<Self> {
        let fits = scale > 0.0 && scale.is_finite() && 0.0 < shift && shift < 1.0;
        fits.then_some(Self { scale, shift })
    }

    /// Where the gate begins to open, and where it is open.
    fn corners(&self) -> [f64; 2] {
        [0.0, 1.0].map(|level| (level - self.shift) / self.scale)
    }
}

impl Curve for HardSwish {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        let gate = x.clone().mul_scalar(self.scale).add_scalar(self.shift);
        x.mul(gate.clamp_min(0.0).clamp_max(1.0))
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        // At a corner that of the parabola, by which the search in that piece goes.
        let [closed, open] = self.corners();
        x.clone()
            .mul_scalar(2.0 * self.scale)
            .add_scalar(self.shift)
            .mask_fill(x.clone().lower_scalar(closed), 0.0)
            .mask_fill(x.greater_scalar(open), 1.0)
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::Steep(2.0))
    }

    fn pieces(&self) -> Vec<Piece> {
        pieces(self.corners())
    }

    fn kinks(&self) -> Vec<f64> {
        self.corners().to_vec()
    }
}
