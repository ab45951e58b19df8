//! Batch normalisation with fixed statistics.

use super::{
    Contribution, Interval, Operand, Operator, Refusal, Region, Step, Window, Windowed, perturbed,
};
use crate::tensor::AnyTensor;

/// `γ (x − mean) / √(variance + ε) + β` per channel, operands `x, γ, β, mean, variance`.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    /// The dim of the channels.
    pub(crate) channels: usize,
    pub(crate) epsilon: f64,
}

impl BatchNorm {
    /// Scale and shift, shaped to broadcast over `rank` dims.
    fn scale_and_shift(&self, fixed: [AnyTensor; 4], rank: usize) -> (AnyTensor, AnyTensor) {
        let [gamma, beta, mean, variance] = fixed;
        let mut shape = vec![1; rank];
        shape[self.channels] = gamma.shape()[0];
        let scale = gamma.div(variance.add_scalar(self.epsilon).sqrt());
        let shift = beta.sub(mean.mul(scale.clone()));
        (scale.reshape(&shape), shift.reshape(&shape))
    }
}

impl Operator for BatchNorm {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        operands[1..]
            .iter()
            .any(|operand| operand.perturbed)
            .then(|| {
                Refusal::unsupported("its statistics or parameters depend on the perturbed input")
            })
    }

    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        let channels = operands[0][self.channels];
        window
            .has_all_of(self.channels, channels)
            .then(|| Windowed::same(vec![Some(window.clone()), None, None, None, None]))
    }

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        16
    }

    fn magnitude(&self, inputs: &[Region]) -> AnyTensor {
        let largest = inputs[0].interval().upper;
        let [gamma, beta, mean, variance] = [1, 2, 3, 4].map(|index| inputs[index].fixed());
        let (gamma, beta) = (gamma.abs(), beta.abs());
        let mean = mean.abs().neg();
        let (scale, shift) = self.scale_and_shift([gamma, beta, mean, variance], largest.rank());
        largest.mul(scale).add(shift)
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        let x = inputs[0].clone();
        let fixed = [1, 2, 3, 4].map(|index| inputs[index].clone());
        let (scale, shift) = self.scale_and_shift(fixed, x.rank());
        x.mul(scale).add(shift)
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let rank = inputs[0].interval().lower.rank();
        let fixed = [1, 2, 3, 4].map(|index| inputs[index].fixed());
        let (scale, shift) = self.scale_and_shift(fixed, rank);
        inputs[0].scale(&scale).shift(&shift)
    }

    fn linear(&self, coefficients: &[Option<Interval>], step: &Step) -> Option<Interval> {
        let input = perturbed(coefficients, 0);
        let fixed = [1, 2, 3, 4].map(|index| step.fixed(index));
        let (scale, _) = self.scale_and_shift(fixed, input.lower.rank());
        Some(Region::Box(input).scale(&scale).interval())
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let fixed = [1, 2, 3, 4].map(|index| step.fixed(index));
        let (scale, shift) = self.scale_and_shift(fixed, form.rank());
        let bias = Some(step.dot(form.clone(), shift));
        Contribution {
            forms: vec![Some(form.mul(scale)), None, None, None, None],
            bias,
        }
    }
}
