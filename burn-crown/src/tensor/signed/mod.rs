//! What a linear relaxation does with the coefficients of a linear form: each is multiplied by one
//! number where it is positive, by another where it is not.
//!
//! Certified training spends most of its time in this, on arrays with a row for each form, image and
//! neuron. So it is a backend extension: one pass over the coefficients, and one for the gradient,
//! where the backend has loops of its own ([`extension`]); composed of Burn's operations elsewhere
//! ([`composed`]). Both are tested against each other.

mod composed;
#[cfg(any(feature = "flex", feature = "tch"))]
mod extension;
#[cfg(any(feature = "flex", feature = "tch"))]
mod loops;
#[cfg(test)]
mod tests;

use super::AnyTensor;
#[cfg(any(feature = "flex", feature = "tch"))]
use super::native::has_loops;

/// A factor of each element, `[B, N]`, by the sign of the coefficient.
#[derive(Clone, Debug)]
pub(crate) struct Factors {
    /// Of coefficients above zero.
    pub(crate) positive: AnyTensor,
    /// Of all others.
    pub(crate) negative: AnyTensor,
}

impl Factors {
    /// For coefficients of which those of one sign are treated alike, whatever their shape.
    pub(crate) fn new(positive: AnyTensor, negative: AnyTensor) -> Self {
        let flat = AnyTensor::flatten_features;
        Self {
            positive: flat(positive),
            negative: flat(negative),
        }
    }
}

/// For coefficients `[B, S, N]`.
impl AnyTensor {
    /// The coefficients above zero and the others, with zeros in place of the rest.
    pub(crate) fn split_by_sign(self) -> [Self; 2] {
        composed::parts(self)
    }

    /// Each coefficient times the factor of its sign: `[B, S, N]`.
    pub(crate) fn signed(self, factors: Factors) -> Self {
        #[cfg(any(feature = "flex", feature = "tch"))]
        if has_loops(&[&self, &factors.positive, &factors.negative]) {
            return extension::signed(self, factors);
        }
        composed::signed(self, factors)
    }

    /// The sum over the elements of what [`signed`](Self::signed) gives: `[B, S]`.
    pub(crate) fn signed_sum(self, factors: Factors) -> Self {
        #[cfg(any(feature = "flex", feature = "tch"))]
        if has_loops(&[&self, &factors.positive, &factors.negative]) {
            return extension::signed_sum(self, factors);
        }
        composed::signed_sum(self, factors)
    }

    /// [`signed`](Self::signed) with the slopes and [`signed_sum`](Self::signed_sum) with the
    /// intercepts.
    pub(crate) fn relaxed(self, slopes: Factors, intercepts: Factors) -> [Self; 2] {
        #[cfg(any(feature = "flex", feature = "tch"))]
        if has_loops(&[
            &self,
            &slopes.positive,
            &slopes.negative,
            &intercepts.positive,
            &intercepts.negative,
        ]) {
            return extension::relaxed(self, slopes, intercepts);
        }
        [
            composed::signed(self.clone(), slopes),
            composed::signed_sum(self, intercepts),
        ]
    }
}
