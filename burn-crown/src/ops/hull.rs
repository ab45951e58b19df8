//! The tightest lines around a function whose convex hull on an interval is that of a few points.

use super::Interval;
use super::lines::{Line, Lines};
use crate::tensor::{AnyMask, AnyTensor};

/// A point of the hull, for the elements where it is one.
#[derive(Clone)]
pub(super) struct Point {
    pub(super) x: AnyTensor,
    pub(super) y: AnyTensor,
    pub(super) present: AnyMask,
}

/// A line between two points is steep where they are close, and its height then the difference of
/// two large numbers. On intervals narrower than this, relative to their distance from zero, level
/// lines serve.
const NARROW: f64 = 1e-2;

/// The lines on an interval above and below two sets of points, for each the one that is nearest to
/// them in the middle: of all lines, it leaves the least area in between.
///
/// A line's height is the one at which it meets the points, whatever its slope: the search for a
/// slope cannot make it unsound.
pub(super) fn lines(interval: &Interval, below: &[Point], above: &[Point]) -> Lines {
    let mirror = |point: &Point| Point {
        y: point.y.clone().neg(),
        ..point.clone()
    };
    let mirrored: Vec<Point> = above.iter().map(mirror).collect();
    let upper = line_below(interval, &mirrored);
    Lines {
        lower: line_below(interval, below),
        upper: Line {
            slope: upper.slope.neg(),
            intercept: upper.intercept.neg(),
        },
    }
}

/// The smallest and the largest `y` of two sets of points; NaN where there is no point.
pub(super) fn range(below: &[Point], above: &[Point]) -> Interval {
    let negated: Vec<AnyTensor> = above.iter().map(|point| point.y.clone().neg()).collect();
    let levels = below.iter().map(|point| point.y.clone()).collect();
    Interval {
        lower: lowest(below, levels),
        upper: lowest(above, negated).neg(),
    }
}

/// The smallest of values at points; NaN where there is no point, as for bounds that are NaN.
fn lowest(points: &[Point], values: Vec<AnyTensor>) -> AnyTensor {
    let none = AnyTensor::full(&points[0].x.shape(), f64::NAN, &points[0].x);
    let mut lowest = none;
    for (point, value) in points.iter().zip(values) {
        // Nothing is greater than NaN.
        let keeps = value
            .clone()
            .greater(lowest.clone())
            .or(point.present.clone().not());
        lowest = value.mask_where(keeps, lowest);
    }
    lowest
}

fn line_below(interval: &Interval, points: &[Point]) -> Line {
    let middle = interval.center();
    let width = interval.upper.clone().sub(interval.lower.clone());
    let ends = [&interval.lower, &interval.upper].map(|end| end.clone().abs());
    let [left_end, right_end] = ends;
    let wide = width.greater(left_end.max(right_end).mul_scalar(NARROW));
    let levels = points.iter().map(|point| point.y.clone()).collect();
    let mut best = Line {
        slope: AnyTensor::zeros(&middle.shape(), &middle),
        intercept: lowest(points, levels),
    };
    for (index, left) in points.iter().enumerate() {
        for right in &points[index + 1..] {
            let run = right.x.clone().sub(left.x.clone());
            let apart = run.clone().abs().greater_scalar(0.0);
            let both = left.present.clone().and(right.present.clone());
            let level = apart.and(both).and(wide.clone()).not();
            let rise = right.y.clone().sub(left.y.clone());
            let slope = rise.div(run.mask_fill(level.clone(), 1.0));
            let slope = slope.mask_fill(level.clone(), 0.0);
            let heights = points
                .iter()
                .map(|point| point.y.clone().sub(slope.clone().mul(point.x.clone())));
            let line = Line {
                intercept: lowest(points, heights.collect()),
                slope,
            };
            let at_middle = |line: &Line| {
                line.slope
                    .clone()
                    .mul(middle.clone())
                    .add(line.intercept.clone())
            };
            let higher = at_middle(&line).greater(at_middle(&best)).and(level.not());
            best = Line {
                slope: best.slope.mask_where(higher.clone(), line.slope),
                intercept: best.intercept.mask_where(higher, line.intercept),
            };
        }
    }
    best
}
