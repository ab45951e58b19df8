//! Of two numbers the larger or the smaller one, element by element.
//!
//! Burn composes these of a comparison and a choice by its mask, and the gradient of more such passes.
//! Intervals consist of them, so they are a backend extension: one pass over the elements, and one
//! for the gradient, where the backend has loops of its own ([`extension`]); Burn's operations
//! elsewhere. Both are tested against each other.

#[cfg(any(feature = "flex", feature = "tch"))]
mod extension;
#[cfg(any(feature = "flex", feature = "tch"))]
mod loops;
#[cfg(test)]
mod tests;

use burn::backend::ops::{ActivationOps, FloatTensorOps};
use burn::backend::{Dispatch, Scalar};

use super::AnyTensor;
#[cfg(any(feature = "flex", feature = "tch"))]
use super::native::has_loops;

/// A number that is in place of those beyond it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bend {
    /// Zero for what is not above it. At zero itself the derivative is 0.
    Zero,
    /// The least number. At that number itself the derivative is 1.
    Least(f64),
    /// The largest number. At that number itself the derivative is 1.
    Most(f64),
}

/// Which of two tensors' elements is taken; where they are equal or cannot be compared, that of the
/// first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Choice {
    Larger,
    Smaller,
}

impl AnyTensor {
    pub(crate) fn relu(self) -> Self {
        self.bend(Bend::Zero)
    }

    pub(crate) fn clamp_min(self, min: f64) -> Self {
        self.bend(Bend::Least(min))
    }

    pub(crate) fn clamp_max(self, max: f64) -> Self {
        self.bend(Bend::Most(max))
    }

    /// The larger of two tensors of one shape.
    pub(crate) fn max(self, rhs: Self) -> Self {
        self.choose(rhs, Choice::Larger)
    }

    /// The smaller of two tensors of one shape.
    pub(crate) fn min(self, rhs: Self) -> Self {
        self.choose(rhs, Choice::Smaller)
    }

    fn bend(self, bend: Bend) -> Self {
        #[cfg(any(feature = "flex", feature = "tch"))]
        if has_loops(&[&self]) {
            return extension::bend(self, bend);
        }
        self.bend_composed(bend)
    }

    fn choose(self, rhs: Self, choice: Choice) -> Self {
        #[cfg(any(feature = "flex", feature = "tch"))]
        if self.shape() == rhs.shape() && has_loops(&[&self, &rhs]) {
            return extension::choose(self, rhs, choice);
        }
        self.choose_composed(rhs, choice)
    }

    fn bend_composed(self, bend: Bend) -> Self {
        Self(match bend {
            Bend::Zero => Dispatch::relu(self.0),
            Bend::Least(min) => Dispatch::float_clamp_min(self.0, Scalar::Float(min)),
            Bend::Most(max) => Dispatch::float_clamp_max(self.0, Scalar::Float(max)),
        })
    }

    fn choose_composed(self, rhs: Self, choice: Choice) -> Self {
        let take_rhs = match choice {
            Choice::Larger => rhs.clone().greater(self.clone()),
            Choice::Smaller => self.clone().greater(rhs.clone()),
        };
        self.mask_where(take_rhs, rhs)
    }
}
