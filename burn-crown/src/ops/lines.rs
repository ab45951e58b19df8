//! Two lines around a function of one variable, applied backward to linear forms.

use super::{Contribution, Step};
use crate::tensor::AnyTensor;

/// `slope · x + intercept`, each of the shape of the node, `[B, ...]`.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) slope: AnyTensor,
    pub(super) intercept: AnyTensor,
}

/// `lower ≤ f(x) ≤ upper` on an interval, element by element.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    pub(super) lower: Line,
    pub(super) upper: Line,
}

impl Lines {
    /// The backward step: below `A · f(x)` are the lower line where a coefficient is positive, the
    /// upper line where it is negative.
    pub(super) fn backward(self, form: AnyTensor, step: &Step) -> Contribution {
        let (batch, rows) = (step.batch, step.rows);
        let shape = form.shape();
        let features: usize = shape[1..].iter().product();
        let form = form.reshape(&[batch, rows, features]);
        let positive = form.clone().clamp_min(0.0);
        // As a difference, so that a coefficient that is not a number stays one.
        let negative = form.sub(positive.clone());
        let side = |part: AnyTensor, line: Line| {
            let bias = part
                .clone()
                .matmul(line.intercept.reshape(&[batch, features, 1]))
                .reshape(&[batch, rows]);
            (part.mul(line.slope.reshape(&[batch, 1, features])), bias)
        };
        let (low, low_bias) = side(positive, self.lower);
        let (high, high_bias) = side(negative, self.upper);
        Contribution {
            forms: vec![Some(low.add(high).reshape(&shape))],
            bias: Some(low_bias.add(high_bias)),
        }
    }
}
