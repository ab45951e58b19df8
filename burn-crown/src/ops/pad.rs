//! Padding with a constant.

use super::{
    Contribution, Interval, Operand, Operator, Refusal, Region, Step, Window, Windowed, perturbed,
};
use crate::tensor::AnyTensor;

/// Each dim with `(before, after)` copies of a constant around it.
#[derive(Debug)]
pub(crate) struct Pad {
    pub(crate) padding: Vec<(usize, usize)>,
    pub(crate) value: f64,
}

impl Operator for Pad {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        (operands[0].perturbed && self.padding[0] != (0, 0))
            .then(|| Refusal::mixes_batch("the batch dim is padded"))
    }

    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        let mut read = window.clone();
        let mut padding = self.padding.clone();
        for (dim, around) in padding.iter_mut().enumerate().skip(1) {
            let (start, end) = window.range(dim);
            let (before, size) = (around.0, operands[0][dim]);
            let inside = start.max(before)..end.min(before + size);
            if inside.is_empty() {
                return None;
            }
            *around = (inside.start - start, end - inside.end);
            read = read.with(dim, (inside.start - before, inside.end - before));
        }
        let value = self.value;
        Some(Windowed::by(Self { padding, value }, vec![Some(read)]))
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        0
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().pad(&self.padding, self.value)
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        Region::Box(
            inputs[0]
                .interval()
                .map(|bound| bound.pad(&self.padding, self.value)),
        )
    }

    fn linear(&self, coefficients: &[Option<Interval>], _step: &Step) -> Option<Interval> {
        let zero_around = |bound: AnyTensor| bound.pad(&self.padding, 0.0);
        Some(perturbed(coefficients, 0).map(zero_around))
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let shape = form.shape();
        let inner: Vec<(usize, usize)> = shape
            .iter()
            .zip(&self.padding)
            .map(|(&size, &(before, after))| (before, size - after))
            .collect();
        let kept = form.clone().slice(&inner);
        let bias = (self.value != 0.0).then(|| {
            // The border alone: the inside is exactly zero, whatever its size.
            form.sub(kept.clone().pad(&self.padding, 0.0))
                .sum_features()
                .mul_scalar(self.value)
                .reshape(&[step.batch, step.rows])
        });
        Contribution {
            forms: vec![Some(kept)],
            bias,
        }
    }
}
