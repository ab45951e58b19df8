//! Whether all elements of a tensor are finite.
//!
//! Training asks it of every parameter and gradient in every step. So it is a backend extension: one
//! pass over the elements where the backend has loops of its own ([`extension`]); composed of Burn's
//! operations elsewhere.

#[cfg(any(feature = "flex", feature = "tch"))]
mod extension;
#[cfg(any(feature = "flex", feature = "tch"))]
mod loops;
#[cfg(test)]
mod tests;

use super::AnyTensor;
#[cfg(any(feature = "flex", feature = "tch"))]
use super::native::has_loops;

impl AnyTensor {
    /// Whether no element is infinite or NaN, read back.
    pub(crate) fn is_finite(&self) -> bool {
        let values = self.clone().without_autodiff().values();
        values.into_iter().all(f64::is_finite)
    }

    /// `[1]`, without gradient: 0, or NaN where an element is infinite or NaN. To be added up with
    /// others, and read back once.
    pub(crate) fn zero_or_nan(self) -> Self {
        let numbers = self.without_autodiff();
        #[cfg(any(feature = "flex", feature = "tch"))]
        if has_loops(&[&numbers]) {
            return extension::zero_or_nan(numbers);
        }
        composed(numbers)
    }
}

/// Of Burn's operations, for every backend and data type.
fn composed(numbers: AnyTensor) -> AnyTensor {
    let count = numbers.shape().iter().product();
    let zeros = numbers.mul_scalar(0.0);
    zeros.reshape(&[1, count]).sum_features()
}
