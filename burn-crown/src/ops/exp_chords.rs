//! Chords above the exponential.

use super::Interval;
use crate::tensor::AnyTensor;

/// Below this width the chord of the exponential is taken to have the slope in the middle, which it
/// has up to rounding.
const NARROW: f64 = 1e-4;

/// Lines above `exp(x − shift)` on intervals, element by element.
pub(crate) struct ExpChords {
    /// The heights in the middle of the intervals.
    pub(crate) height: AnyTensor,
    pub(crate) slope: AnyTensor,
}

impl ExpChords {
    /// `shift` has the shape of the intervals, or 1 in some dims.
    pub(crate) fn new(input: &Interval, shift: &AnyTensor) -> Self {
        let center = input.center();
        let exp = |x: &AnyTensor| x.clone().sub(shift.clone()).exp();
        let (low, high) = (exp(&input.lower), exp(&input.upper));
        let width = input.radius().mul_scalar(2.0);
        let narrow = width.clone().lower_scalar(NARROW);
        let slope = high
            .clone()
            .sub(low.clone())
            .div(width.mask_fill(narrow.clone(), 1.0))
            .mask_where(narrow, exp(&center));
        // Of any slope, a line that is above the exponential at both ends is above it in between.
        let rise = |end: &AnyTensor| slope.clone().mul(end.clone().sub(center.clone()));
        let height = low
            .sub(rise(&input.lower))
            .max(high.sub(rise(&input.upper)));
        Self { height, slope }
    }
}
