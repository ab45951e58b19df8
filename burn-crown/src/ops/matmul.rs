//! Products with a fixed matrix.

use std::sync::Arc;

use super::region::power_norm;
use super::{
    Bilinear, Contribution, Interval, Operand, Operator, Refusal, Region, Step, Window, Windowed,
};
use crate::tensor::AnyTensor;

/// `left · right`, one of the two fixed, over the last two dims with the others broadcast.
#[derive(Debug)]
pub(crate) struct Matmul;

impl Operator for Matmul {
    fn for_several(&self) -> Option<Arc<dyn Operator>> {
        Some(Arc::new(Bilinear))
    }

    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        let [left, right] = operands else {
            return Some(Refusal::unsupported("a product has two operands"));
        };
        if left.perturbed && right.perturbed {
            return Some(Refusal::unsupported(
                "both factors depend on the perturbed input",
            ));
        }
        let (perturbed, index) = if left.perturbed {
            (left, 0)
        } else {
            (right, 1)
        };
        let rank = perturbed.shape.len();
        if rank == 2 && index == 1 {
            return Some(Refusal::mixes_batch(
                "the batch is summed over: it is the first dim of the right factor",
            ));
        }
        None
    }

    fn window(&self, window: &Window, output: &[usize], operands: &[&[usize]]) -> Option<Windowed> {
        let mut windowed = Windowed::whole(window, output, operands)?;
        // A matrix for all images has no batch.
        if operands[1].len() == 2 {
            windowed.operands[1] = None;
        }
        Some(windowed)
    }

    fn terms(&self, shapes: &[&[usize]], output: &[usize]) -> usize {
        let [left, right] = [0, 1].map(|index| shapes[index]);
        let inner = left[left.len() - 1];
        let outer = left[left.len() - 2].max(right[right.len() - 1]);
        let matrices = |shape: &[usize]| shape[1..shape.len().max(3) - 2].iter().product::<usize>();
        let broadcast = matrices(output) / matrices(left).min(matrices(right)).max(1);
        inner.max(outer * broadcast.max(1)) + 8
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().matmul(inputs[1].clone())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        if let (Some(boxes), Region::Fixed(right)) = (inputs[0].boxes(), &inputs[1])
            && right.rank() == 2
        {
            let [lower, upper] = AnyTensor::matmul_of_boxes(boxes, right.clone());
            return Region::Box(Interval { lower, upper });
        }
        match (&inputs[0], &inputs[1]) {
            (region, Region::Fixed(right)) => region.affine_rows(
                |x| x.matmul(right.clone()),
                |radius, q| norm_right(radius, right.clone(), q),
            ),
            (left, region) => {
                let left = left.fixed();
                let transposed = transpose(left.clone());
                region.affine(
                    |x| left.clone().matmul(x),
                    |radius, q| transpose(norm_right(transpose(radius), transposed.clone(), q)),
                )
            }
        }
    }

    fn linear(&self, coefficients: &[Option<Interval>], step: &Step) -> Option<Interval> {
        let operand = |index: usize| match &coefficients[index] {
            Some(interval) => Region::Box(interval.clone()),
            // A matrix for all images.
            None if index == 1 && step.shapes[1].len() == 2 => Region::Fixed(step.fixed(1)),
            None => step.fixed_over_rows(index),
        };
        Some(self.interval(&[0, 1].map(operand)).interval())
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        if step.is_perturbed(0) {
            let right = step.fixed(1);
            let right = if right.rank() == 2 {
                right
            } else {
                step.over_rows(right)
            };
            let form = form.matmul(transpose(right)).sum_to(&step.form_shape(0));
            Contribution {
                forms: vec![Some(form), None],
                bias: None,
            }
        } else {
            let left = step.over_rows(step.fixed(0));
            let form = transpose(left).matmul(form).sum_to(&step.form_shape(1));
            Contribution {
                forms: vec![None, Some(form)],
                bias: None,
            }
        }
    }
}

/// With the last two dims swapped.
pub(super) fn transpose(x: AnyTensor) -> AnyTensor {
    let rank = x.rank();
    x.swap_dims(rank - 2, rank - 1)
}

/// The dual norm of `x ↦ x · right` at a radius `[..., m, k]`.
pub(super) fn norm_right(radius: AnyTensor, right: AnyTensor, q: f64) -> AnyTensor {
    if q.is_finite() {
        return power_norm(right, radius, q, |weight, radius| radius.matmul(weight));
    }
    // max over k of radius[..., m, k] · |right[..., k, n]|, a slice of k at a time.
    let right = right.abs();
    let (rank, inner) = (radius.rank(), radius.shape()[radius.rank() - 1]);
    let slice_of = |x: &AnyTensor, dim: usize, index: usize| {
        let ranges: Vec<(usize, usize)> = x
            .shape()
            .iter()
            .enumerate()
            .map(|(d, &size)| {
                if d == dim {
                    (index, index + 1)
                } else {
                    (0, size)
                }
            })
            .collect();
        x.clone().slice(&ranges)
    };
    let product = |k: usize| slice_of(&radius, rank - 1, k).mul(slice_of(&right, rank - 2, k));
    (1..inner).fold(product(0), |largest, k| largest.max(product(k)))
}
