//! Functions of straight pieces.

use super::{Accuracy, Curve, Piece};
use crate::tensor::AnyTensor;

/// `x` kept between two levels, after a scale and a shift: `clamp(scale · x + shift, low, high)`.
/// The scale is positive; a level may be infinite.
#[derive(Debug)]
pub(crate) struct Clamp {
    pub(crate) scale: f64,
    pub(crate) shift: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Clamp {
    /// The clamp of `x` itself.
    pub(crate) fn between(low: f64, high: f64) -> Self {
        Self {
            scale: 1.0,
            shift: 0.0,
            low,
            high,
        }
    }

    /// Where the function leaves its lower level, and where it reaches the higher one.
    fn corners(&self) -> [f64; 2] {
        [self.low, self.high].map(|level| (level - self.shift) / self.scale)
    }
}

impl Curve for Clamp {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.mul_scalar(self.scale)
            .add_scalar(self.shift)
            .clamp_min(self.low)
            .clamp_max(self.high)
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        let [low, high] = self.corners();
        AnyTensor::full(&x.shape(), self.scale, &x)
            .mask_fill(x.clone().lower_scalar(low), 0.0)
            .mask_fill(x.greater_scalar(high), 0.0)
    }

    fn accuracy(&self) -> Option<Accuracy> {
        let levels = [self.low, self.high, self.shift].map(f64::abs);
        let finite = levels.into_iter().filter(|level| level.is_finite());
        Some(Accuracy::Steep(finite.fold(self.scale, f64::max)))
    }

    fn pieces(&self) -> Vec<Piece> {
        let whole = |bend: fn(f64, f64) -> Piece| vec![bend(f64::NEG_INFINITY, f64::INFINITY)];
        match self.corners() {
            [_, f64::INFINITY] => whole(Piece::convex),
            [f64::NEG_INFINITY, _] => whole(Piece::concave),
            [low, high] => {
                let middle = 0.5 * (low + high);
                vec![
                    Piece::convex(f64::NEG_INFINITY, middle),
                    Piece::concave(middle, f64::INFINITY),
                ]
            }
        }
    }

    fn kinks(&self) -> Vec<f64> {
        let corners = self.corners().into_iter();
        corners.filter(|corner| corner.is_finite()).collect()
    }

    fn is_increasing(&self) -> bool {
        true
    }
}
