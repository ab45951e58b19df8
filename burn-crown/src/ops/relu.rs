//! The rectifier.

use super::lines::{Line, Lines};
use super::{Band, Interval, Operator, Region, Rounded, Roundings, Step, Window, Windowed};
use crate::bound::LowerSlope;
use crate::tensor::{AnyMask, AnyTensor, Chord, Measure, Steep};

/// `max(x, 0)`.
#[derive(Debug)]
pub(crate) struct Relu;

/// `lower_slope · x ≤ max(x, 0) ≤ upper_slope · x + upper_intercept` on an interval.
pub(super) struct Relaxation {
    pub(super) lower_slope: AnyTensor,
    pub(super) upper_slope: AnyTensor,
    pub(super) upper_intercept: AnyTensor,
}

impl Relaxation {
    /// The chord above (Zhang et al. 2018, table 2), the chosen slope below. A neuron that is
    /// active or dead on the whole interval gets slope 1 or 0 on both sides.
    pub(super) fn new(input: &Interval, slope: LowerSlope) -> Self {
        let steep = match slope {
            LowerSlope::Adaptive => Some(Steep::Above(0.5)),
            LowerSlope::Same => None,
            LowerSlope::Zero => Some(Steep::AtLeast(1.0)),
            LowerSlope::One => Some(Steep::Above(0.0)),
        };
        let chord = Chord::new(input.lower.clone(), input.upper.clone(), steep);
        Self {
            lower_slope: chord.steep.unwrap_or_else(|| chord.slope.clone()),
            upper_slope: chord.slope,
            upper_intercept: chord.intercept,
        }
    }
}

impl Operator for Relu {
    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        Windowed::element_wise(window, operands)
    }

    fn is_affine(&self) -> bool {
        false
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        8
    }

    fn accounts_for_rounding(&self) -> bool {
        true
    }

    /// The chord is off by `3 u` of itself, so by `3 u` of the input's largest value where it
    /// meets an end; the intercept and the product with a coefficient round once each. Where the
    /// sign is known all of that is exact.
    fn roundings(&self, rounded: &Rounded) -> Option<Roundings> {
        let interval = rounded.inputs[0].interval();
        let chord = Relaxation::new(&interval, LowerSlope::Same).upper_slope;
        let bent = chord
            .clone()
            .greater_scalar(0.0)
            .and(chord.lower_scalar(1.0));
        // A sign that is open by less than rounding has the chord 0 or 1 as well.
        let bent = bent.or(self.open(&interval));
        let largest = rounded.magnitude(0);
        let zeros = AnyTensor::zeros(&largest.shape(), &largest);
        let largest = zeros.mask_where(bent, largest);
        let step = largest.clone().mul_scalar(rounded.precision.gamma(8));
        Some(Roundings {
            constant: Some(largest.mul_scalar(rounded.precision.outward(8))),
            ..rounded.nonlinear(None, step)
        })
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().relu()
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        Region::Rectified(inputs[0].interval())
    }

    fn lines(&self, step: &Step) -> Option<Lines> {
        let relaxation = Relaxation::new(&step.interval(0), step.slope);
        let intercept = relaxation.upper_intercept;
        Some(Lines {
            lower: Line {
                slope: relaxation.lower_slope,
                intercept: AnyTensor::zeros(&intercept.shape(), &intercept),
            },
            upper: Line {
                slope: relaxation.upper_slope,
                intercept,
            },
        })
    }

    fn band(&self, input: &Interval) -> Option<Band> {
        let relaxation = Relaxation::new(input, LowerSlope::Same);
        let upper = relaxation.upper_intercept;
        Some(Band {
            slope: relaxation.upper_slope,
            intercept: Interval {
                lower: AnyTensor::zeros(&upper.shape(), &upper),
                upper,
            },
        })
    }

    fn open(&self, input: &Interval) -> AnyMask {
        let below = input.lower.clone().lower_scalar(0.0);
        // Also where the upper end is no number.
        let above = input.upper.clone().lower_equal_scalar(0.0).not();
        below.and(above)
    }

    fn count_open(&self, input: &Interval) -> AnyTensor {
        let Interval { lower, upper } = input.clone();
        lower.measured(upper, Measure::Straddles)
    }
}
