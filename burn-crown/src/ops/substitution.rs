//! Substitutions: rows of an input that may become one of a list of candidates.

use super::Interval;
use crate::tensor::AnyTensor;

/// `original` with some rows replaced, each by the same row of one of the `candidates`.
///
/// A row lies along the last dim. Of an input `[B, T, E]` it is a position, whose `E` elements
/// change together.
#[derive(Clone, Debug)]
pub(crate) struct Substitution {
    pub(crate) original: AnyTensor,
    /// At least one, each of the shape of the original.
    pub(crate) candidates: Vec<AnyTensor>,
    /// How many rows of an image are replaced at most.
    pub(crate) changes: usize,
}

impl Substitution {
    /// The image under an operator that makes each row of its output of one row of its input.
    pub(crate) fn map(&self, f: impl Fn(AnyTensor) -> AnyTensor) -> Self {
        Self {
            original: f(self.original.clone()),
            candidates: self.candidates.iter().cloned().map(f).collect(),
            // A row may have become several, which change together: their number says nothing of
            // the number of rows replaced.
            changes: usize::MAX,
        }
    }

    /// The smallest box that holds the region. It does not depend on `changes`, as long as one row
    /// may change.
    pub(crate) fn hull(&self) -> Interval {
        let bound = |pick: fn(AnyTensor, AnyTensor) -> AnyTensor| {
            let first = self.original.clone();
            self.candidates.iter().cloned().fold(first, |bound, next| {
                // A comparison can lose what is not a number, a sum cannot.
                let undefined = next.clone().detach().mul_scalar(0.0);
                pick(bound, next).add(undefined)
            })
        };
        Interval {
            lower: bound(AnyTensor::min),
            upper: bound(AnyTensor::max),
        }
    }

    /// The smallest value `[B, S]` of `form · (x − original)` over the region, for a form
    /// `[B, S, N]`.
    ///
    /// What a row gains does not depend on what other rows become. So of all choices of at most
    /// `changes` rows, none gains less than the rows with the smallest gains; the dynamic programme
    /// over positions and changes of Xu et al. 2020 (arXiv 2002.12920) comes to the same.
    pub(crate) fn least_gain(&self, form: AnyTensor) -> AnyTensor {
        let shape = self.original.shape();
        let (batch, width) = (shape[0], shape[shape.len() - 1]);
        let count = shape[1..shape.len() - 1].iter().product();
        let rows = form.shape()[1];
        let form = form
            .reshape(&[batch, rows, count, width])
            .permute(&[0, 2, 1, 3]);
        // A candidate at a time, so that the memory does not grow with their number.
        let mut losses = AnyTensor::zeros(&[batch, count, rows, 1], &form);
        let mut undefined = losses.clone();
        for candidate in &self.candidates {
            let step = candidate.clone().sub(self.original.clone());
            let gain = form.clone().matmul(step.reshape(&[batch, count, width, 1]));
            undefined = undefined.add(gain.clone().detach().mul_scalar(0.0));
            losses = losses.max(gain.neg());
        }
        let by_row = |x: AnyTensor| x.swap_dims(1, 2).reshape(&[batch, rows, count]);
        let (losses, undefined) = (by_row(losses), by_row(undefined));
        let taken = if self.changes < count {
            let losses = losses.into_tensor::<3>();
            let order = losses.clone().detach().argsort_descending(2);
            AnyTensor::new(losses.gather(2, order.narrow(2, 0, self.changes)))
        } else {
            losses
        };
        let total = |x: AnyTensor| x.sum_dims(&[2]).reshape(&[batch, rows]);
        total(undefined).sub(total(taken))
    }
}
