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
    let defined = |line: Line| Line {
        intercept: where_defined(line.intercept, interval),
        ..line
    };
    let upper = defined(line_below(interval, &mirrored));
    Lines {
        lower: defined(line_below(interval, below)),
        upper: Line {
            slope: upper.slope.neg(),
            intercept: upper.intercept.neg(),
        },
    }
}

/// The smallest and the largest `y` of two sets of points on an interval; NaN where there is no
/// point.
pub(super) fn range(interval: &Interval, below: &[Point], above: &[Point]) -> Interval {
    let negated: Vec<AnyTensor> = above.iter().map(|point| point.y.clone().neg()).collect();
    let levels = below.iter().map(|point| point.y.clone()).collect();
    Interval {
        lower: where_defined(lowest(below, levels), interval),
        upper: where_defined(lowest(above, negated).neg(), interval),
    }
}

/// The smallest of values at points; NaN where there is no point, and where a value is NaN, as for
/// bounds that are.
fn lowest(points: &[Point], values: Vec<AnyTensor>) -> AnyTensor {
    let mut lowest = AnyTensor::full(&points[0].x.shape(), f64::INFINITY, &points[0].x);
    let mut found = points[0].present.clone();
    for (point, value) in points.iter().zip(values) {
        // Nothing is lower than NaN, so it is kept.
        let lower = value.clone().lower(lowest.clone()).or(undefined(&value));
        lowest = lowest.mask_where(lower.and(point.present.clone()), value);
        found = found.or(point.present.clone());
    }
    lowest.mask_fill(found.not(), f64::NAN)
}

/// The elements that are NaN.
fn undefined(x: &AnyTensor) -> AnyMask {
    x.clone().greater_equal_scalar(f64::NEG_INFINITY).not()
}

/// NaN where an end of an interval is, which has no points that tell.
fn where_defined(bound: AnyTensor, interval: &Interval) -> AnyTensor {
    let undefined = undefined(&interval.lower).or(undefined(&interval.upper));
    bound.mask_fill(undefined, f64::NAN)
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

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor, TensorData};

    use super::*;
    use crate::ops::{Operator, PiecewiseLinear, Region};

    fn tensor(values: &[f64]) -> AnyTensor {
        let data = TensorData::new(values.to_vec(), [1, values.len()]);
        AnyTensor::new(Tensor::<2>::from_data(data, &Device::flex()))
    }

    fn assert_undefined(bounds: [AnyTensor; 2]) {
        for bound in bounds {
            let values = bound.values();
            assert!(values.iter().all(|value| value.is_nan()), "{values:?}");
        }
    }

    #[test]
    fn bounds_that_are_not_numbers_stay_so() {
        let not = f64::NAN;
        let interval = Interval {
            lower: tensor(&[not, -1.0, not]),
            upper: tensor(&[1.0, not, not]),
        };
        for operator in [
            PiecewiseLinear::sign(),
            PiecewiseLinear::shrink(0.5, 0.25).expect("a shrink"),
            PiecewiseLinear::threshold(0.5, -1.0).expect("a threshold"),
        ] {
            let range = operator.interval(&[Region::Box(interval.clone())]);
            let range = range.interval();
            assert_undefined([range.lower, range.upper]);
            let points = operator.points(&interval);
            let Lines { lower, upper } = lines(&interval, &points, &points);
            assert_undefined([lower.intercept, upper.intercept]);
        }
    }

    #[test]
    fn one_value_that_is_not_a_number_makes_the_smallest_one_so() {
        let present = || tensor(&[1.0]).greater_scalar(0.0);
        let point = |y: f64| Point {
            x: tensor(&[0.5]),
            y: tensor(&[y]),
            present: present(),
        };
        for ys in [
            [f64::NAN, 1.0, 2.0],
            [2.0, f64::NAN, 1.0],
            [2.0, 1.0, f64::NAN],
        ] {
            let points = ys.map(point);
            let levels = points.iter().map(|point| point.y.clone()).collect();
            let smallest = lowest(&points, levels).values();
            assert!(smallest[0].is_nan(), "{ys:?}: {smallest:?}");
        }
    }
}
