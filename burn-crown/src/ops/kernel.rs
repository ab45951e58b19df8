//! Products with a fixed kernel: convolutions and transposed convolutions.

use std::fmt::Debug;

use super::matmul::norm_right;
use super::region::power_norm;
use super::{
    Contribution, Interval, Operand, Operator, Refusal, Region, Step, Window, Windowed, perturbed,
};
use crate::tensor::{AnyTensor, Boxes};

/// A product with a kernel, operands `x [B, C, ...]`, `weight` and, if there is one, `bias [O]`.
#[derive(Debug)]
pub(crate) struct Kernel<M>(pub(crate) M);

/// How a kernel moves over the input.
pub(crate) trait Movement: Debug + Send + Sync {
    /// The product, `[B, C, ...]` to `[B, O, ...]`.
    fn apply(&self, x: AnyTensor, weight: AnyTensor, bias: Option<AnyTensor>) -> AnyTensor;

    /// The smallest boxes around the products of all points of boxes.
    fn apply_to_boxes(&self, x: Boxes, weight: AnyTensor, bias: Option<AnyTensor>) -> Interval;

    /// The adjoint of the product: a form `[B·S, O, ...]` on the output to one on an input whose dims
    /// after the channels have `size`, and what the bias `[O]` adds to it, `[B·S]`.
    fn adjoint(
        &self,
        form: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
        size: &[usize],
    ) -> (AnyTensor, Option<AnyTensor>);

    /// The movement that makes a window of the output, and the window of an input of shape `input`
    /// that it reads; none where it cannot be made by itself.
    fn window(&self, window: &Window, input: &[usize], kernel: &[usize]) -> Option<(Self, Window)>
    where
        Self: Sized,
    {
        let _ = (window, input, kernel);
        None
    }

    /// The largest of positive weights between two channels, `[C / groups, O]`.
    fn largest_weights(&self, weight: AnyTensor) -> AnyTensor;
}

impl<M: Movement> Kernel<M> {
    fn dual_norm(&self, radius: AnyTensor, weight: AnyTensor, q: f64) -> AnyTensor {
        let product = |weight, radius| self.0.apply(radius, weight, None);
        if q.is_finite() {
            return power_norm(weight, radius, q, product);
        }
        // The largest weight between two channels times the largest radius in the one: exact for a
        // radius that is constant in a channel, as it is at the input.
        let out_shape = product(weight.clone(), radius.clone()).shape();
        let radius = largest_of_channels(radius);
        let channels = radius.shape()[1];
        let weight = self.0.largest_weights(weight.abs());
        let norm = if weight.shape()[0] == channels {
            norm_right(radius, weight, q)
        } else {
            // Of several groups, any channel may be the one.
            radius.max_dim(1).mul(weight.max_dim(0))
        };
        let mut shape = vec![1; out_shape.len()];
        shape[..2].copy_from_slice(&out_shape[..2]);
        norm.reshape(&shape).expand(&out_shape)
    }
}

/// `[A, B, ...]` to the largest elements `[A, B]`.
pub(super) fn largest_of_channels(x: AnyTensor) -> AnyTensor {
    let shape = x.shape();
    x.reshape(&[shape[0], shape[1], shape[2..].iter().product()])
        .max_dim(2)
        .reshape(&shape[..2])
}

impl<M: Movement + 'static> Operator for Kernel<M> {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        operands[1..]
            .iter()
            .any(|operand| operand.perturbed)
            .then(|| Refusal::unsupported("its kernel or bias depends on the perturbed input"))
    }

    fn window(&self, window: &Window, output: &[usize], operands: &[&[usize]]) -> Option<Windowed> {
        if !window.has_all_of(1, output[1]) {
            return None;
        }
        let (movement, read) = self.0.window(window, operands[0], operands[1])?;
        let mut read = vec![Some(read)];
        read.resize(operands.len(), None);
        Some(Windowed::by(Self(movement), read))
    }

    fn terms(&self, shapes: &[&[usize]], _output: &[usize]) -> usize {
        // Of the two dims of channels, one is summed over, backward the other.
        let taps: usize = shapes[1][2..].iter().product();
        shapes[1][0].max(shapes[1][1]) * taps + 8
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        let bias = inputs.get(2).cloned();
        self.0.apply(inputs[0].clone(), inputs[1].clone(), bias)
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let weight = inputs[1].fixed();
        let bias = inputs.get(2).map(Region::fixed);
        if let Some(boxes) = inputs[0].boxes() {
            return Region::Box(self.0.apply_to_boxes(boxes, weight, bias));
        }
        inputs[0].affine(
            |x| self.0.apply(x, weight.clone(), bias.clone()),
            |radius, q| self.dual_norm(radius, weight.clone(), q),
        )
    }

    fn linear(&self, coefficients: &[Option<Interval>], step: &Step) -> Option<Interval> {
        let input = Region::Box(perturbed(coefficients, 0));
        let weight = Region::Fixed(step.fixed(1));
        Some(self.interval(&[input, weight]).interval())
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let mut forms = vec![None; step.shapes.len()];
        let bias = (step.shapes.len() > 2).then(|| step.fixed(2));
        let size = &step.shapes[0][2..];
        let (form, bias) = self.0.adjoint(form, step.fixed(1), bias, size);
        forms[0] = Some(form);
        let bias = bias.map(|bias| bias.reshape(&[step.batch, step.rows]));
        Contribution { forms, bias }
    }
}
