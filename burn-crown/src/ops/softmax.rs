//! The softmax, as the exponential of its logarithm.

use super::curve::{ALLOWANCE, Exp, lines};
use super::{Lines, LogSoftmax, Operator, Region, Rounded, Roundings, Step};
use crate::tensor::AnyTensor;

/// `exp(z)` for `z = log softmax(x)`, which are its two operands.
///
/// Its interval is exact, as that of `z` is. The line above is the chord on the interval of `z`. The
/// line below is the tangent at the value that the plane below `z` has in the middle of the box of
/// `x`: the two together are a plane that is highest there, and tangent to
/// `exp(x_i) / Σ_j chord(x_j)` (Wei et al. 2023, arXiv 2303.01713, the lower bound LSE). The middle
/// of the interval of `z` is another place, as its ends are far corners of that box.
#[derive(Debug)]
pub(crate) struct Softmax {
    pub(crate) logarithm: LogSoftmax,
}

impl Operator for Softmax {
    fn is_affine(&self) -> bool {
        false
    }

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        ALLOWANCE
    }

    fn accounts_for_rounding(&self) -> bool {
        true
    }

    /// As for an exponential of which both the value and the slope are off by so many roundings of
    /// themselves. The tangent may touch outside the interval: the error of its slope counts over
    /// the distance, which is no more than the sizes of both.
    fn roundings(&self, rounded: &Rounded) -> Option<Roundings> {
        let [z, x] = [0, 1].map(|index| rounded.inputs[index].interval());
        let gamma = rounded.precision.gamma(ALLOWANCE);
        let chord = lines(&Exp, &z).upper.slope.abs();
        let point = self.logarithm.in_middle(&x);
        let tangent = point.clone().exp();
        let ends = z.map(AnyTensor::exp);
        let values = ends.lower.clone().add(ends.upper.clone());
        let slopes = chord.add(tangent.clone());
        let rise = slopes.mul(rounded.magnitude(0).add(point.abs()));
        let size = values.add(tangent).add(rise);
        let step = size.clone().mul_scalar(4.0 * gamma);
        let errors = ends.map(|end| end.mul_scalar(2.0 * gamma));
        let roundings = Roundings {
            constant: Some(size.mul_scalar(2.0)),
            ..rounded.nonlinear(Some(errors), step)
        };
        Some(roundings.never_negative(rounded))
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().exp()
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        Region::Box(inputs[0].interval().map(AnyTensor::exp))
    }

    fn lines(&self, step: &Step) -> Option<Lines> {
        let [z, x] = [0, 1].map(|index| step.interval(index));
        let mut lines = lines(&Exp, &z);
        // Wherever it touches, a tangent is below the exponential.
        let point = self.logarithm.in_middle(&x);
        let slope = point.clone().exp();
        lines.lower.intercept = slope.clone().sub(slope.clone().mul(point));
        lines.lower.slope = slope;
        Some(lines)
    }
}
