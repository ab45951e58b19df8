//! What is counted over the intervals of each image.
//!
//! Training counts over all pre-activations in every step. So it is a backend extension: one pass over
//! the ends where the backend has loops of its own ([`extension`]); composed of Burn's operations
//! elsewhere.

#[cfg(any(feature = "flex", feature = "tch"))]
mod extension;
#[cfg(any(feature = "flex", feature = "tch"))]
mod loops;
#[cfg(test)]
mod tests;

use super::AnyTensor;
#[cfg(any(feature = "flex", feature = "tch"))]
use super::native::has_loops;

/// What is counted of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Measure {
    /// 0, or NaN if an end or the width is infinite or NaN.
    ZeroIfFinite,
    /// 1 if it has numbers below and above zero, or the lower end is below and the upper one no
    /// number; else 0.
    Straddles,
}

impl AnyTensor {
    /// The sum over the intervals of each image, from `self` `[B, ...]` to `upper`, without gradient:
    /// `[B]`.
    pub(crate) fn measured(self, upper: Self, measure: Measure) -> Self {
        let (lower, upper) = (self.without_autodiff(), upper.without_autodiff());
        #[cfg(any(feature = "flex", feature = "tch"))]
        if has_loops(&[&lower, &upper]) {
            return extension::measure(lower, upper, measure);
        }
        Self::measured_composed(lower, upper, measure)
    }

    fn measured_composed(lower: Self, upper: Self, measure: Measure) -> Self {
        let each = match measure {
            Measure::ZeroIfFinite => upper.sub(lower).mul_scalar(0.0),
            Measure::Straddles => {
                let below = lower.clone().lower_scalar(0.0);
                let above = upper.lower_equal_scalar(0.0).not();
                below.and(above).ones(&lower)
            }
        };
        each.sum_features()
    }
}
