//! What is known of a value beforehand.

use super::{Contribution, Interval, Operator, Region, Step, Window, Windowed, perturbed};
use crate::tensor::AnyTensor;

/// How far rounding may take a value out of its range, relative to the range's ends.
const ROUNDING: f64 = 1e-6;

/// The identity on a value that is known to lie in a range, whatever the inputs are: its interval
/// is cut with the range.
#[derive(Debug)]
pub(crate) struct Within {
    low: f64,
    high: f64,
}

impl Within {
    /// `|x| ≤ most`.
    pub(crate) fn magnitude(most: f64) -> Self {
        let high = most * (1.0 + ROUNDING);
        Self { low: -high, high }
    }
}

impl Operator for Within {
    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        Windowed::element_wise(window, operands)
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        0
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone()
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        // A bound that is not a number stays one.
        let cut = |bound: AnyTensor| bound.clamp_min(self.low).clamp_max(self.high);
        Region::Box(inputs[0].interval().map(cut))
    }

    fn linear(&self, coefficients: &[Option<Interval>], _step: &Step) -> Option<Interval> {
        Some(perturbed(coefficients, 0))
    }

    fn backward(&self, form: AnyTensor, _step: &Step) -> Contribution {
        Contribution::unary(form)
    }
}
