//! Convolutions by a fixed kernel, in one and two dims.

use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::matmul::norm_right;
use super::region::power_norm;
use super::{Contribution, Interval, Operand, Operator, Refusal, Region, Step, perturbed};
use crate::tensor::AnyTensor;

/// A convolution, operands `x [B, C, H, W]`, `weight [O, C / groups, kH, kW]` and, if there is one,
/// `bias [O]`. A one-dimensional one has no height and runs as one of height 1.
#[derive(Clone, Debug)]
pub(crate) struct Conv {
    pub(crate) geometry: Geometry,
    pub(crate) one_dimensional: bool,
}

/// How the kernel moves over the input.
#[derive(Clone, Debug)]
pub(crate) struct Geometry {
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [(usize, usize); 2],
    pub(crate) dilation: [usize; 2],
    pub(crate) groups: usize,
}

impl Geometry {
    /// The convolution, over `[B, C, H, W]`.
    pub(super) fn apply(
        &self,
        x: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
    ) -> AnyTensor {
        let options =
            ConvOptions::new_with_padding(self.stride, self.padding, self.dilation, self.groups);
        x.conv2d(weight, bias, options)
    }

    /// The adjoint: a form on the output `[R, O, H', W']` to one on an input of `size`.
    pub(super) fn adjoint(
        &self,
        form: AnyTensor,
        weight: AnyTensor,
        size: [usize; 2],
    ) -> AnyTensor {
        let (form_shape, kernel) = (form.shape(), weight.shape());
        // What the kernel covers of the padded input; a stride may leave some rows at its end
        // uncovered.
        let covered = [0, 1].map(|dim| {
            (form_shape[2 + dim] - 1) * self.stride[dim]
                + self.dilation[dim] * (kernel[2 + dim] - 1)
                + 1
        });
        let symmetric = self.padding.iter().all(|(begin, end)| begin == end);
        let options = |padding: [usize; 2], padding_out: [usize; 2]| {
            ConvTransposeOptions::new(
                self.stride,
                padding,
                padding_out,
                self.dilation,
                self.groups,
            )
        };
        if symmetric {
            let padding = self.padding.map(|(begin, _)| begin);
            let uncovered = [0, 1].map(|dim| size[dim] + 2 * padding[dim] - covered[dim]);
            return form.conv_transpose2d(weight, options(padding, uncovered));
        }
        let padded = form.conv_transpose2d(weight, options([0, 0], [0, 0]));
        let missing =
            [0, 1].map(|dim| (self.padding[dim].0 + size[dim]).saturating_sub(covered[dim]));
        let full = padded.pad(&[(0, 0), (0, 0), (0, missing[0]), (0, missing[1])], 0.0);
        let shape = full.shape();
        let [top, left] = self.padding.map(|(begin, _)| begin);
        full.slice(&[
            (0, shape[0]),
            (0, shape[1]),
            (top, top + size[0]),
            (left, left + size[1]),
        ])
    }
}

impl Conv {
    /// `[B, C, L]` to `[B, C, 1, L]` for a one-dimensional convolution.
    fn raise(&self, x: AnyTensor) -> AnyTensor {
        if !self.one_dimensional {
            return x;
        }
        let shape = x.shape();
        x.reshape(&[shape[0], shape[1], 1, shape[2]])
    }

    /// The reverse of [`raise`](Self::raise).
    fn lower(&self, x: AnyTensor) -> AnyTensor {
        if !self.one_dimensional {
            return x;
        }
        let shape = x.shape();
        x.reshape(&[shape[0], shape[1], shape[3]])
    }

    fn raise_shape(&self, shape: &[usize]) -> Vec<usize> {
        if self.one_dimensional {
            vec![shape[0], shape[1], 1, shape[2]]
        } else {
            shape.to_vec()
        }
    }

    fn apply(&self, x: AnyTensor, weight: AnyTensor, bias: Option<AnyTensor>) -> AnyTensor {
        self.lower(self.geometry.apply(self.raise(x), self.raise(weight), bias))
    }

    fn dual_norm(&self, radius: AnyTensor, weight: AnyTensor, q: f64) -> AnyTensor {
        if q.is_finite() {
            return power_norm(weight, radius, q, |weight, radius| {
                self.apply(radius, weight, None)
            });
        }
        // The largest weight a channel times the largest radius in it: exact for a radius that is
        // constant in a channel, as it is at the input.
        let out_shape = self.apply(radius.clone(), weight.clone(), None).shape();
        let largest = |x: AnyTensor| {
            let shape = x.shape();
            let rest = shape[2..].iter().product();
            x.reshape(&[shape[0], shape[1], rest])
                .max_dim(2)
                .reshape(&[shape[0], shape[1]])
        };
        let (radius, weight) = (largest(radius), largest(weight.abs()));
        let norm = if self.geometry.groups == 1 {
            norm_right(radius, weight.swap_dims(0, 1), q)
        } else {
            radius.max_dim(1).mul(weight.max_dim(1).swap_dims(0, 1))
        };
        let mut shape = vec![1; out_shape.len()];
        shape[..2].copy_from_slice(&out_shape[..2]);
        norm.reshape(&shape).expand(&out_shape)
    }
}

impl Operator for Conv {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        operands[1..]
            .iter()
            .any(|operand| operand.perturbed)
            .then(|| Refusal::unsupported("its kernel or bias depends on the perturbed input"))
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        self.apply(inputs[0].clone(), inputs[1].clone(), inputs.get(2).cloned())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let weight = inputs[1].fixed();
        let bias = inputs.get(2).map(Region::fixed);
        inputs[0].affine(
            |x| self.apply(x, weight.clone(), bias.clone()),
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
        let bias = (step.shapes.len() > 2).then(|| {
            let bias = step.fixed(2);
            let mut shape = vec![1; form.rank()];
            shape[1] = bias.shape()[0];
            step.dot(form.clone(), bias.reshape(&shape))
        });
        let weight = self.raise(step.fixed(1));
        let shape = self.raise_shape(step.shapes[0]);
        let form = self
            .geometry
            .adjoint(self.raise(form), weight, [shape[2], shape[3]]);
        forms[0] = Some(self.lower(form));
        Contribution { forms, bias }
    }
}
