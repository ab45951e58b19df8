//! How far rounding takes the logarithm of a sum of exponentials, and the planes around it.
//!
//! Let `F(x) = log Σ_j exp(x_j)` over `n` elements, `u` the unit roundoff, and `m` the largest
//! element, which is subtracted from all before they are exponentiated.
//!
//! # Values
//!
//! An argument that is off by `u |x_j|` moves `F` by at most the mean of `u |x_j|` with the weights
//! of the softmax, and the mean of `m − x_j` is at most `log n` (`F` is the mean of `x` plus the
//! entropy of the weights). So differences of rounded numbers cost `u (|F| + log n)`, however far
//! below `m` some elements are, and subtracting `m` costs `u log n`. An exponential is off by 32 u of
//! itself, the sum by `γ_n`, its logarithm, at most `log n`, by 32 u, and adding `m` by `u |F|`. All
//! of that is less than `γ_{n + 128} (1 + log n) + γ_8 |F|`.
//!
//! # Planes
//!
//! A plane is computed for `y = x − m`, around the middle `p` of the interval `[l, u]` of `y`, and
//! meant for `x` around the middle `c` of its own interval. Let `a` be `|l| + |u|`, `s` the slopes
//! of the plane, `w` the widths of the intervals.
//!
//! - The two middles differ by `m` up to a few roundings of `a` and `|c|`. That moves the plane by
//!   the mean of it with the weights `s`, and what an element itself adds by its own. Elements that
//!   do not vary have no `c` in the bias, as `x = c`.
//! - The plane below is the tangent at `p`. Its height `F(p)` is off as a value is. Its slopes are
//!   `exp(p_j − F(p))`, off by the error of that argument and by 32 u, relative to themselves: over
//!   the box, by the mean of that times `w`.
//! - The plane above has chords over the exponentials, lines of any slope that are raised until they
//!   are above both ends: an end is off by 32 u of the exponential and by that of its argument, `t`,
//!   and `|t| exp(t)` is below 1. The intervals of `y` are off by roundings of `a`, by which a chord
//!   can be left: it rises by no more than 1 over its interval, which is shorter than `a`, so that
//!   costs less than `2 u` an element. The chords' sum is ½ at least, since the largest exponential
//!   is 1. So the sum is off by a share of less than `γ_{8 n + 512}`, and a tangent of the logarithm
//!   is above it wherever it touches.
//! - Differences from a dominant element are off by roundings of `a` of both elements; a dominant
//!   element has more than half of the tangent's slopes, so its `a` is in their mean, doubled.
//!
//! The forms are the specification's coefficients less their sum times the slopes: their rounding
//! counts over `w`, the sum of the bias over `|c|`.

use super::curve::width;
use super::log_softmax::{LogSoftmax, Plane};
use super::{Interval, Precision};
use crate::tensor::AnyTensor;

/// Where values of this size leave an error of this much, shares of a sum mean nothing.
const SHARES: f64 = 0.01;

/// By how much the ends of an interval of `F`, or of an element less `F`, are off.
pub(super) fn of_ends(ends: Interval, count: usize, precision: Precision) -> Interval {
    let sum = precision.gamma(count + 128) * logarithm(count);
    ends.map(|end| {
        let own = end.abs().mul_scalar(precision.gamma(8));
        own.add_scalar(sum)
    })
}

/// `1 + log n`.
fn logarithm(count: usize) -> f64 {
    1.0 + (count.max(1) as f64).ln()
}

/// By how much the planes around `F` are off, and the constants that they bring.
pub(super) struct PlaneRoundings {
    /// For each group: by how much both planes are off.
    pub(super) group: AnyTensor,
    /// For each element: by how much what it adds to its plane is off.
    pub(super) own: AnyTensor,
    /// For each group: the size of the sum of slopes times middles.
    pub(super) rise: AnyTensor,
    /// For each element: the size of its middle and of its difference from the planes.
    pub(super) size: AnyTensor,
    /// For each group: the size of the planes' heights in the middle.
    pub(super) height: AnyTensor,
}

/// The roundings of the planes around `F` on a box of `x`.
pub(super) fn of_planes(
    planes: LogSoftmax,
    given: &Interval,
    precision: Precision,
) -> PlaneRoundings {
    let dim = planes.dim;
    let shape = given.lower.shape();
    let count = shape[dim];
    let shifted = planes.shifted(given);
    let (below, above) = (planes.below(&shifted), planes.above(&shifted));
    let depth = |plane: &Plane| plane.depth.clone().abs();
    let depths = depth(&below).add(depth(&above));
    let varies = given.upper.clone().greater(given.lower.clone());
    let zeros = AnyTensor::zeros(&shape, &given.lower);
    let where_varying = |x: AnyTensor| zeros.clone().mask_where(varies.clone(), x);
    // As sums, so that what is not a number stays so.
    let either = |x: &Interval| x.lower.clone().abs().add(x.upper.clone().abs());
    let apart = either(&shifted);
    let middle = where_varying(either(given));
    let across = where_varying(width(given, precision));
    let slopes = below.slope.clone().abs().add(above.slope.clone().abs());
    let slopes = slopes.mul_scalar(4.0);
    let sum = precision.gamma(8 * count + 512) * logarithm(count);
    let few = precision.gamma(32);

    let turned = apart.clone().add(depths.clone()).mul_scalar(few);
    let turned = turned.add_scalar(sum).mul(across);
    let moved = apart.clone().add(middle.clone()).mul_scalar(few);
    let group = slopes.clone().mul(moved.clone().add(turned));
    let group = group.sum_dims(&[dim]).add_scalar(sum);
    let group = group.mul_scalar(precision.outward(count + 8));

    let highest = shifted.center().max_dim(dim);
    let lost = highest
        .clone()
        .abs()
        .greater_scalar(SHARES / precision.gamma(8));
    let shares = below.slope.clone().sum_dims(&[dim]);
    let doubtful = shares.greater_scalar(1.0 + SHARES).or(lost);
    let of_highest = |plane: &Plane| plane.depth.clone().max_dim(dim).abs();
    PlaneRoundings {
        group: group.mask_fill(doubtful, f64::INFINITY),
        own: moved.add(depths.clone().mul_scalar(few)),
        rise: slopes
            .mul(middle.clone())
            .sum_dims(&[dim])
            .mul_scalar(precision.outward(count + 8)),
        size: depths.add(middle),
        height: of_highest(&below)
            .add(of_highest(&above))
            .add(highest.abs()),
    }
}
