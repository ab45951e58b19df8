//! The choice between two values by a constant mask.

use super::precision::copies;
use super::{
    Ball, Contribution, Interval, Operand, Operator, Refusal, Region, Step, Window, Windowed,
};
use crate::tensor::AnyTensor;

/// Operands `x`, `mask` and `value`, which broadcast: `value` where the mask is 1, `x` where it is
/// 0. What is not chosen has no part in the result, even if it is not finite.
#[derive(Debug)]
pub(crate) struct Select;

fn choose(x: AnyTensor, mask: &AnyTensor, value: AnyTensor) -> AnyTensor {
    let shapes = [x.shape(), mask.shape(), value.shape()];
    let largest = |dim: usize| shapes.iter().map(|shape| shape[dim]).max();
    let shape: Vec<usize> = (0..x.rank()).filter_map(largest).collect();
    let mask = mask.clone().expand(&shape).greater_scalar(0.5);
    x.expand(&shape).mask_where(mask, value.expand(&shape))
}

fn zero(like: &AnyTensor) -> AnyTensor {
    AnyTensor::zeros(&vec![1; like.rank()], like)
}

impl Operator for Select {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        operands[1]
            .perturbed
            .then(|| Refusal::unsupported("its mask depends on the perturbed input"))
    }

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

    fn terms(&self, shapes: &[&[usize]], output: &[usize]) -> usize {
        copies(shapes, output) + 8
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        choose(inputs[0].clone(), &inputs[1], inputs[2].clone())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let mask = inputs[1].fixed();
        let fill = |x: Interval, value: Interval| Interval {
            lower: choose(x.lower, &mask, value.lower),
            upper: choose(x.upper, &mask, value.upper),
        };
        let value = inputs[2].interval();
        if let (Region::Ball(ball), Region::Fixed(fixed)) = (&inputs[0], &inputs[2]) {
            let center = choose(ball.center.clone(), &mask, fixed.clone());
            // Copies of an element are no elements of a ball.
            if center.shape() == ball.center.shape() {
                return Region::Ball(Ball {
                    center,
                    radius: choose(ball.radius.clone(), &mask, zero(&ball.radius)),
                    dual: ball.dual,
                    range: ball.range.clone().map(|range| fill(range, value)),
                });
            }
        }
        Region::Box(fill(inputs[0].interval(), value))
    }

    fn linear(&self, coefficients: &[Option<Interval>], step: &Step) -> Option<Interval> {
        let mask = step.over_rows(step.fixed(1));
        let bound = |bound: fn(&Interval) -> &AnyTensor| {
            let part = |index: usize| match &coefficients[index] {
                Some(interval) => bound(interval).clone(),
                None => AnyTensor::zeros(&[&[1], &step.shapes[index][1..]].concat(), &mask),
            };
            choose(part(0), &mask, part(2))
        };
        Some(Interval {
            lower: bound(|interval| &interval.lower),
            upper: bound(|interval| &interval.upper),
        })
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let mask = step.fixed(1);
        let mut forms = vec![None; 3];
        let mut bias: Option<AnyTensor> = None;
        let shares = [(0, mask.clone().neg().add_scalar(1.0)), (2, mask.clone())];
        for (index, share) in shares {
            if step.is_perturbed(index) {
                let part = form.clone().mul(step.over_rows(share));
                forms[index] = Some(part.sum_to(&step.form_shape(index)));
                continue;
            }
            let fixed = step.fixed(index);
            let none = zero(&fixed);
            let chosen = if index == 0 {
                choose(fixed, &mask, none)
            } else {
                choose(none, &mask, fixed)
            };
            step.dot(form.clone(), chosen).added_to(&mut bias);
        }
        Contribution { forms, bias }
    }
}
