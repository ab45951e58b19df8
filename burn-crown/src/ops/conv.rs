//! How the kernels of convolutions and of transposed convolutions move, in one to three dims.

use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::kernel::{Movement, largest_of_channels};
use super::{Interval, Window};
use crate::tensor::{AnyTensor, Convolve, Dims};

/// The weights are `[O, C / groups, ...]`.
impl<const N: usize> Movement for ConvOptions<N>
where
    Dims<N>: Convolve<N>,
{
    fn apply(&self, x: AnyTensor, weight: AnyTensor, bias: Option<AnyTensor>) -> AnyTensor {
        Dims::conv(x, weight, bias, self.clone())
    }

    fn apply_to_box(&self, x: Interval, weight: AnyTensor, bias: Option<AnyTensor>) -> Interval {
        let ends = [x.lower, x.upper];
        let [lower, upper] = Dims::conv_of_boxes(ends, weight, bias, self.clone());
        Interval { lower, upper }
    }

    fn adjoint(
        &self,
        form: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
        size: &[usize],
    ) -> (AnyTensor, Option<AnyTensor>) {
        let (out, kernel) = (form.shape(), weight.shape());
        // What the kernel covers of the padded input; a stride may leave some of its end uncovered.
        let covered: [usize; N] = std::array::from_fn(|dim| {
            let reach = (out[2 + dim] - 1) * self.stride[dim];
            reach + self.dilation[dim] * (kernel[2 + dim] - 1) + 1
        });
        let transpose = |padding: [usize; N], uncovered: [usize; N]| {
            let options = ConvTransposeOptions::new(
                self.stride,
                padding,
                uncovered,
                self.dilation,
                self.groups,
            );
            let (form, weight) = (form.clone(), weight.clone());
            match bias.clone() {
                None => (Dims::conv_transpose(form, weight, None, options), None),
                Some(bias) => {
                    let [form, sums] = Dims::conv_transpose_with_sums(form, weight, bias, options);
                    (form, Some(sums))
                }
            }
        };
        let begin = self.padding.map(|(begin, _)| begin);
        if self.padding.iter().all(|(begin, end)| begin == end) {
            let uncovered = |dim| size[dim] + 2 * begin[dim] - covered[dim];
            return transpose(begin, std::array::from_fn(uncovered));
        }
        let (padded, bias) = transpose([0; N], [0; N]);
        let missing = (0..N).map(|dim| (0, (begin[dim] + size[dim]).saturating_sub(covered[dim])));
        let full = padded.pad(
            &[(0, 0), (0, 0)]
                .into_iter()
                .chain(missing)
                .collect::<Vec<_>>(),
            0.0,
        );
        let shape = full.shape();
        let inner = (0..N).map(|dim| (begin[dim], begin[dim] + size[dim]));
        let rows = [(0, shape[0]), (0, shape[1])];
        let form = full.slice(&rows.into_iter().chain(inner).collect::<Vec<_>>());
        (form, bias)
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

    fn apply_to_box(&self, x: Interval, weight: AnyTensor, bias: Option<AnyTensor>) -> Interval {
        let ends = [x.lower, x.upper];
        let [lower, upper] = Dims::conv_transpose_of_boxes(ends, weight, bias, self.clone());
        Interval { lower, upper }
    }

    fn adjoint(
        &self,
        form: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
        size: &[usize],
    ) -> (AnyTensor, Option<AnyTensor>) {
        let options = ConvOptions::new(self.stride, self.padding, self.dilation, self.groups);
        let (adjoint, bias) = match bias {
            None => (Dims::conv(form, weight, None, options), None),
            Some(bias) => {
                let [form, sums] = Dims::conv_with_sums(form, weight, bias, options);
                (form, Some(sums))
            }
        };
        let shape = adjoint.shape();
        if shape[2..] == *size {
            return (adjoint, bias);
        }
        // With an output padding of a stride or more, the convolution has places at the end that no
        // input element is behind.
        let ends = shape[..2].iter().chain(size);
        let form = adjoint.slice(&ends.map(|&end| (0, end)).collect::<Vec<_>>());
        (form, bias)
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
