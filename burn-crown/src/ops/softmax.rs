//! The softmax, as the exponential of its logarithm.

use super::curve::{Exp, lines};
use super::{Lines, LogSoftmax, Operator, Region, Step};
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
