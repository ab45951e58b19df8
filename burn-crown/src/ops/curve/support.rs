//! The tightest lines around a function on an interval.
//!
//! Of all lines below a function, the one that leaves the least area in between is highest in the
//! middle of the interval: it supports the convex hull of the function there. Such a line is a
//! chord, the tangent in the middle, or a line through an end of the interval (or a kink) that is
//! tangent to a convex piece. All of these are tried.
//!
//! What makes the result sound is a step apart from the choice: for whatever slope was chosen, the
//! intercept is the smallest value of `f(x) − slope · x` on the interval. That is attained at an
//! end, at a border of pieces, or in a convex piece where the slope of the function is the line's.
//! The search for that place keeps it in a bracket, and takes the lowest value that a convex
//! function can have in there. Searches run without gradient; those of the lines are exact by the
//! envelope theorem, because a line's height does not change with a place that is optimal.

use burn::tensor::DType;

use super::super::Interval;
use super::super::lines::{Line, Lines};
use super::{Bend, Curve};
use crate::tensor::{AnyMask, AnyTensor};

/// The tightest lines around the function on an interval.
pub(in crate::ops) fn lines(curve: &dyn Curve, interval: &Interval) -> Lines {
    let shape = interval.lower.shape();
    let flat = interval.clone().map(row);
    let back = |line: Line, sign: f64| Line {
        slope: line.slope.mul_scalar(sign).reshape(&shape),
        intercept: line.intercept.mul_scalar(sign).reshape(&shape),
    };
    Lines {
        lower: back(Side::below(curve).line(&flat), 1.0),
        upper: back(Side::above(curve).line(&flat), -1.0),
    }
}

/// The smallest and the largest value of the function on an interval.
pub(super) fn range(curve: &dyn Curve, interval: &Interval) -> Interval {
    let shape = interval.lower.shape();
    let flat = interval.clone().map(row);
    let level = AnyTensor::zeros(&flat.lower.shape(), &flat.lower);
    let extreme = |side: Side| side.intercept(&flat, level.clone());
    Interval {
        lower: extreme(Side::below(curve)).reshape(&shape),
        upper: extreme(Side::above(curve)).neg().reshape(&shape),
    }
}

/// `[1, N]`: candidates are stacked along the first dim.
fn row(x: AnyTensor) -> AnyTensor {
    let count = x.shape().iter().product();
    x.reshape(&[1, count])
}

/// Below this width an interval has no chord to speak of.
const NARROW: f64 = 1e-12;

/// A function seen from below: itself, or for its upper line its negative.
struct Side<'a> {
    curve: &'a dyn Curve,
    sign: f64,
    bend: Bend,
}

impl<'a> Side<'a> {
    fn below(curve: &'a dyn Curve) -> Self {
        let (sign, bend) = (1.0, Bend::Convex);
        Self { curve, sign, bend }
    }

    fn above(curve: &'a dyn Curve) -> Self {
        let (sign, bend) = (-1.0, Bend::Concave);
        Self { curve, sign, bend }
    }

    fn value(&self, x: AnyTensor) -> AnyTensor {
        self.curve.value(x).mul_scalar(self.sign)
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        self.curve.slope(x).mul_scalar(self.sign)
    }

    /// The line below the function that is highest in the middle.
    fn line(&self, interval: &Interval) -> Line {
        let chord = self.secant(&interval.lower, &interval.upper);
        let touch = self.curve.touch(interval);
        let slope = match self.curve.pieces().as_slice() {
            [piece] if piece.bend != self.bend => chord,
            [_] => {
                // The tangent of a convex function is below it everywhere.
                let slope = self.slope(touch.clone());
                let intercept = self.value(touch.clone()).sub(slope.clone().mul(touch));
                return Line { slope, intercept };
            }
            [left, right] if left.bend != right.bend && self.curve.kinks().is_empty() => {
                let fixed = interval.clone().map(AnyTensor::without_autodiff);
                match self.convex_pieces(&fixed).as_slice() {
                    [convex] => self.envelope(interval, convex, chord, touch),
                    _ => chord,
                }
            }
            _ => self.highest(interval, vec![chord, self.slope(touch)]),
        };
        let intercept = self.intercept(interval, slope.clone());
        Line { slope, intercept }
    }

    /// The slope of the convex hull of a function with one smooth turning point: in front of the
    /// place where the tangent meets the far end of the concave piece, the hull is the function
    /// itself, and behind it that tangent, or the chord where there is no such place.
    fn envelope(
        &self,
        interval: &Interval,
        convex: &Interval,
        chord: AnyTensor,
        touch: AnyTensor,
    ) -> AnyTensor {
        let begins_convex = self.curve.pieces()[0].bend == self.bend;
        let (near, far) = if begins_convex {
            (&interval.lower, &interval.upper)
        } else {
            (&interval.upper, &interval.lower)
        };
        let point = self.tangent_point(convex, &far.clone().without_autodiff());
        let (near, place) = (near.clone(), touch.clone());
        let [near, place] = [near, place].map(AnyTensor::without_autodiff);
        let [has_tangent, in_front] = [near, place].map(|x| {
            if begins_convex {
                x.lower(point.clone())
            } else {
                x.greater(point.clone())
            }
        });
        chord
            .mask_where(has_tangent, self.secant(&point, far))
            .mask_where(in_front, self.slope(touch))
    }

    /// The slope, among the given ones and those of lines through the ends, whose line below the
    /// function is highest in the middle.
    fn highest(&self, interval: &Interval, mut slopes: Vec<AnyTensor>) -> AnyTensor {
        let fixed = interval.clone().map(AnyTensor::without_autodiff);
        slopes.push(AnyTensor::zeros(&fixed.lower.shape(), &fixed.lower));
        for end in [&interval.lower, &interval.upper] {
            for piece in self.convex_pieces(&fixed) {
                let point = self.tangent_point(&piece, &end.clone().without_autodiff());
                slopes.push(self.secant(&point, end));
            }
            for kink in self.curve.kinks() {
                let point = AnyTensor::full(&fixed.lower.shape(), kink, &fixed.lower);
                slopes.push(self.secant(&point, end));
            }
        }
        let stacked = slopes.iter().map(|slope| slope.clone().without_autodiff());
        let stacked = AnyTensor::cat(stacked.collect(), 0);
        let shape = stacked.shape();
        let over = |x: AnyTensor| x.expand(&shape);
        let middle = over(fixed.center());
        let heights = self
            .intercept(&fixed.map(over), stacked.clone())
            .add(stacked.mul(middle));
        let height = |index: usize| heights.clone().slice(&[(index, index + 1), (0, shape[1])]);
        let mut best = (slopes[0].clone(), height(0));
        for (index, slope) in slopes.into_iter().enumerate().skip(1) {
            let higher = height(index).greater(best.1.clone());
            best.0 = best.0.mask_where(higher.clone(), slope);
            best.1 = best.1.mask_where(higher, height(index));
        }
        best.0
    }

    /// The slope of the line through two points of the function; where they are one, that of the
    /// function.
    fn secant(&self, from: &AnyTensor, to: &AnyTensor) -> AnyTensor {
        let run = to.clone().sub(from.clone());
        let narrow = run.clone().abs().lower_scalar(NARROW);
        let rise = self.value(to.clone()).sub(self.value(from.clone()));
        let slope = rise.div(run.mask_fill(narrow.clone(), 1.0));
        slope.mask_where(narrow, self.slope(from.clone()))
    }

    /// What of each convex piece lies in the interval; an end of the interval where that is nothing.
    fn convex_pieces(&self, interval: &Interval) -> Vec<Interval> {
        self.curve
            .pieces()
            .into_iter()
            .filter(|piece| piece.bend == self.bend)
            .map(|piece| Interval {
                lower: nearest(interval, piece.from),
                upper: nearest(interval, piece.to),
            })
            .collect()
    }

    /// The point of a convex piece whose tangent goes through the function at `end`, or the point
    /// of the piece that is nearest to being so.
    fn tangent_point(&self, piece: &Interval, end: &AnyTensor) -> AnyTensor {
        let at_end = self.value(end.clone());
        // Tangents nearer to the end are higher there; the last that is not too high is wanted.
        let from_right = piece.lower.clone().lower(end.clone());
        let overshoots = |x: &AnyTensor| {
            let run = end.clone().sub(x.clone());
            let reach = self.value(x.clone()).add(self.slope(x.clone()).mul(run));
            reach.greater(at_end.clone())
        };
        let Interval { lower, upper } = bisect(piece.clone(), |x| {
            let over = overshoots(x);
            // Left of the end go right until a tangent overshoots, right of it the other way.
            over.clone()
                .not()
                .and(from_right.clone())
                .or(over.and(from_right.clone().not()))
        });
        upper.mask_where(from_right, lower)
    }

    /// The smallest value of `f(x) − slope · x` on the interval, rounding apart.
    fn intercept(&self, interval: &Interval, slope: AnyTensor) -> AnyTensor {
        let over = |x: AnyTensor| self.value(x.clone()).sub(slope.clone().mul(x));
        let mut smallest = over(interval.lower.clone()).min(over(interval.upper.clone()));
        let fixed = interval.clone().map(AnyTensor::without_autodiff);
        let pieces = self.curve.pieces().into_iter();
        let borders = pieces.map(|piece| piece.to).filter(|to| to.is_finite());
        for border in borders.chain(self.curve.kinks()) {
            smallest = smallest.min(over(nearest(&fixed, border)));
        }
        let level = slope.clone().without_autodiff();
        for piece in self.convex_pieces(&fixed) {
            let falls = |x: &AnyTensor| self.slope(x.clone()).lower(level.clone());
            // What falls all along a piece is smallest at its right end, which was tried, and there
            // with the gradient of the interval's end.
            let falls_throughout = falls(&piece.upper);
            let Interval { lower, upper } = bisect(piece, falls);
            // A convex function that falls at the left end of a bracket is nowhere in it below its
            // tangent there.
            let fall = self.slope(lower.clone()).sub(level.clone()).clamp_max(0.0);
            let lowest = over(lower.clone()).add(fall.mul(upper.sub(lower)));
            let lowest = lowest.mask_where(falls_throughout, smallest.clone());
            smallest = smallest.min(lowest);
        }
        smallest
    }
}

/// The point of an interval that is nearest to a number.
fn nearest(interval: &Interval, x: f64) -> AnyTensor {
    let above = interval.lower.clone().clamp_min(x);
    above.min(interval.upper.clone())
}

/// Halves intervals until they are as narrow as the data type makes sense of: their lower ends go
/// up where `go_right` holds in the middle, else their upper ends go down.
///
/// In `f32` that is half of its digits more than the lines need, whose height is an optimum: what is
/// lost is of second order in the width that is left.
fn bisect(mut bracket: Interval, go_right: impl Fn(&AnyTensor) -> AnyMask) -> Interval {
    let halvings = match bracket.lower.dtype() {
        DType::F64 => 60,
        _ => 24,
    };
    for _ in 0..halvings {
        let middle = bracket.center();
        let right = go_right(&middle);
        bracket = Interval {
            lower: bracket.lower.mask_where(right.clone(), middle.clone()),
            upper: middle.mask_where(right, bracket.upper),
        };
    }
    bracket
}
