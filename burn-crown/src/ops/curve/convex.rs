//! Functions that are convex or concave wherever they are defined, and powers.

use super::accuracy::ALLOWANCE;
use super::{Accuracy, Curve, Piece};
use crate::ops::Interval;
use crate::tensor::{AnyMask, AnyTensor};

const CONVEX: Piece = Piece::convex(f64::NEG_INFINITY, f64::INFINITY);
const CONCAVE: Piece = Piece::concave(f64::NEG_INFINITY, f64::INFINITY);

/// The slopes of roots are upright at zero; nearer to it than this, they are those of here.
const SLOPES_BEGIN: f64 = f32::MIN_POSITIVE as f64;

/// The largest exponent of a power whose rounding is accounted for.
const LARGEST_EXPONENT: f64 = 64.0;

/// `exp(x)`.
#[derive(Debug)]
pub(crate) struct Exp;

/// The natural logarithm of a positive number.
#[derive(Debug)]
pub(crate) struct Log;

/// `log(1 + x)`.
#[derive(Debug)]
pub(crate) struct Log1p;

/// The square root.
#[derive(Debug)]
pub(crate) struct Sqrt;

/// `1 / x` on an interval without zero.
#[derive(Debug)]
pub(crate) struct Recip;

/// `log(1 / (1 + exp(−x)))`.
#[derive(Debug)]
pub(crate) struct LogSigmoid;

/// `|x|`.
#[derive(Debug)]
pub(crate) struct Abs;

/// The hyperbolic cosine.
#[derive(Debug)]
pub(crate) struct Cosh;

/// `x` to a fixed power.
#[derive(Debug)]
pub(crate) struct Power(pub(crate) f64);

impl Curve for Exp {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.exp()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        x.exp()
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::LIBRARY)
    }

    fn is_never_negative(&self) -> bool {
        true
    }

    fn pieces(&self) -> Vec<Piece> {
        vec![CONVEX]
    }

    fn is_increasing(&self) -> bool {
        true
    }

    fn touch(&self, interval: &Interval) -> AnyTensor {
        // Farther than 1 from the lower end, the tangent would be negative there, where what follows
        // an exponential (a sum under a fraction, a logarithm) relies on its sign.
        interval
            .center()
            .min(interval.lower.clone().add_scalar(0.99))
    }
}

impl Curve for Log {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.log()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        x.recip()
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::LIBRARY)
    }

    fn pieces(&self) -> Vec<Piece> {
        vec![CONCAVE]
    }

    fn is_increasing(&self) -> bool {
        true
    }

    fn outside(&self, interval: &Interval) -> Option<AnyMask> {
        Some(interval.lower.clone().greater_scalar(0.0).not())
    }
}

impl Curve for Log1p {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.log1p()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        x.add_scalar(1.0).recip()
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::LIBRARY)
    }

    fn pieces(&self) -> Vec<Piece> {
        vec![CONCAVE]
    }

    fn is_increasing(&self) -> bool {
        true
    }

    fn outside(&self, interval: &Interval) -> Option<AnyMask> {
        Some(interval.lower.clone().greater_scalar(-1.0).not())
    }
}

impl Curve for Sqrt {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        level_at_zero(x, AnyTensor::sqrt)
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        // Finite at zero, where the tangent is upright: any line through a point above it will do.
        x.clamp_min(SLOPES_BEGIN).sqrt().recip().mul_scalar(0.5)
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::Relative {
            units: ALLOWANCE,
            from: SLOPES_BEGIN,
        })
    }

    fn is_never_negative(&self) -> bool {
        true
    }

    fn pieces(&self) -> Vec<Piece> {
        vec![CONCAVE]
    }

    fn is_increasing(&self) -> bool {
        true
    }

    fn outside(&self, interval: &Interval) -> Option<AnyMask> {
        Some(interval.lower.clone().greater_equal_scalar(0.0).not())
    }
}

impl Curve for Recip {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.recip()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        x.clone().mul(x).recip().neg()
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::LIBRARY)
    }

    fn pieces(&self) -> Vec<Piece> {
        vec![
            Piece::concave(f64::NEG_INFINITY, 0.0),
            Piece::convex(0.0, f64::INFINITY),
        ]
    }

    fn outside(&self, interval: &Interval) -> Option<AnyMask> {
        Some(touches_zero(interval))
    }
}

impl Curve for LogSigmoid {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.log_sigmoid()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        x.neg().sigmoid()
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::Steep(1.0))
    }

    fn pieces(&self) -> Vec<Piece> {
        vec![CONCAVE]
    }

    fn is_increasing(&self) -> bool {
        true
    }
}

impl Curve for Abs {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.abs()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        let ones = AnyTensor::full(&x.shape(), 1.0, &x);
        ones.mask_fill(x.lower_scalar(0.0), -1.0)
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::Steep(1.0))
    }

    fn pieces(&self) -> Vec<Piece> {
        vec![CONVEX]
    }
}

impl Curve for Cosh {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.cosh()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        x.sinh()
    }

    fn accuracy(&self) -> Option<Accuracy> {
        Some(Accuracy::LIBRARY)
    }

    fn is_never_negative(&self) -> bool {
        true
    }

    fn pieces(&self) -> Vec<Piece> {
        vec![CONVEX]
    }
}

impl Power {
    fn is_whole(&self) -> bool {
        self.0.fract() == 0.0
    }

    fn is_even(&self) -> bool {
        self.0 % 2.0 == 0.0
    }

    /// Whether the exponent, and that of the slope, is a number in every data type.
    fn is_simple(&self) -> bool {
        (2.0 * self.0).fract() == 0.0
    }
}

impl Curve for Power {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        let power = |x: AnyTensor| x.powf(self.0);
        if 0.0 < self.0 && self.0 < 1.0 {
            level_at_zero(x, power)
        } else {
            power(x)
        }
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        // A root is upright at zero: see the square root.
        let x = match self.is_whole() {
            true => x,
            false => x.clamp_min(SLOPES_BEGIN),
        };
        x.powf(self.0 - 1.0).mul_scalar(self.0)
    }

    /// `powf` of an exponent that is off by `u` of itself is off by `u |p log x|`, of which the
    /// value's exponent says that it is at most 89 u in `f32` and 746 u in `f64`; integers are
    /// multiplied out by some backends.
    fn accuracy(&self) -> Option<Accuracy> {
        let from = if self.is_whole() { 0.0 } else { SLOPES_BEGIN };
        let exponent = if self.is_simple() { 0 } else { 1024 };
        let units = ALLOWANCE + self.0.abs().ceil() as usize + exponent;
        (self.0.abs() <= LARGEST_EXPONENT).then_some(Accuracy::Relative { units, from })
    }

    fn is_never_negative(&self) -> bool {
        !self.is_whole() || self.is_even()
    }

    fn pieces(&self) -> Vec<Piece> {
        let bends_up = self.0 >= 1.0 || self.0 <= 0.0;
        if !self.is_whole() {
            return vec![if bends_up { CONVEX } else { CONCAVE }];
        }
        let positive = Piece::convex(0.0, f64::INFINITY);
        match (self.is_even(), self.0 >= 0.0) {
            (true, true) => vec![CONVEX],
            (true, false) => vec![Piece::convex(f64::NEG_INFINITY, 0.0), positive],
            (false, _) => vec![Piece::concave(f64::NEG_INFINITY, 0.0), positive],
        }
    }

    fn is_increasing(&self) -> bool {
        self.0 >= 0.0 && !(self.is_whole() && self.is_even())
    }

    fn touch(&self, interval: &Interval) -> AnyTensor {
        if !(self.is_even() && self.0 >= 0.0) {
            return interval.center();
        }
        // Where the power is smallest: its tangent there is nowhere negative, and what follows (a
        // mean of squares under a root) relies on that.
        let above = interval.lower.clone().clamp_min(0.0);
        above.add(interval.upper.clone().clamp_max(0.0))
    }

    fn outside(&self, interval: &Interval) -> Option<AnyMask> {
        match (self.is_whole(), self.0 >= 0.0) {
            (true, true) => None,
            (true, false) => Some(touches_zero(interval)),
            (false, true) => Some(interval.lower.clone().greater_equal_scalar(0.0).not()),
            (false, false) => Some(interval.lower.clone().greater_scalar(0.0).not()),
        }
    }
}

/// A root that is upright at 0, with the gradient 0 there: an infinite one would become NaN for a
/// lower bound of 0 that itself does not move.
fn level_at_zero(x: AnyTensor, root: impl Fn(AnyTensor) -> AnyTensor) -> AnyTensor {
    let positive = x.clone().greater_scalar(0.0);
    let zero = x.clone().greater_equal_scalar(0.0).and(positive.not());
    root(x.mask_fill(zero.clone(), 1.0)).mask_fill(zero, 0.0)
}

/// The elements whose interval holds zero.
fn touches_zero(interval: &Interval) -> AnyMask {
    let positive = interval.lower.clone().greater_scalar(0.0);
    let negative = interval.upper.clone().lower_scalar(0.0);
    positive.or(negative).not()
}
