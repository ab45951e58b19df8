//! How far rounding takes functions of one variable: their values, and the lines around them.

use super::{Curve, Elementwise, support};
use crate::ops::lines::Lines;
use crate::ops::{Interval, Operator, Precision, Rounded, Roundings};
use crate::tensor::AnyTensor;

/// How far the computed values and slopes of a function may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Accuracy {
    /// For a function that is nowhere steeper than `K` and at zero no larger than `K`: a value by
    /// `ALLOWANCE · u · K (1 + |x|)`, whether it is computed here or composed by Burn, and a slope
    /// by `ALLOWANCE · u · K`.
    Steep(f64),
    /// For a function of which both the value and the slope have their largest absolute values at
    /// the ends of an interval: each by so many unit roundoffs of itself, and by what underflows.
    Relative {
        units: usize,
        /// The slope is that of another place where `|x|` is smaller than this.
        from: f64,
    },
}

/// How far the computed values of functions may be off, in unit roundoffs: of themselves, or of
/// `K (1 + |x|)` for [`Accuracy::Steep`].
///
/// Of these, 32 are for one function of the mathematics library (`exp`, `ln`, `ln_1p`, `powf`,
/// `sinh`, `cosh`, `tanh`, `atan`, `erf`, `sin`, `cos`, and the logistic function and its logarithm
/// made of them): 16 units in the last place, where glibc states at most 2 for `f32` and `f64`,
/// Rust's `libm` 1 and SLEEF 4. The others are for what is computed around it, of which no function
/// here has more than 12 operations.
pub(in crate::ops) const ALLOWANCE: usize = 64;

impl Accuracy {
    /// A function of the mathematics library, or a few operations.
    pub(super) const LIBRARY: Self = Self::Relative {
        units: ALLOWANCE,
        from: 0.0,
    };
}

/// What the lines around a function are off by, and its values.
pub(super) struct LineRoundings {
    pub(super) step: AnyTensor,
    pub(super) value: AnyTensor,
    pub(super) constant: AnyTensor,
}

/// The larger of the absolute slopes of two lines, or more.
fn steepest(lines: &Lines) -> AnyTensor {
    let lower = lines.lower.slope.clone().abs();
    lower.add(lines.upper.slope.clone().abs())
}

/// The width of an interval, rounded up.
pub(in crate::ops) fn width(input: &Interval, precision: Precision) -> AnyTensor {
    let up = 1.0 + 16.0 * precision.unit;
    input
        .radius()
        .mul_scalar(2.0 * up)
        .add_scalar(precision.tiny)
}

/// For [`Accuracy::Steep`].
///
/// A line is a slope, whatever it is, and the extreme of `f(x) − slope · x` over a few places; or a
/// tangent, which is off by the error of its slope over the width of the interval. So is the
/// search for the extreme, which goes by computed slopes: where one has the wrong sign, the
/// function rises or falls by less than the slope's error over what the search leaves out.
pub(super) fn steep(
    lines: &Lines,
    input: &Interval,
    largest: AnyTensor,
    steepness: f64,
    precision: Precision,
) -> LineRoundings {
    let gamma = precision.gamma(ALLOWANCE);
    let reach = largest.clone().add(width(input, precision)).add_scalar(1.0);
    let value = reach.mul_scalar(steepness * gamma);
    let rise = steepest(lines).mul(largest.clone());
    let step = value.clone().add(rise.clone().mul_scalar(4.0 * gamma));
    let size = largest.add_scalar(1.0).mul_scalar(2.0 * steepness);
    let constant = size.add(rise.mul_scalar(2.0)).add(value.clone());
    LineRoundings {
        step,
        value,
        constant,
    }
}

/// For [`Accuracy::Relative`], with `γ = γ_units`, the largest value `V` and slope `D` on the
/// interval, its width `w`, and a line of the slope `s`:
///
/// - The heights `f(x) − s x` at the places that are tried are off by `γ (V + |s| |x|)`.
/// - A tangent has the function's slope at its point but for `γ |s|`, so it is off by `γ |s| w`.
/// - A search for the extreme goes by the sign of `f'(x) − s`, which is wrong only where the two
///   differ by `γ |s|`: the function less the line moves by `γ |s| w` in what is left out.
/// - In the bracket that the search leaves, at most `w / 2²³` wide or two neighbours, the function
///   is bounded by its tangent at the left end, which is off by `γ D` times that width.
/// - Where the slope is that of another place, a line through a point of the function is nowhere
///   farther from it than `2 V + |s| w`.
///
/// The ends of the interval's image are values, each off by `γ` of itself; where the function turns
/// on the way, the search for the turning point adds `γ V / 2¹⁴`, for `D w / 2²³` is less than that.
fn relative<C: Curve>(
    operator: &Elementwise<C>,
    rounded: &Rounded,
    units: usize,
    from: f64,
) -> Roundings {
    let curve = &operator.0;
    let precision = rounded.precision;
    let gamma = precision.gamma(units);
    let input = rounded.inputs[0].interval();
    let largest = rounded.magnitude(0);
    let lines = support::lines(curve, &input);
    // As sums, so that what is not finite stays so.
    let at_ends = |f: &dyn Fn(AnyTensor) -> AnyTensor| {
        f(input.lower.clone())
            .abs()
            .add(f(input.upper.clone()).abs())
    };
    let value = at_ends(&|x| curve.value(x));
    let slope = steepest(&lines);
    let across = width(&input, precision);
    let rise = slope.clone().mul(largest.clone());
    let over = slope.mul(across.clone());
    let size = value.clone().add(rise.clone());
    let mut step = size.clone().add(over.clone()).mul_scalar(4.0 * gamma);
    if curve.pieces().len() > 1 {
        let bracket = across.mul_scalar(2.0_f64.powi(-23));
        let bracket = bracket.add(largest.mul_scalar(8.0 * precision.unit));
        let steep = at_ends(&|x| curve.slope(x));
        step = step.add(steep.mul(bracket).mul_scalar(gamma));
    }
    if from > 0.0 {
        let near = curve.touch(&input).lower_scalar(from);
        let zeros = AnyTensor::zeros(&value.shape(), &value);
        let apart = value.clone().add(over).mul_scalar(2.5);
        step = step.add(zeros.mask_where(near, apart));
    }
    let turn = if curve.is_increasing() {
        0.0
    } else {
        2.0_f64.powi(-14)
    };
    let turn = value.mul_scalar(turn * gamma);
    let image = operator.interval(rounded.inputs).interval();
    let ends = image.map(|end| end.abs().mul_scalar(2.0 * gamma).add(turn.clone()));
    Roundings {
        constant: Some(size.mul_scalar(2.0)),
        ..rounded.nonlinear(Some(ends), step)
    }
}

/// The roundings of a function as an operator, if they are accounted for.
pub(super) fn roundings<C: Curve>(
    operator: &Elementwise<C>,
    rounded: &Rounded,
) -> Option<Roundings> {
    let roundings = match operator.0.accuracy()? {
        Accuracy::Steep(steepness) => {
            let input = rounded.inputs[0].interval();
            let lines = support::lines(&operator.0, &input);
            let largest = rounded.magnitude(0);
            let LineRoundings {
                step,
                value,
                constant,
            } = steep(&lines, &input, largest, steepness, rounded.precision);
            Roundings {
                constant: Some(constant),
                ..rounded.nonlinear(Some(Interval::of(value)), step)
            }
        }
        Accuracy::Relative { units, from } => relative(operator, rounded, units, from),
    };
    Some(match operator.0.is_never_negative() {
        true => roundings.never_negative(rounded),
        false => roundings,
    })
}
