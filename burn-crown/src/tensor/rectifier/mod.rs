//! The lines around a rectifier on intervals: the chord above, and which neurons get slope 1 below.
//!
//! They are a dozen of Burn's operations, and twice as many for the gradient. So they are a backend
//! extension: one pass over the elements, and one for the gradient, where the backend has loops of its
//! own ([`extension`]); composed elsewhere. Both are tested against each other.

#[cfg(any(feature = "flex", feature = "tch"))]
mod extension;
#[cfg(any(feature = "flex", feature = "tch"))]
mod loops;
#[cfg(test)]
mod tests;

use super::AnyTensor;
#[cfg(any(feature = "flex", feature = "tch"))]
use super::native::has_loops;

/// Which chords are steep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Steep {
    /// Those with a slope above this.
    Above(f64),
    /// Those with a slope that is not below this.
    AtLeast(f64),
}

/// The chord of `max(x, 0)` over an interval, `slope · x + intercept`.
#[derive(Clone, Debug)]
pub(crate) struct Chord {
    pub(crate) slope: AnyTensor,
    pub(crate) intercept: AnyTensor,
    /// 1 where it is steep, 0 elsewhere; without gradient. Missing where that was not asked.
    pub(crate) steep: Option<AnyTensor>,
}

/// Keeps the chord's slope finite where an interval has no width.
const WIDTH_FLOOR: f64 = 1e-8;

impl Chord {
    /// Over intervals `[B, ...]`. One that is active or dead on a whole interval has slope 1 or 0,
    /// and intercept 0.
    pub(crate) fn new(lower: AnyTensor, upper: AnyTensor, steep: Option<Steep>) -> Self {
        #[cfg(any(feature = "flex", feature = "tch"))]
        if has_loops(&[&lower, &upper]) {
            return extension::chord(lower, upper, steep);
        }
        Self::composed(lower, upper, steep)
    }

    fn composed(lower: AnyTensor, upper: AnyTensor, steep: Option<Steep>) -> Self {
        let lower = lower.clamp_max(0.0);
        let upper = upper.clamp_min(0.0);
        // With a floor under the width the chord of a degenerate interval is steeper than any
        // tangent, and still above the function.
        let upper = upper.max(lower.clone().add_scalar(WIDTH_FLOOR));
        let slope = upper.clone().div(upper.sub(lower.clone()));
        let steep = steep.map(|steep| {
            let chord = slope.clone();
            let mask = match steep {
                Steep::Above(end) => chord.greater_scalar(end),
                Steep::AtLeast(end) => chord.greater_equal_scalar(end),
            };
            AnyTensor::zeros(&slope.shape(), &slope).mask_fill(mask, 1.0)
        });
        Self {
            intercept: slope.clone().mul(lower).neg(),
            slope,
            steep,
        }
    }
}
