//! Products with a kernel that moves over the input.

use burn::backend::ir::{
    ModuleOperationIr, OperationIr, TensorIr, Unfold4dOpIr, Unfold4dOptionsIr,
};
use burn::tensor::ops::ConvOptions;

use super::emit::{combined, operands, plain};
use super::lower::{Layout, Lowering, Value};
use super::rearrange::pick;
use super::shared::reshaped;
use crate::ops::{Add, Bilinear, Kernel, Matmul, Movement, Pad, Refusal};

/// A convolution. One by a perturbed kernel is a matrix product with the patches of its input.
pub(super) fn convolve<const N: usize>(
    graph: &mut Lowering,
    options: ConvOptions<N>,
    [input, weight]: [&TensorIr; 2],
    bias: &Option<TensorIr>,
    out: &TensorIr,
) -> Result<(), Refusal>
where
    ConvOptions<N>: Movement,
{
    let kernel = graph.value(weight);
    if kernel.layout != Layout::Shared {
        return product(graph, options, [input, weight], bias, out);
    }
    let node = patches_by(graph, &options, input, kernel.node, out)?;
    let value = Value {
        node,
        layout: Layout::Plain,
    };
    with_bias(graph, value, bias, out)
}

/// A product with a fixed kernel that moves as `movement` says.
pub(super) fn product(
    graph: &mut Lowering,
    movement: impl Movement + 'static,
    input_and_weight: [&TensorIr; 2],
    bias: &Option<TensorIr>,
    out: &TensorIr,
) -> Result<(), Refusal> {
    if graph.value(input_and_weight[1]).layout == Layout::Shared {
        return Err(Refusal::unsupported(
            "its kernel is perturbed; only those of `Conv1d` and `Conv2d` can be",
        ));
    }
    let mut inputs = operands(graph, input_and_weight)?;
    let apart = bias
        .as_ref()
        .filter(|bias| graph.value(bias).layout == Layout::Shared);
    if let Some(bias) = bias.as_ref().filter(|_| apart.is_none()) {
        inputs.push(plain(graph, bias)?);
    }
    let value = Value {
        node: graph.apply(Kernel(movement), inputs, out.shape.to_vec())?,
        layout: Layout::Plain,
    };
    with_bias(graph, value, &apart.cloned(), out)
}

/// A value with a bias for each channel.
fn with_bias(
    graph: &mut Lowering,
    mut value: Value,
    bias: &Option<TensorIr>,
    out: &TensorIr,
) -> Result<(), Refusal> {
    if let Some(bias) = bias {
        let recorded = out.shape.to_vec();
        let bias = per_channel(graph, graph.value(bias), recorded.len())?;
        value = combined(graph, Add, [value, bias], &recorded)?;
    }
    graph.define(out, value.node, value.layout);
    Ok(())
}

/// Numbers for each channel, `[C]`, as a value of a rank, `[1, C, 1, ...]`.
pub(super) fn per_channel(
    graph: &mut Lowering,
    value: Value,
    rank: usize,
) -> Result<Value, Refusal> {
    let mut recorded = vec![1; rank];
    recorded[1] = graph.shape(value.node).last().copied().unwrap_or(1);
    reshaped(graph, value, &recorded)
}

/// `kernel · patches`: `[B, G, O / G, K]` by `[B, G, K, L]` for groups `G`, with the `K` elements of
/// a group's patch at each of `L` places.
///
/// A convolution over one dim runs as one over two, of which the first has size 1.
fn patches_by<const N: usize>(
    graph: &mut Lowering,
    options: &ConvOptions<N>,
    input: &TensorIr,
    kernel: usize,
    out: &TensorIr,
) -> Result<usize, Refusal> {
    let two_dims = |of: [usize; N]| [if N == 1 { 1 } else { of[0] }, of[N - 1]];
    let first_padding = if N == 1 { (0, 0) } else { options.padding[0] };
    let (batch, groups) = (graph.batch(), options.groups);
    let images = plain(graph, input)?;
    let mut shape = graph.shape(images).to_vec();
    let mut window = graph.shape(kernel).to_vec();
    if shape[0] != batch {
        return Err(Refusal::mixes_batch(
            "its kernel is perturbed, and its input has no images",
        ));
    }
    if N == 1 {
        shape.insert(2, 1);
        window.insert(3, 1);
    }
    let padding = vec![(0, 0), (0, 0), first_padding, options.padding[N - 1]];
    let images = graph.reshape(images, shape.clone())?;
    for (size, (before, after)) in shape.iter_mut().zip(&padding) {
        *size += before + after;
    }
    let pad = Pad {
        padding,
        value: 0.0,
    };
    let padded = graph.apply(pad, vec![images], shape.clone())?;
    let recorded = out.shape.to_vec();
    let places: usize = recorded[2..].iter().product();
    // Of one group, and of all.
    let part: usize = window[2..].iter().product();
    let patch = part * groups;
    let unfolded = |ir: &TensorIr, shape: Vec<usize>| TensorIr {
        shape: shape.into(),
        ..ir.clone()
    };
    let operation = Unfold4dOpIr {
        x: unfolded(input, shape),
        kernel_size: [window[3], window[4]],
        options: Unfold4dOptionsIr {
            stride: two_dims(options.stride),
            padding: [0, 0],
            dilation: two_dims(options.dilation),
        },
        out: unfolded(out, vec![batch, patch, places]),
    };
    let (x, made) = (operation.x.clone(), operation.out.clone());
    let operation = OperationIr::Module(ModuleOperationIr::Unfold4d(operation));
    let patches = pick(graph, padded, &operation, &x, &made)?;
    let channels = recorded[1] / groups;
    let patches = graph.reshape(patches, vec![batch, groups, part, places])?;
    let kernel = graph.reshape(kernel, vec![batch, groups, channels, part])?;
    let shape = vec![batch, groups, channels, places];
    let inputs = vec![kernel, patches];
    let product = if graph.is_perturbed(patches) {
        graph.apply(Bilinear, inputs, shape)?
    } else {
        graph.apply(Matmul, inputs, shape)?
    };
    graph.reshape(product, recorded)
}
