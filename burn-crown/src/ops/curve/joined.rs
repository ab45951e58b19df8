//! Functions that are exponential on one side and straight, or nearly so, on the other.

use super::{Accuracy, Curve, Interval, Piece};
use crate::tensor::AnyTensor;

/// `log(1 + exp(β x)) / β`.
///
/// Burn takes `x` instead where `β x` is above a threshold, which is less by at most
/// `log(1 + exp(−threshold)) / β`: bounds from below are lowered by that where they reach so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Softplus {
    beta: f64,
    threshold: f64,
}

/// `gain · x` above zero, `depth · (exp(rate · x) − 1)` below: ELU, CELU and SELU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elu {
    gain: f64,
    depth: f64,
    rate: f64,
}

impl Softplus {
    /// With a threshold of this much the step to `x` is, relative to `x`, below the rounding of
    /// `f32`.
    pub(crate) const LEAST_THRESHOLD: f64 = 16.0;

    /// The function for these parameters, if it is one that can be bounded.
    pub(crate) fn new(beta: f64, threshold: f64) -> Option<Self> {
        let sound = beta > 0.0 && beta.is_finite() && threshold >= Self::LEAST_THRESHOLD;
        sound.then_some(Self { beta, threshold })
    }
}

impl Curve for Softplus {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        let scaled = x.mul_scalar(-self.beta);
        scaled.log_sigmoid().mul_scalar(-1.0 / self.beta)
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        x.mul_scalar(self.beta).sigmoid()
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::Steep((1.0 / self.beta).max(1.0)))
    }

    fn pieces(&self) -> Vec<Piece> {
        vec![Piece::convex(f64::NEG_INFINITY, f64::INFINITY)]
    }

    fn is_increasing(&self) -> bool {
        true
    }

    fn shortfall(&self, interval: &Interval) -> Option<AnyTensor> {
        let step = (-self.threshold).exp().ln_1p() / self.beta;
        // A little earlier than the threshold, for the rounding of the comparison.
        let border = (self.threshold - 0.01) / self.beta;
        let reaches = interval.upper.clone().greater_scalar(border);
        let zeros = AnyTensor::zeros(&interval.upper.shape(), &interval.upper);
        Some(zeros.mask_fill(reaches, step))
    }
}

impl Elu {
    /// The function for these parameters, if it rises.
    pub(crate) fn new(gain: f64, depth: f64, rate: f64) -> Option<Self> {
        let rises = gain > 0.0 && depth >= 0.0 && rate > 0.0;
        let finite = gain.is_finite() && (depth * rate).is_finite() && rate.is_finite();
        (rises && finite).then_some(Self { gain, depth, rate })
    }

    /// Whether its slope falls at zero.
    fn bends_down(&self) -> bool {
        self.depth * self.rate > self.gain
    }
}

impl Curve for Elu {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        let power = x.clone().clamp_max(0.0).mul_scalar(self.rate);
        let below = power.exp().add_scalar(-1.0).mul_scalar(self.depth);
        let positive = x.clone().greater_scalar(0.0);
        below.mask_where(positive, x.mul_scalar(self.gain))
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        // At zero that of the convex side, by which the search in that piece goes.
        let power = x.clone().clamp_max(0.0).mul_scalar(self.rate);
        let below = power.exp().mul_scalar(self.depth * self.rate);
        below.mask_fill(x.greater_scalar(0.0), self.gain)
    }

    fn accuracy(&self) -> Option<Accuracy> {
        let slope = self.gain.max(self.depth * self.rate);
        Some(Accuracy::Steep(slope.max(self.depth)))
    }

    fn pieces(&self) -> Vec<Piece> {
        if self.bends_down() {
            vec![
                Piece::convex(f64::NEG_INFINITY, 0.0),
                Piece::concave(0.0, f64::INFINITY),
            ]
        } else {
            vec![Piece::convex(f64::NEG_INFINITY, f64::INFINITY)]
        }
    }

    fn kinks(&self) -> Vec<f64> {
        vec![0.0]
    }

    fn is_increasing(&self) -> bool {
        true
    }
}
