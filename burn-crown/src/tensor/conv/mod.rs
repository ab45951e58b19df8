//! Convolutions, whatever the number of dims.
//!
//! Bounds take many rows through small kernels, forward and back, and want the gradients of it. For
//! that the backends whose tensors lie in the machine's memory have loops of their own: a backend
//! extension whose vectors hold several rows side by side ([`loops`]). Elsewhere, and for a few rows,
//! it is Burn's operations. Both are tested against each other.

#[cfg(any(feature = "flex", feature = "tch"))]
mod box_extension;
#[cfg(any(feature = "flex", feature = "tch"))]
mod box_loops;
#[cfg(test)]
mod box_tests;
#[cfg(any(feature = "flex", feature = "tch"))]
mod by_channels;
#[cfg(any(feature = "flex", feature = "tch"))]
mod by_rows;
#[cfg(any(feature = "flex", feature = "tch"))]
mod extension;
#[cfg(any(feature = "flex", feature = "tch"))]
mod geometry;
#[cfg(any(feature = "flex", feature = "tch"))]
mod lanes;
#[cfg(any(feature = "flex", feature = "tch"))]
mod loops;
#[cfg(any(feature = "flex", feature = "tch"))]
mod panels;
#[cfg(any(feature = "flex", feature = "tch"))]
mod product;
#[cfg(test)]
mod test_moves;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "flex", feature = "tch"))]
mod turn;
#[cfg(any(feature = "flex", feature = "tch"))]
mod weights;

use burn::backend::Dispatch;
use burn::backend::ops::{ConvOptions, ConvTransposeOptions, ModuleOps};

use super::{AnyTensor, Boxes};

/// Images of `N` dims.
pub(crate) struct Dims<const N: usize>;

/// Convolutions over `N` dims.
pub(crate) trait Convolve<const N: usize> {
    /// `[B, C, ...]` with weights `[O, C / groups, ...]`.
    fn conv(
        x: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
        options: ConvOptions<N>,
    ) -> AnyTensor {
        #[cfg(any(feature = "flex", feature = "tch"))]
        if many_rows(&x, &weight, bias.as_ref()) {
            let geometry = geometry::Geometry::of_conv(&x.shape(), &weight.shape(), &options);
            return extension::convolution(x, weight, bias, geometry);
        }
        Self::composed(x, weight, bias, options)
    }

    /// `[B, C, ...]` with weights `[C, O / groups, ...]`.
    fn conv_transpose(
        x: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
        options: ConvTransposeOptions<N>,
    ) -> AnyTensor {
        #[cfg(any(feature = "flex", feature = "tch"))]
        if many_rows(&x, &weight, bias.as_ref()) {
            let geometry = geometry::Geometry::of_transposed(&x.shape(), &weight.shape(), &options);
            return extension::convolution(x, weight, bias, geometry);
        }
        Self::composed_transpose(x, weight, bias, options)
    }

    /// The ends of the smallest boxes around what [`conv`](Self::conv) makes of all points of boxes.
    fn conv_of_boxes(
        boxes: Boxes,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
        options: ConvOptions<N>,
    ) -> [AnyTensor; 2] {
        #[cfg(any(feature = "flex", feature = "tch"))]
        if many_rows(&boxes.lower, &weight, bias.as_ref()) {
            let shape = boxes.lower.shape();
            let geometry = geometry::Geometry::of_conv(&shape, &weight.shape(), &options);
            return box_extension::box_convolution(boxes, weight, bias, geometry);
        }
        around_boxes(boxes.ends(), weight, bias, |x, weight, bias| {
            Self::composed(x, weight, bias, options.clone())
        })
    }

    /// The same for [`conv_transpose`](Self::conv_transpose).
    fn conv_transpose_of_boxes(
        boxes: Boxes,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
        options: ConvTransposeOptions<N>,
    ) -> [AnyTensor; 2] {
        #[cfg(any(feature = "flex", feature = "tch"))]
        if many_rows(&boxes.lower, &weight, bias.as_ref()) {
            let shape = boxes.lower.shape();
            let geometry = geometry::Geometry::of_transposed(&shape, &weight.shape(), &options);
            return box_extension::box_convolution(boxes, weight, bias, geometry);
        }
        around_boxes(boxes.ends(), weight, bias, |x, weight, bias| {
            Self::composed_transpose(x, weight, bias, options.clone())
        })
    }

    /// The adjoint of [`conv`](Self::conv) without bias: from forms `[B, O, ...]` on its output to
    /// those on an input whose dims after the channels have `size`; and, if there are weights of
    /// channels `[O]`, for each form the sum `[B]` of its elements, each times that of its channel.
    fn conv_adjoint(
        form: AnyTensor,
        weight: AnyTensor,
        channels: Option<AnyTensor>,
        options: ConvOptions<N>,
        size: &[usize],
    ) -> (AnyTensor, Option<AnyTensor>) {
        #[cfg(any(feature = "flex", feature = "tch"))]
        if many_rows(&form, &weight, channels.as_ref()) {
            let input = [&[form.shape()[0], weight.shape()[1] * options.groups], size].concat();
            let geometry = geometry::Geometry::of_conv(&input, &weight.shape(), &options);
            return extension::convolution_with_sums(form, weight, channels, geometry.adjoint());
        }
        let sums = channels.map(|channels| sums_of_rows(form.clone(), channels));
        (Self::composed_adjoint(form, weight, options, size), sums)
    }

    /// The same for [`conv_transpose`](Self::conv_transpose).
    fn conv_transpose_adjoint(
        form: AnyTensor,
        weight: AnyTensor,
        channels: Option<AnyTensor>,
        options: ConvTransposeOptions<N>,
        size: &[usize],
    ) -> (AnyTensor, Option<AnyTensor>) {
        #[cfg(any(feature = "flex", feature = "tch"))]
        if many_rows(&form, &weight, channels.as_ref()) {
            let input = [&[form.shape()[0], weight.shape()[0]], size].concat();
            let geometry = geometry::Geometry::of_transposed(&input, &weight.shape(), &options);
            return extension::convolution_with_sums(form, weight, channels, geometry.adjoint());
        }
        let sums = channels.map(|channels| sums_of_rows(form.clone(), channels));
        (
            Self::composed_transpose_adjoint(form, weight, options, size),
            sums,
        )
    }

    /// [`conv`](Self::conv) by Burn's operation.
    fn composed(
        x: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
        options: ConvOptions<N>,
    ) -> AnyTensor;

    /// [`conv_transpose`](Self::conv_transpose) by Burn's operation.
    fn composed_transpose(
        x: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
        options: ConvTransposeOptions<N>,
    ) -> AnyTensor;

    /// The adjoint of [`composed`](Self::composed).
    fn composed_adjoint(
        form: AnyTensor,
        weight: AnyTensor,
        options: ConvOptions<N>,
        size: &[usize],
    ) -> AnyTensor {
        let (out, kernel) = (form.shape(), weight.shape());
        // What the kernel covers of the padded input; a stride may leave some of its end uncovered.
        let covered: [usize; N] = std::array::from_fn(|dim| {
            let reach = (out[2 + dim] - 1) * options.stride[dim];
            reach + options.dilation[dim] * (kernel[2 + dim] - 1) + 1
        });
        let transpose = |padding, uncovered| {
            let ConvOptions {
                stride,
                dilation,
                groups,
                ..
            } = options.clone();
            let options = ConvTransposeOptions::new(stride, padding, uncovered, dilation, groups);
            Self::composed_transpose(form, weight, None, options)
        };
        let begin = options.padding.map(|(begin, _)| begin);
        if options.padding.iter().all(|(begin, end)| begin == end) {
            let uncovered = |dim| size[dim] + 2 * begin[dim] - covered[dim];
            return transpose(begin, std::array::from_fn(uncovered));
        }
        let padded = transpose([0; N], [0; N]);
        let missing = (0..N).map(|dim| (0, (begin[dim] + size[dim]).saturating_sub(covered[dim])));
        let rows = [(0, 0), (0, 0)];
        let full = padded.pad(&rows.into_iter().chain(missing).collect::<Vec<_>>(), 0.0);
        let shape = full.shape();
        let inner = (0..N).map(|dim| (begin[dim], begin[dim] + size[dim]));
        let rows = [(0, shape[0]), (0, shape[1])];
        full.slice(&rows.into_iter().chain(inner).collect::<Vec<_>>())
    }

    /// The adjoint of [`composed_transpose`](Self::composed_transpose).
    fn composed_transpose_adjoint(
        form: AnyTensor,
        weight: AnyTensor,
        options: ConvTransposeOptions<N>,
        size: &[usize],
    ) -> AnyTensor {
        let options = ConvOptions::new(
            options.stride,
            options.padding,
            options.dilation,
            options.groups,
        );
        let adjoint = Self::composed(form, weight, None, options);
        let shape = adjoint.shape();
        if shape[2..] == *size {
            return adjoint;
        }
        // With an output padding of a stride or more, the convolution has places at the end that no
        // input element is behind.
        let ends = shape[..2].iter().chain(size);
        adjoint.slice(&ends.map(|&end| (0, end)).collect::<Vec<_>>())
    }
}

/// The ends of boxes under an operator, by centre and radius.
fn around_boxes(
    [lower, upper]: [AnyTensor; 2],
    weight: AnyTensor,
    bias: Option<AnyTensor>,
    apply: impl Fn(AnyTensor, AnyTensor, Option<AnyTensor>) -> AnyTensor,
) -> [AnyTensor; 2] {
    let center = lower.clone().add(upper.clone()).mul_scalar(0.5);
    let radius = upper.sub(lower).mul_scalar(0.5);
    let center = apply(center, weight.clone(), bias);
    let radius = apply(radius, weight.abs(), None);
    [center.clone().sub(radius.clone()), center.add(radius)]
}

/// The sums `[B]` of `[B, C, ...]` with weights of the channels, `[C]`.
fn sums_of_rows(x: AnyTensor, channels: AnyTensor) -> AnyTensor {
    let shape = x.shape();
    let mut to = vec![1; shape.len()];
    to[..2].copy_from_slice(&shape[..2]);
    x.sum_to(&to)
        .reshape(&shape[..2])
        .matmul(channels.reshape(&[shape[1], 1]))
        .reshape(&shape[..1])
}

/// Fewer rows leave most of a vector empty.
#[cfg(any(feature = "flex", feature = "tch"))]
const FEW_ROWS: usize = 8;

#[cfg(any(feature = "flex", feature = "tch"))]
fn many_rows(x: &AnyTensor, weight: &AnyTensor, bias: Option<&AnyTensor>) -> bool {
    let tensors: Vec<&AnyTensor> = [x, weight].into_iter().chain(bias).collect();
    let weights: usize = weight.shape().iter().product();
    x.shape()[0] >= FEW_ROWS && weights > 0 && super::native::has_loops(&tensors)
}

impl Convolve<1> for Dims<1> {
    /// Over images of height 1: Burn's gradient of the weights of a convolution of sequences is
    /// wrong where there are groups and the last places meet no tap.
    fn composed(
        x: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
        options: ConvOptions<1>,
    ) -> AnyTensor {
        let image = |sequence: AnyTensor| {
            let shape = sequence.shape();
            sequence.reshape(&[shape[0], shape[1], 1, shape[2]])
        };
        let options = ConvOptions {
            stride: [1, options.stride[0]],
            padding: [(0, 0), options.padding[0]],
            dilation: [1, options.dilation[0]],
            groups: options.groups,
        };
        let out = Dims::<2>::composed(image(x), image(weight), bias, options);
        let shape = out.shape();
        out.reshape(&[shape[0], shape[1], shape[3]])
    }

    fn composed_transpose(
        x: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
        options: ConvTransposeOptions<1>,
    ) -> AnyTensor {
        let bias = bias.map(|bias| bias.0);
        AnyTensor(Dispatch::conv_transpose1d(x.0, weight.0, bias, options))
    }
}

macro_rules! convolve {
    ($($dims:literal: $conv:ident, $conv_transpose:ident;)*) => {$(
        impl Convolve<$dims> for Dims<$dims> {
            fn composed(
                x: AnyTensor,
                weight: AnyTensor,
                bias: Option<AnyTensor>,
                options: ConvOptions<$dims>,
            ) -> AnyTensor {
                let bias = bias.map(|bias| bias.0);
                AnyTensor(Dispatch::$conv(x.0, weight.0, bias, options))
            }

            fn composed_transpose(
                x: AnyTensor,
                weight: AnyTensor,
                bias: Option<AnyTensor>,
                options: ConvTransposeOptions<$dims>,
            ) -> AnyTensor {
                let bias = bias.map(|bias| bias.0);
                AnyTensor(Dispatch::$conv_transpose(x.0, weight.0, bias, options))
            }
        }
    )*};
}

convolve! {
    2: conv2d, conv_transpose2d;
    3: conv3d, conv_transpose3d;
}
