//! Functions of one variable, element by element: what a function says of itself, and the operator
//! that bounds any of them.
//!
//! A function is a chain of pieces, each convex or concave. That is all that its tightest lines
//! need, see [`support`]; a new function is a value, a slope and its pieces.

mod accuracy;
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
mod turns;

pub(super) use accuracy::{ALLOWANCE, width};
pub(crate) use convex::{Abs, Cosh, Exp, Log, Log1p, LogSigmoid, Power, Recip, Sqrt};
pub(crate) use gated::{Gelu, GeluApproximate, HardSwish, Mish, Silu};
pub(crate) use joined::{Elu, Softplus};
pub(crate) use kinked::Clamp;
pub(crate) use periodic::{Sine, Tan};
pub(crate) use s_shaped::{ArcSinh, ArcTan, Erf, Sigmoid, Softsign, Tanh};
pub(crate) use steepening::{ArcTanh, Sinh, Tanhshrink};
pub(super) use support::lines;

use accuracy::Accuracy;

use std::fmt::Debug;

use super::lines::Lines;
use super::{Interval, Operator, Region, Rounded, Roundings, Step, Window, Windowed};
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

    /// How far computed values and slopes are off; none where that is not accounted for.
    fn accuracy(&self) -> Option<Accuracy> {
        None
    }

    /// Whether neither it nor what is computed for it is ever below zero.
    fn is_never_negative(&self) -> bool {
        false
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
    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        Windowed::element_wise(window, operands)
    }

    fn is_affine(&self) -> bool {
        false
    }

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        match self.0.accuracy() {
            Some(Accuracy::Relative { units, .. }) => units,
            _ => ALLOWANCE,
        }
    }

    fn accounts_for_rounding(&self) -> bool {
        self.0.accuracy().is_some()
    }

    fn roundings(&self, rounded: &Rounded) -> Option<Roundings> {
        accuracy::roundings(self, rounded)
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
