//! What rounding costs a backward pass: the derivation is in [`rounding`](super::rounding).

use super::rounding::{Soundness, Statement};
use crate::ops::{Precision, Region, Roundings};
use crate::tensor::AnyTensor;

/// The errors of one backward pass, `[B, S]`.
pub(super) struct Account {
    soundness: Soundness,
    batch: usize,
    rows: usize,
    error: AnyTensor,
}

impl Account {
    pub(super) fn new(soundness: Soundness, batch: usize, rows: usize, like: &AnyTensor) -> Self {
        Self {
            soundness,
            batch,
            rows,
            error: AnyTensor::zeros(&[batch, rows], like),
        }
    }

    /// Adds `Σ |A| · error` for errors `[B, ...]` of the elements that a form is on.
    fn charge(&mut self, form: &AnyTensor, error: AnyTensor) {
        let precision = &self.soundness.precision;
        let (batch, rows) = (self.batch, self.rows);
        let features: usize = form.shape()[1..].iter().product();
        let sum = form
            .clone()
            .abs()
            .reshape(&[batch, rows, features])
            .matmul(error.reshape(&[batch, features, 1]))
            .reshape(&[batch, rows])
            .mul_scalar(precision.outward(features))
            .add_scalar(precision.tiny * (features + 8) as f64);
        self.error = self.error.clone().add(sum);
    }

    /// A backward step from a form through an operator.
    pub(super) fn step(&mut self, form: &AnyTensor, roundings: Roundings) {
        let features: usize = form.shape()[1..].iter().product();
        let as_run = match self.soundness.statement {
            Statement::RealNetwork => None,
            Statement::AsRun => roundings.value.map(|ends| {
                // The product with zero keeps what is not a number, which a maximum can lose.
                let undefined = ends.upper.clone().mul_scalar(0.0);
                ends.lower.max(ends.upper).add(undefined)
            }),
        };
        let gamma = self.soundness.precision.gamma(features + 8);
        let bias = roundings
            .constant
            .map(|constant| constant.mul_scalar(gamma));
        for error in [roundings.step, as_run, bias].into_iter().flatten() {
            let shape = [&[self.batch], &form.shape()[1..]].concat();
            self.charge(form, error.expand(&shape));
        }
        let underflow = roundings.underflow.expand(&[self.batch, self.rows]);
        self.error = self.error.clone().add(underflow);
    }

    /// Two forms on a node added to one.
    pub(super) fn merge(&mut self, sum: &AnyTensor, region: &Region) {
        let precision = self.soundness.precision;
        let magnitude = precision.magnitude(region);
        let features: usize = sum.shape()[1..].iter().product();
        let total = magnitude.clone().sum_features().reshape(&[self.batch, 1]);
        let underflow = total.mul_scalar(precision.tiny * precision.outward(features));
        self.error = self.error.clone().add(underflow).add_scalar(precision.tiny);
        self.charge(sum, magnitude.mul_scalar(precision.gamma(4)));
    }

    /// Something added to the bound.
    pub(super) fn add(&mut self, bound: &AnyTensor) {
        let precision = self.soundness.precision;
        let error = bound.clone().abs().mul_scalar(precision.gamma(4));
        self.error = self.error.clone().add(error).add_scalar(precision.tiny);
    }

    /// The smallest value of a form over a region.
    pub(super) fn concretize(&mut self, form: &AnyTensor, region: &Region) {
        let precision = self.soundness.precision;
        let features: usize = form.shape()[1..].iter().product();
        let terms = features + Precision::norm_terms(region) + 16;
        // A substitution's steps are differences of two elements, on top of the original.
        let parts = match region {
            Region::Substitution(_) => 4.0,
            _ => 1.0,
        };
        let magnitude = precision.magnitude(region);
        let error = magnitude.mul_scalar(parts * precision.gamma(terms));
        self.charge(form, error);
    }

    /// The bound without what it may be wrong by.
    ///
    /// The errors were added one after the other, fewer than a few thousand: a sixty-fourth is more
    /// than that lost.
    pub(super) fn lower(self, bound: AnyTensor) -> AnyTensor {
        let precision = self.soundness.precision;
        let own = bound.clone().abs().mul_scalar(precision.gamma(4));
        let total = self.error.add(own).add_scalar(4.0 * precision.tiny);
        bound.sub(total.mul_scalar(1.0 + 1.0 / 64.0))
    }
}
