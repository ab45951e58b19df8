//! Operators that are not affine: their intervals, and lines around them.

use super::number::{Interval, largest, smallest};
use crate::bound::LowerSlope;

/// `slope · x + intercept`, nowhere above the function or nowhere below it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) slope: f64,
    pub(super) intercept: f64,
}

/// `max(x, slope · x)` at one number.
fn rectified(slope: f64, x: f64) -> Interval {
    let x = Interval::point(x);
    if x.lower >= 0.0 {
        x
    } else {
        x.times(Interval::point(slope))
    }
}

/// The values of `max(x, slope · x)` on an interval, for a slope of at most 1.
pub(super) fn rectify(slope: f64, x: Interval) -> Interval {
    let (left, right) = (rectified(slope, x.lower), rectified(slope, x.upper));
    // The function is convex, so it is largest at an end; with a negative slope it is least at 0.
    let at_zero = if x.lower < 0.0 && x.upper > 0.0 && slope < 0.0 {
        0.0
    } else {
        f64::INFINITY
    };
    Interval {
        lower: smallest(smallest(left.lower, right.lower), at_zero),
        upper: largest(left.upper, right.upper),
    }
}

/// Lines below and above `max(x, slope · x)` on an interval, for a slope of at most 1.
///
/// A line through zero whose slope is between the function's two is nowhere above it. The function
/// is convex, so a line that is not below it at both ends is nowhere below it, whatever its slope.
pub(super) fn lines_around_rectifier(slope: f64, x: Interval, below: LowerSlope) -> [Line; 2] {
    let Interval { lower, upper } = x;
    let through_zero = |slope| Line {
        slope,
        intercept: 0.0,
    };
    if !(lower.is_finite() && upper.is_finite()) {
        return [through_zero(f64::NAN); 2];
    }
    if lower >= 0.0 {
        return [through_zero(1.0); 2];
    }
    if upper <= 0.0 {
        return [through_zero(slope); 2];
    }
    let chord = ((upper - slope * lower) / (upper - lower)).clamp(slope, 1.0);
    let over = |end: f64| {
        let line = Interval::point(chord).times(Interval::point(end));
        rectified(slope, end).minus(line).upper
    };
    let below = match below {
        LowerSlope::Adaptive if chord > 0.5 => 1.0,
        LowerSlope::Adaptive | LowerSlope::Zero => slope,
        LowerSlope::Same => chord,
        LowerSlope::One => 1.0,
    };
    let above = Line {
        slope: chord,
        intercept: largest(over(lower), over(upper)),
    };
    [through_zero(below), above]
}

/// The values of the largest of some elements.
pub(super) fn largest_of(members: &[usize], x: &[Interval]) -> Interval {
    let over = |end: fn(&Interval) -> f64| {
        let ends = members.iter().map(|&member| end(&x[member]));
        ends.fold(f64::NEG_INFINITY, largest)
    };
    Interval {
        lower: over(|x| x.lower),
        upper: over(|x| x.upper),
    }
}

/// The element with the largest lower bound, and of several the one with the largest upper bound:
/// it is nowhere above the largest of all.
pub(super) fn surest(members: &[usize], x: &[Interval]) -> usize {
    let better = |a: usize, b: usize| {
        let ([a_low, a_high], [b_low, b_high]) =
            ([x[a].lower, x[a].upper], [x[b].lower, x[b].upper]);
        b_low > a_low || (b_low == a_low && b_high > a_high)
    };
    members.iter().copied().fold(
        members[0],
        |best, member| {
            if better(best, member) { member } else { best }
        },
    )
}

/// The slopes of a plane that is nowhere below the largest of some elements, and its intercept.
///
/// For any slopes in `[0, 1]`, `xᵢ − Σ sⱼ xⱼ` is largest on the box at `uᵢ` and the other `lⱼ`; the
/// intercept is the largest of these numbers. The slopes are those of the chords of
/// `max(xᵢ − t, 0)` for a threshold `t` that at most one element exceeds for sure, and about which
/// the plane is lowest in the middle.
pub(super) fn plane_above(members: &[usize], x: &[Interval]) -> (Vec<f64>, f64) {
    let all = largest_of(members, x);
    if !(all.lower.is_finite() && all.upper.is_finite()) {
        return (vec![f64::NAN; members.len()], f64::NAN);
    }
    let mut uppers: Vec<f64> = members.iter().map(|&member| x[member].upper).collect();
    uppers.sort_by(f64::total_cmp);
    let second = uppers.iter().rev().nth(1).copied();
    let threshold = second.map_or(all.lower, |second| second.max(all.lower));
    let slopes: Vec<f64> = members
        .iter()
        .map(|&member| {
            let Interval { lower, upper } = x[member];
            if upper > threshold && upper > lower {
                ((upper - threshold) / (upper - lower)).clamp(0.0, 1.0)
            } else {
                0.0
            }
        })
        .collect();
    let over = |i: usize| {
        let upper = Interval::point(x[members[i]].upper);
        let rest = Interval::point(1.0).minus(Interval::point(slopes[i]));
        let others = (0..members.len()).filter(|&j| j != i && slopes[j] != 0.0);
        let others = others.fold(Interval::point(0.0), |sum, j| {
            let lower = Interval::point(x[members[j]].lower);
            sum.plus(Interval::point(slopes[j]).times(lower))
        });
        rest.times(upper).minus(others).upper
    };
    let intercept = (0..members.len())
        .map(over)
        .fold(f64::NEG_INFINITY, largest);
    (slopes, intercept)
}
