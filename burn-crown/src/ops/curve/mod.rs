//! Functions of one variable, element by element: what a function says of itself, and the operator
//! that bounds any of them.
//!
//! A function is a chain of pieces, each convex or concave. That is all that its tightest lines
//! need, see [`support`]; a new function is a value, a slope and its pieces.

mod convex;
mod gated;
mod joined;
mod kinked;
mod periodic;
mod s_shaped;
mod steepening;
mod support;
#[cfg(test)]
mod tests;

pub(crate) use convex::{Abs, Cosh, Exp, Log, Log1p, LogSigmoid, Power, Recip, Sqrt};
pub(crate) use gated::{Gelu, GeluApproximate, HardSwish, Mish, Silu};
pub(crate) use joined::{Elu, Softplus};
pub(crate) use kinked::Clamp;
pub(crate) use periodic::{Sine, Tan};
pub(crate) use s_shaped::{ArcSinh, ArcTan, Erf, Sigmoid, Softsign, Tanh};
pub(crate) use steepening::{ArcTanh, Sinh, Tanhshrink};
pub(super) use support::lines;

use std::fmt::Debug;

use super::lines::Lines;
use super::{Interval, Operator, Precision, Region, Rounded, Roundings, Step};
use crate::tensor::{AnyMask, AnyTensor};

/// A part of the line on which a function is convex or concave; straight is both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Piece {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) bend: Bend,
}

/// How a function bends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bend {
    /// Its slope does not fall.
    Convex,
    /// Its slope does not rise.
    Concave,
}

impl Piece {
    const fn convex(from: f64, to: f64) -> Self {
        let bend = Bend::Convex;
        Self { from, to, bend }
    }

    const fn concave(from: f64, to: f64) -> Self {
        let bend = Bend::Concave;
        Self { from, to, bend }
    }
}

/// A continuous function of one variable.
pub(crate) trait Curve: Debug + Send + Sync {
    /// The function.
    fn value(&self, x: AnyTensor) -> AnyTensor;

    /// Its derivative; at a kink, that of one side.
    fn slope(&self, x: AnyTensor) -> AnyTensor;

    /// The pieces from left to right, without gaps.
    fn pieces(&self) -> Vec<Piece>;

    /// Where the slope jumps: a tightest line may go through such a point.
    fn kinks(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Whether it never falls, so that the ends of an interval are mapped to its bounds.
    fn is_increasing(&self) -> bool {
        false
    }

    /// `K` for a function that [`ALLOWANCE`] covers: nowhere steeper than `K`, at zero no larger
    /// than `K`, its computed value off by at most `ALLOWANCE · u · K (1 + |x|)`, whether it is
    /// computed here or composed by Burn, and its computed slope by at most `ALLOWANCE · u · K`.
    /// None for others, whose rounding is not accounted for.
    fn steepness(&self) -> Option<f64> {
        None
    }

    /// Where the tangent of a convex or concave function touches it: in the middle of the interval,
    /// where the area between the two is smallest.
    fn touch(&self, interval: &Interval) -> AnyTensor {
        interval.center()
    }

    /// The elements whose interval leaves the function's domain, if it has one.
    fn outside(&self, interval: &Interval) -> Option<AnyMask> {
        let _ = interval;
        None
    }

    /// By how much the function that is run may lie below this one on an interval, where it is
    /// not quite this one.
    fn shortfall(&self, interval: &Interval) -> Option<AnyTensor> {
        let _ = interval;
        None
    }
}

/// How far the computed values of functions may be off, in unit roundoffs of
/// [`steepness`](Curve::steepness)` · (1 + |x|)`.
///
/// Of these, 32 are for one function of the mathematics library (`exp`, `ln_1p`, `tanh`, `erf`,
/// `sin`, `cos`, and the logistic function and its logarithm made of them): 16 units in the last
/// place, where glibc states at most 2 for `f32` and `f64`, Rust's `libm` 1 and SLEEF 4. The others
/// are for what is computed around it, of which no function here has more than 12 operations.
pub(super) const ALLOWANCE: usize = 64;

/// What the lines around a function are off by, and its values: `(step, value, constant)`.
///
/// A line is a slope, whatever it is, and the extreme of `f(x) − slope · x` over a few places; or a
/// tangent, which is off by the error of its slope over the width of the interval. So is the
/// search for the extreme, which goes by computed slopes: where one has the wrong sign, the
/// function rises or falls by less than the slope's error over what the search leaves out.
fn line_roundings(
    lines: &Lines,
    input: &Interval,
    largest: AnyTensor,
    steepness: f64,
    precision: Precision,
) -> [AnyTensor; 3] {
    let gamma = precision.gamma(ALLOWANCE);
    let slopes = lines.lower.slope.clone().abs();
    let slopes = slopes.max(lines.upper.slope.clone().abs());
    let width = input
        .radius()
        .mul_scalar(2.0 * (1.0 + 16.0 * precision.unit));
    let reach = largest.clone().add(width).add_scalar(1.0);
    let value = reach.mul_scalar(steepness * gamma);
    let rise = slopes.mul(largest.clone());
    let step = value.clone().add(rise.clone().mul_scalar(4.0 * gamma));
    let size = largest.add_scalar(1.0).mul_scalar(2.0 * steepness);
    let constant = size.add(rise.mul_scalar(2.0)).add(value.clone());
    [step, value, constant]
}

/// A function of one variable as an operator.
#[derive(Debug)]
pub(crate) struct Elementwise<C>(pub(crate) C);

impl<C: Curve> Elementwise<C> {
    /// A bound where the function is defined on the interval, else NaN, which certifies nothing.
    fn inside(&self, bound: AnyTensor, interval: &Interval) -> AnyTensor {
        match self.0.outside(interval) {
            Some(outside) => bound.mask_fill(outside, f64::NAN),
            None => bound,
        }
    }

    /// A bound from below for the function that is run.
    fn below(&self, bound: AnyTensor, interval: &Interval) -> AnyTensor {
        match self.0.shortfall(interval) {
            Some(shortfall) => bound.sub(shortfall),
            None => bound,
        }
    }
}

impl<C: Curve> Operator for Elementwise<C> {
    fn is_affine(&self) -> bool {
        false
    }

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        ALLOWANCE
    }

    fn accounts_for_rounding(&self) -> bool {
        self.0.steepness().is_some()
    }

    fn roundings(&self, rounded: &Rounded) -> Option<Roundings> {
        let steepness = self.0.steepness()?;
        let input = rounded.inputs[0].interval();
        let lines = support::lines(&self.0, &input);
        let (largest, precision) = (rounded.magnitude(0), rounded.precision);
        let [step, value, constant] = line_roundings(&lines, &input, largest, steepness, precision);
        Some(Roundings {
            constant: Some(constant),
            ..rounded.nonlinear(Some(value), step)
        })
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        self.0.value(inputs[0].clone())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let input = inputs[0].interval();
        let range = if self.0.is_increasing() {
            input.clone().map(|bound| self.0.value(bound))
        } else {
            support::range(&self.0, &input)
        };
        let mut range = range.map(|bound| self.inside(bound, &input));
        range.lower = self.below(range.lower, &input);
        Region::Box(range)
    }

    fn lines(&self, step: &Step) -> Option<Lines> {
        let input = step.interval(0);
        let mut lines = lines(&self.0, &input);
        lines.lower.intercept = self.inside(lines.lower.intercept, &input);
        lines.lower.intercept = self.below(lines.lower.intercept, &input);
        lines.upper.intercept = self.inside(lines.upper.intercept, &input);
        Some(lines)
    }
}
