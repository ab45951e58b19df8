//! Two lines around a function of one variable, applied backward to linear forms.

use super::{Contribution, Step};
use crate::tensor::AnyTensor;

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
        let Signs {
            positive, negative, ..
        } = Signs::of(form, step);
        let side = |part: Part, line: Line| {
            let bias = part.bias(line.intercept);
            (part.times(line.slope), bias)
        };
        let (low, low_bias) = side(positive, self.lower);
        let (high, high_bias) = side(negative, self.upper);
        let mut forms = vec![None; step.shapes.len()];
        forms[0] = Some(low.add(high).reshape(&shape));
        Contribution {
            forms,
            bias: Some(low_bias.add(high_bias)),
        }
    }
}

/// The coefficients of a linear form by their sign: a relaxation has a bound for each.
pub(super) struct Signs {
    pub(super) all: Part,
    pub(super) positive: Part,
    pub(super) negative: Part,
}

/// Coefficients `[B, S, N]`; those of one sign have zeros in place of the others.
#[derive(Clone)]
pub(super) struct Part(AnyTensor);

impl Signs {
    pub(super) fn of(form: AnyTensor, step: &Step) -> Self {
        let features: usize = form.shape()[1..].iter().product();
        let form = form.reshape(&[step.batch, step.rows, features]);
        let positive = form.clone().clamp_min(0.0);
        // As a difference, so that a coefficient that is not a number stays one.
        let negative = form.clone().sub(positive.clone());
        Self {
            all: Part(form),
            positive: Part(positive),
            negative: Part(negative),
        }
    }
}

impl Part {
    /// The coefficients themselves: `[B, S, N]`.
    pub(super) fn coefficients(&self) -> AnyTensor {
        self.0.clone()
    }

    /// Times a slope `[B, ...]` of each element: `[B, S, N]`.
    pub(super) fn times(self, slope: AnyTensor) -> AnyTensor {
        let shape = self.0.shape();
        self.0.mul(slope.reshape(&[shape[0], 1, shape[2]]))
    }

    /// The sum over the elements of the coefficients times an intercept `[B, ...]`: `[B, S]`.
    pub(super) fn bias(&self, intercept: AnyTensor) -> AnyTensor {
        let shape = self.0.shape();
        let column = intercept.reshape(&[shape[0], shape[2], 1]);
        self.0.clone().matmul(column).reshape(&shape[..2])
    }
}
