//! Tensors side by side.

use std::sync::Arc;

use super::{
    Ball, Contribution, Interval, Operand, Operator, Refusal, Region, Step, Window, Windowed,
};
use crate::tensor::AnyTensor;

/// The operands one after the other along a dim.
#[derive(Debug)]
pub(crate) struct Cat {
    pub(crate) dim: usize,
}

impl Cat {
    fn cat(&self, parts: impl IntoIterator<Item = AnyTensor>) -> AnyTensor {
        AnyTensor::cat(parts.into_iter().collect(), self.dim)
    }

    /// The ball among fixed values, if it is the only operand that is not fixed.
    fn ball(&self, inputs: &[Region]) -> Option<Ball> {
        let mut perturbed = inputs
            .iter()
            .filter(|input| !matches!(input, Region::Fixed(_)));
        let (Some(Region::Ball(ball)), None) = (perturbed.next(), perturbed.next()) else {
            return None;
        };
        let with = |part: &dyn Fn(AnyTensor) -> AnyTensor, own: &AnyTensor| {
            self.cat(inputs.iter().map(|input| match input {
                Region::Fixed(value) => part(value.clone()),
                _ => own.clone(),
            }))
        };
        let value = |value: AnyTensor| value;
        let none = |value: AnyTensor| AnyTensor::zeros(&value.shape(), &value);
        Some(Ball {
            center: with(&value, &ball.center),
            radius: with(&none, &ball.radius),
            dual: ball.dual,
            range: ball.range.as_ref().map(|range| Interval {
                lower: with(&value, &range.lower),
                upper: with(&value, &range.upper),
            }),
        })
    }
}

impl Operator for Cat {
    fn for_several(&self) -> Option<Arc<dyn Operator>> {
        Some(Arc::new(Self { dim: self.dim }))
    }

    fn refuse(&self, _operands: &[Operand]) -> Option<Refusal> {
        (self.dim == 0).then(|| Refusal::mixes_batch("it joins the batch with other rows"))
    }

    fn window(&self, window: &Window, output: &[usize], operands: &[&[usize]]) -> Option<Windowed> {
        let all = |shape: &&[usize]| Some(window.clone().with(self.dim, (0, shape[self.dim])));
        window
            .has_all_of(self.dim, output[self.dim])
            .then(|| Windowed::same(operands.iter().map(all).collect()))
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        0
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        self.cat(inputs.iter().cloned())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        if let Some(ball) = self.ball(inputs) {
            return Region::Ball(ball);
        }
        let (lower, upper): (Vec<_>, Vec<_>) = inputs
            .iter()
            .map(|input| {
                let Interval { lower, upper } = input.interval();
                (lower, upper)
            })
            .unzip();
        Region::Box(Interval {
            lower: self.cat(lower),
            upper: self.cat(upper),
        })
    }

    fn linear(&self, coefficients: &[Option<Interval>], step: &Step) -> Option<Interval> {
        let part = |index: usize, bound: fn(&Interval) -> &AnyTensor| match &coefficients[index] {
            Some(interval) => bound(interval).clone(),
            None => step.zeros(index),
        };
        let parts = |bound| self.cat((0..coefficients.len()).map(|index| part(index, bound)));
        Some(Interval {
            lower: parts(|interval| &interval.lower),
            upper: parts(|interval| &interval.upper),
        })
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let mut ranges: Vec<(usize, usize)> = form.shape().iter().map(|&size| (0, size)).collect();
        let mut forms = Vec::with_capacity(step.shapes.len());
        let mut bias: Option<AnyTensor> = None;
        let mut start = 0;
        for (index, shape) in step.shapes.iter().enumerate() {
            let end = start + shape[self.dim];
            ranges[self.dim] = (start, end);
            start = end;
            let part = form.clone().slice(&ranges);
            if step.is_perturbed(index) {
                forms.push(Some(part));
                continue;
            }
            forms.push(None);
            step.dot(part, step.fixed(index)).added_to(&mut bias);
        }
        Contribution { forms, bias }
    }
}
