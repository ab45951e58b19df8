//! The rectifier that lets a share of negative values through.

use super::lines::{Line, Lines};
use super::relu::{self, Relu};
use super::{
    Interval, Operand, Operator, Refusal, Region, Rounded, Roundings, Step, Window, Windowed,
};
use crate::bound::LowerSlope;
use crate::tensor::{AnyMask, AnyTensor};

/// `max(x, 0) + slope · min(x, 0)`.
#[derive(Debug)]
pub(crate) struct LeakyRelu {
    /// The slope below zero; without one, it is the second operand, which is fixed.
    pub(crate) slope: Option<f64>,
}

impl LeakyRelu {
    /// The slope, of a shape that broadcasts over `like`.
    fn slope(&self, like: &AnyTensor, operand: impl FnOnce() -> AnyTensor) -> AnyTensor {
        match self.slope {
            Some(slope) => AnyTensor::full(&vec![1; like.rank()], slope, like),
            None => operand(),
        }
    }
}

/// What the rectifier's share in the function is.
fn rectified_share(slope: &AnyTensor) -> AnyTensor {
    slope.clone().neg().add_scalar(1.0)
}

/// The rectifier's lower slope, 1 where the chord of the whole function is steeper than one half, as
/// auto_LiRPA chooses. A neuron that is dead keeps 0.
fn adaptive(rectifier_chord: &AnyTensor, share: &AnyTensor) -> AnyTensor {
    let flatter_by = rectifier_chord
        .clone()
        .neg()
        .add_scalar(1.0)
        .mul(share.clone());
    let steep = flatter_by.lower_scalar(0.5);
    let alive = rectifier_chord.clone().greater_scalar(0.0);
    AnyTensor::zeros(&share.shape(), share).mask_fill(steep.and(alive), 1.0)
}

fn value(x: AnyTensor, slope: &AnyTensor) -> AnyTensor {
    let positive = x.clone().relu();
    let negative = x.sub(positive.clone());
    positive.add(negative.mul(slope.clone()))
}

impl Operator for LeakyRelu {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        operands
            .get(1)
            .is_some_and(|slope| slope.perturbed)
            .then(|| Refusal::unsupported("its slope depends on the perturbed input"))
    }

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

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        32
    }

    fn accounts_for_rounding(&self) -> bool {
        true
    }

    /// Slopes and intercepts are those of the rectifier times `1 − slope`, plus `slope`: a few
    /// roundings of numbers below `(1 + 2 |slope|) |x|`.
    fn roundings(&self, rounded: &Rounded) -> Option<Roundings> {
        let largest = rounded.magnitude(0);
        let slope = self.slope(&largest, || rounded.inputs[1].fixed());
        let total = slope.abs().mul_scalar(2.0).add_scalar(1.0).mul(largest);
        let error = total.clone().mul_scalar(rounded.precision.gamma(32));
        Some(Roundings {
            constant: Some(total.mul_scalar(rounded.precision.outward(32))),
            ..rounded.nonlinear(Some(Interval::of(error.clone())), error)
        })
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        let slope = self.slope(&inputs[0], || inputs[1].clone());
        value(inputs[0].clone(), &slope)
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let input = inputs[0].interval();
        let slope = self.slope(&input.lower, || inputs[1].fixed());
        let ends = input.clone().map(|bound| value(bound, &slope));
        let lowest = ends.lower.clone().min(ends.upper.clone());
        // With a negative slope, the function is lowest at zero.
        let at_zero = lowest.clone().clamp_max(0.0);
        Region::Box(Interval {
            lower: lowest.mask_where(Relu.open(&input), at_zero),
            upper: ends.lower.max(ends.upper),
        })
    }

    fn lines(&self, step: &Step) -> Option<Lines> {
        let input = step.interval(0);
        let slope = self.slope(&input.lower, || step.fixed(1));
        // The function is `slope · x + share · relu(x)`: a negative share turns the rectifier's
        // lines over.
        let share = rectified_share(&slope).expand(&input.lower.shape());
        let (upright, turned) = (share.clone().clamp_min(0.0), share.clone().clamp_max(0.0));
        let mut rectifier = relu::Relaxation::new(&input, step.slope);
        if step.slope == LowerSlope::Adaptive {
            rectifier.lower_slope = adaptive(&rectifier.upper_slope, &share);
        }
        let sloped = |upright: AnyTensor, turned: AnyTensor| upright.add(turned).add(slope.clone());
        let intercept = rectifier.upper_intercept;
        Some(Lines {
            lower: Line {
                slope: sloped(
                    upright.clone().mul(rectifier.lower_slope.clone()),
                    turned.clone().mul(rectifier.upper_slope.clone()),
                ),
                intercept: turned.clone().mul(intercept.clone()),
            },
            upper: Line {
                slope: sloped(
                    upright.clone().mul(rectifier.upper_slope),
                    turned.mul(rectifier.lower_slope),
                ),
                intercept: upright.mul(intercept),
            },
        })
    }

    fn open(&self, input: &Interval) -> AnyMask {
        Relu.open(input)
    }

    fn count_open(&self, input: &Interval) -> AnyTensor {
        Relu.count_open(input)
    }
}
