//! How the kernels of convolutions and of transposed convolutions move, in one to three dims.

use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::kernel::{Movement, largest_of_channels};
use super::{Interval, Window};
use crate::tensor::{AnyTensor, Boxes, Convolve, Dims};

/// The weights are `[O, C / groups, ...]`.
impl<const N: usize> Movement for ConvOptions<N>
where
    Dims<N>: Convolve<N>,
{
    fn apply(&self, x: AnyTensor, weight: AnyTensor, bias: Option<AnyTensor>) -> AnyTensor {
        Dims::conv(x, weight, bias, self.clone())
    }

    fn apply_to_boxes(&self, x: Boxes, weight: AnyTensor, bias: Option<AnyTensor>) -> Interval {
        let [lower, upper] = Dims::conv_of_boxes(x, weight, bias, self.clone());
        Interval { lower, upper }
    }

    fn adjoint(
        &self,
        form: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
        size: &[usize],
    ) -> (AnyTensor, Option<AnyTensor>) {
        Dims::conv_adjoint(form, weight, bias, self.clone(), size)
    }

    fn window(&self, window: &Window, input: &[usize], kernel: &[usize]) -> Option<(Self, Window)> {
        let mut read = Window::whole(input);
        let mut padding = self.padding;
        for dim in 0..N {
            // Places in the padded input.
            let (start, end) = window.range(2 + dim);
            let (before, size) = (self.padding[dim].0, input[2 + dim]);
            let first = start * self.stride[dim];
            let reach = self.dilation[dim] * (kernel[2 + dim] - 1) + 1;
            let last = (end - 1) * self.stride[dim] + reach;
            let inside = first.max(before)..last.min(before + size);
            if inside.is_empty() {
                return None;
            }
            padding[dim] = (inside.start - first, last - inside.end);
            read = read.with(2 + dim, (inside.start - before, inside.end - before));
        }
        let movement =
            ConvOptions::new_with_padding(self.stride, padding, self.dilation, self.groups);
        Some((movement, read))
    }

    fn largest_weights(&self, weight: AnyTensor) -> AnyTensor {
        largest_of_channels(weight).swap_dims(0, 1)
    }
}

/// The weights are `[C, O / groups, ...]`.
impl<const N: usize> Movement for ConvTransposeOptions<N>
where
    Dims<N>: Convolve<N>,
{
    fn apply(&self, x: AnyTensor, weight: AnyTensor, bias: Option<AnyTensor>) -> AnyTensor {
        Dims::conv_transpose(x, weight, bias, self.clone())
    }

    fn apply_to_boxes(&self, x: Boxes, weight: AnyTensor, bias: Option<AnyTensor>) -> Interval {
        let [lower, upper] = Dims::conv_transpose_of_boxes(x, weight, bias, self.clone());
        Interval { lower, upper }
    }

    fn adjoint(
        &self,
        form: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
        size: &[usize],
    ) -> (AnyTensor, Option<AnyTensor>) {
        Dims::conv_transpose_adjoint(form, weight, bias, self.clone(), size)
    }

    fn largest_weights(&self, weight: AnyTensor) -> AnyTensor {
        let largest = largest_of_channels(weight);
        let [channels, width] = [0, 1].map(|dim| largest.shape()[dim]);
        let own = channels / self.groups;
        largest
            .reshape(&[self.groups, own, width])
            .swap_dims(0, 1)
            .reshape(&[own, self.groups * width])
    }
}
