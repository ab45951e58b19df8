//! Two lines around a function of one variable, applied backward to linear forms.

use super::{Contribution, Step};
use crate::tensor::{AnyTensor, Factors};

/// `slope · x + intercept`, each of the shape of the node, `[B, ...]`.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) slope: AnyTensor,
    pub(crate) intercept: AnyTensor,
}

/// `lower ≤ f(x) ≤ upper` on an interval, element by element.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    pub(crate) lower: Line,
    pub(crate) upper: Line,
}

impl Lines {
    /// The backward step: below `A · f(x)` are the lower line where a coefficient is positive, the
    /// upper line where it is negative.
    pub(super) fn backward(self, form: AnyTensor, step: &Step) -> Contribution {
        let shape = form.shape();
        let Self { lower, upper } = self;
        let [form, bias] = rows(form, step).relaxed(
            Factors::new(lower.slope, upper.slope),
            Factors::new(lower.intercept, upper.intercept),
        );
        let mut forms = vec![None; step.shapes.len()];
        forms[0] = Some(form.reshape(&shape));
        Contribution {
            forms,
            bias: Some(bias),
        }
    }
}

/// The coefficients of linear forms `[B·S, ...]` as `[B, S, N]`.
pub(super) fn rows(form: AnyTensor, step: &Step) -> AnyTensor {
    let features: usize = form.shape()[1..].iter().product();
    form.reshape(&[step.batch, step.rows, features])
}
