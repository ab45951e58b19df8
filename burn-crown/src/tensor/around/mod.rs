//! Boxes around points, cut with a range of valid values.
//!
//! Composed of Burn's operations, they are some fifteen passes over a batch of images. So they are a
//! backend extension: one pass over the elements, and one for the gradient, where the backend has
//! loops of its own ([`extension`]). Both are tested against each other.

#[cfg(any(feature = "flex", feature = "tch"))]
mod extension;
#[cfg(any(feature = "flex", feature = "tch"))]
mod loops;
#[cfg(test)]
mod tests;

use super::AnyTensor;
#[cfg(any(feature = "flex", feature = "tch"))]
use super::native::has_loops;

/// How far an input may lie outside its valid range, relative to the range's end or to 1: the
/// rounding of a normalisation.
pub(crate) const RANGE_TOLERANCE: f64 = 1e-5;

/// One number for all channels, or one for each, as a tensor that broadcasts over the points.
pub(crate) type OfChannels = AnyTensor;

/// The box around points `x` `[B, ...]` with a radius, and the range that it is cut with.
#[derive(Clone, Debug)]
pub(crate) struct Surrounds {
    pub(crate) radius: OfChannels,
    /// Lower and upper ends.
    pub(crate) range: Option<[OfChannels; 2]>,
}

impl Surrounds {
    /// The ends of the box. None if a point is not a number or outside the range by more than the
    /// tolerance; within it, the range is widened to the point.
    pub(crate) fn of(&self, x: &AnyTensor) -> Option<[AnyTensor; 2]> {
        #[cfg(any(feature = "flex", feature = "tch"))]
        if has_loops(&[x, &self.radius]) {
            return extension::surround(x, self);
        }
        self.composed(x)
    }

    fn composed(&self, x: &AnyTensor) -> Option<[AnyTensor; 2]> {
        let radius = self.radius.clone().expand(&x.shape());
        let ends = [x.clone().sub(radius.clone()), x.clone().add(radius)];
        let Some(range) = &self.range else {
            return Some(ends);
        };
        let [low, high] = widened(x, range)?;
        Some(ends.map(|end| end.max(low.clone()).min(high.clone())))
    }
}

/// A range's ends `[B, ...]`, widened to points that rounding put outside; none if a point is not a
/// number or farther outside.
///
/// A point far outside its range has a region that does not hold it; a certificate for that region
/// would say nothing about the point.
pub(crate) fn widened(x: &AnyTensor, range: &[OfChannels; 2]) -> Option<[AnyTensor; 2]> {
    let slack = |end: &AnyTensor| end.clone().abs().clamp_min(1.0).mul_scalar(RANGE_TOLERANCE);
    // Written without differences, in which infinite ends would give NaN.
    let least = range[0].clone().sub(slack(&range[0])).expand(&x.shape());
    let most = range[1].clone().add(slack(&range[1])).expand(&x.shape());
    let outside = x.clone().greater(most).or(least.greater(x.clone()));
    let not_a_number = x.clone().detach().largest().is_nan();
    if not_a_number || outside.any() {
        return None;
    }
    let [low, high] = range.clone().map(|end| end.expand(&x.shape()));
    Some([low.min(x.clone()), high.max(x.clone())])
}
