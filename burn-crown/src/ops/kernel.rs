//! Transposed convolutions, and convolutions in three dims, by a fixed kernel.

use std::fmt::Debug;

use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::region::power_norm;
use super::{Contribution, Interval, Operand, Operator, Refusal, Region, Step, perturbed};
use crate::tensor::AnyTensor;

/// A product with a kernel, operands `x [B, C, ...]`, `weight` and, if there is one, `bias [O]`.
#[derive(Debug)]
pub(crate) struct Kernel<G>(pub(crate) G);

/// How a kernel moves over the input.
pub(crate) trait Movement: Debug + Send + Sync {
    /// The product, without bias: `[B, C, ...]` to `[B, O, ...]`.
    fn apply(&self, x: AnyTensor, weight: AnyTensor) -> AnyTensor;

    /// The adjoint: a form on the output to one on an input whose dims after the channels have
    /// `size`.
    fn adjoint(&self, form: AnyTensor, weight: AnyTensor, size: &[usize]) -> AnyTensor;

    /// The largest of the positive weights that lead to each output channel, `[1, O]`.
    fn largest_weights(&self, weight: AnyTensor) -> AnyTensor;
}

impl<G: Movement> Kernel<G> {
    fn dual_norm(&self, radius: AnyTensor, weight: AnyTensor, q: f64) -> AnyTensor {
        if q.is_finite() {
            return power_norm(weight, radius, q, |weight, radius| {
                self.0.apply(radius, weight)
            });
        }
        // No product is larger than the largest weight of the channel times the largest radius.
        let out_shape = self.0.apply(radius.clone(), weight.clone()).shape();
        let mut shape = vec![1; out_shape.len()];
        shape[..2].copy_from_slice(&out_shape[..2]);
        radius
            .flatten_features()
            .max_dim(1)
            .mul(self.0.largest_weights(weight.abs()))
            .reshape(&shape)
            .expand(&out_shape)
    }
}

/// A bias `[O]` as `[1, O, 1, ...]`.
fn per_channel(bias: AnyTensor, rank: usize) -> AnyTensor {
    let mut shape = vec![1; rank];
    shape[1] = bias.shape()[0];
    bias.reshape(&shape)
}

fn biased(value: AnyTensor, bias: Option<AnyTensor>) -> AnyTensor {
    let rank = value.rank();
    match bias {
        Some(bias) => value.add(per_channel(bias, rank)),
        None => value,
    }
}

impl<G: Movement> Operator for Kernel<G> {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        operands[1..]
            .iter()
            .any(|operand| operand.perturbed)
            .then(|| Refusal::unsupported("its kernel or bias depends on the perturbed input"))
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        let value = self.0.apply(inputs[0].clone(), inputs[1].clone());
        biased(value, inputs.get(2).cloned())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let weight = inputs[1].fixed();
        let bias = inputs.get(2).map(Region::fixed);
        inputs[0].affine(
            |x| biased(self.0.apply(x, weight.clone()), bias.clone()),
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
        let bias = (step.shapes.len() > 2)
            .then(|| step.dot(form.clone(), per_channel(step.fixed(2), form.rank())));
        let size = &step.shapes[0][2..];
        forms[0] = Some(self.0.adjoint(form, step.fixed(1), size));
        Contribution { forms, bias }
    }
}

/// The weights `[C, O / groups, ...]` of a transposed convolution.
fn largest_transposed(weight: AnyTensor, groups: usize) -> AnyTensor {
    let shape = weight.shape();
    let largest = weight
        .reshape(&[shape[0], shape[1], shape[2..].iter().product()])
        .max_dim(2)
        .max_dim(0);
    largest
        .expand(&[groups, shape[1], 1])
        .reshape(&[1, groups * shape[1]])
}

/// The first positions of a form: with an output padding of a stride or more, the convolution has
/// some that no input element is behind.
fn cut(form: AnyTensor, size: &[usize]) -> AnyTensor {
    let shape = form.shape();
    if shape[2..] == *size {
        return form;
    }
    let ends = shape[..2].iter().chain(size);
    form.slice(&ends.map(|&end| (0, end)).collect::<Vec<_>>())
}

/// The convolution whose adjoint a transposed one is.
fn reversed<const N: usize>(options: &ConvTransposeOptions<N>) -> ConvOptions<N> {
    ConvOptions::new(
        options.stride,
        options.padding,
        options.dilation,
        options.groups,
    )
}

impl Movement for ConvTransposeOptions<1> {
    fn apply(&self, x: AnyTensor, weight: AnyTensor) -> AnyTensor {
        x.conv_transpose1d(weight, self.clone())
    }

    fn adjoint(&self, form: AnyTensor, weight: AnyTensor, size: &[usize]) -> AnyTensor {
        cut(form.conv1d(weight, reversed(self)), size)
    }

    fn largest_weights(&self, weight: AnyTensor) -> AnyTensor {
        largest_transposed(weight, self.groups)
    }
}

impl Movement for ConvTransposeOptions<2> {
    fn apply(&self, x: AnyTensor, weight: AnyTensor) -> AnyTensor {
        x.conv_transpose2d(weight, self.clone())
    }

    fn adjoint(&self, form: AnyTensor, weight: AnyTensor, size: &[usize]) -> AnyTensor {
        cut(form.conv2d(weight, None, reversed(self)), size)
    }

    fn largest_weights(&self, weight: AnyTensor) -> AnyTensor {
        largest_transposed(weight, self.groups)
    }
}

impl Movement for ConvTransposeOptions<3> {
    fn apply(&self, x: AnyTensor, weight: AnyTensor) -> AnyTensor {
        x.conv_transpose3d(weight, self.clone())
    }

    fn adjoint(&self, form: AnyTensor, weight: AnyTensor, size: &[usize]) -> AnyTensor {
        cut(form.conv3d(weight, reversed(self)), size)
    }

    fn largest_weights(&self, weight: AnyTensor) -> AnyTensor {
        largest_transposed(weight, self.groups)
    }
}

impl Movement for ConvOptions<3> {
    fn apply(&self, x: AnyTensor, weight: AnyTensor) -> AnyTensor {
        x.conv3d(weight, self.clone())
    }

    fn adjoint(&self, form: AnyTensor, weight: AnyTensor, size: &[usize]) -> AnyTensor {
        let (out, kernel) = (form.shape(), weight.shape());
        let padding = self.padding.map(|(begin, _)| begin);
        // What a stride leaves uncovered at the end of the padded input.
        let uncovered = [0, 1, 2].map(|dim| {
            let reach = (out[2 + dim] - 1) * self.stride[dim];
            let covered = reach + self.dilation[dim] * (kernel[2 + dim] - 1) + 1;
            size[dim] + 2 * padding[dim] - covered
        });
        let options =
            ConvTransposeOptions::new(self.stride, padding, uncovered, self.dilation, self.groups);
        form.conv_transpose3d(weight, options)
    }

    fn largest_weights(&self, weight: AnyTensor) -> AnyTensor {
        weight.flatten_features().max_dim(1).swap_dims(0, 1)
    }
}
