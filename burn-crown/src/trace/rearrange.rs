//! Operators that put elements of their input elsewhere: run once on the elements' positions, they
//! say themselves what goes where.

use burn::backend::ir::{
    BaseOperationIr, InterpolateModeIr, ModuleOperationIr, NumericOperationIr, OperationIr,
    PadModeIr, TensorIr, Unfold4dOpIr,
};
use burn::tensor::TensorData;

use super::emit::{plain, unmixed};
use super::fold::Constants;
use super::lower::{Layout, Lowering};
use crate::ops::{Pad, Pick, Refusal};

/// The input and the output of an operator whose output elements are elements of the input.
pub(super) fn rearranged(operation: &OperationIr) -> Option<(&TensorIr, &TensorIr)> {
    match operation {
        OperationIr::BaseFloat(op) => match op {
            BaseOperationIr::Flip(op) => Some((&op.input, &op.out)),
            BaseOperationIr::RepeatDim(op) => Some((&op.tensor, &op.out)),
            BaseOperationIr::Gather(op) => Some((&op.tensor, &op.out)),
            BaseOperationIr::GatherNd(op) => Some((&op.data, &op.out)),
            BaseOperationIr::Select(op) => Some((&op.tensor, &op.out)),
            BaseOperationIr::Unfold(op) => Some((&op.input, &op.out)),
            _ => None,
        },
        OperationIr::NumericFloat(_, NumericOperationIr::Pad(op)) => {
            let constant = matches!(op.mode, PadModeIr::Constant(_));
            (!constant).then_some((&op.input, &op.out))
        }
        OperationIr::Module(ModuleOperationIr::Interpolate(op)) => {
            let nearest = matches!(
                op.options.mode,
                InterpolateModeIr::Nearest | InterpolateModeIr::NearestExact
            );
            nearest.then_some((&op.x, &op.out))
        }
        OperationIr::Module(ModuleOperationIr::Unfold4d(op)) => {
            (op.options.padding == [0, 0]).then_some((&op.x, &op.out))
        }
        OperationIr::Module(ModuleOperationIr::Embedding(op)) => Some((&op.weights, &op.out)),
        _ => None,
    }
}

/// Lowers an operator whose output elements are each an element of `input`; what else it reads is
/// constant.
pub(super) fn rearrange(
    graph: &mut Lowering,
    operation: &OperationIr,
    input: &TensorIr,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let value = unmixed(graph, input)?;
    let node = match value.layout {
        Layout::Shared => pick_shared(graph, value.node, operation, input, out)?,
        _ => pick(graph, value.node, operation, input, out)?,
    };
    graph.define(out, node, value.layout);
    Ok(())
}

/// Lowers an unfolding into patches: of a padded input, that of the input with zeros around it.
pub(super) fn unfold(graph: &mut Lowering, op: &Unfold4dOpIr) -> Result<(), Refusal> {
    let node = plain(graph, &op.x)?;
    let [rows, columns] = op.options.padding;
    let padding = vec![(0, 0), (0, 0), (rows, rows), (columns, columns)];
    let shape: Vec<usize> = graph
        .shape(node)
        .iter()
        .zip(&padding)
        .map(|(size, (before, after))| before + size + after)
        .collect();
    let pad = Pad {
        padding,
        value: 0.0,
    };
    let node = graph.apply(pad, vec![node], shape.clone())?;
    let mut unpadded = op.clone();
    unpadded.x.shape = shape.into();
    unpadded.options.padding = [0, 0];
    let input = unpadded.x.clone();
    let operation = OperationIr::Module(ModuleOperationIr::Unfold4d(unpadded));
    let node = pick(graph, node, &operation, &input, &op.out)?;
    graph.define(&op.out, node, Layout::Plain);
    Ok(())
}

/// A rearrangement of a node that was recorded as `input`.
pub(super) fn pick(
    graph: &mut Lowering,
    node: usize,
    operation: &OperationIr,
    input: &TensorIr,
    out: &TensorIr,
) -> Result<usize, Refusal> {
    let shape = graph.shape(node).to_vec();
    let out_shape = out.shape.to_vec();
    if graph.is_perturbed(node) {
        let sources = sources(graph, operation, input, out)?;
        let features = shape[1..].iter().product();
        let indices = of_each_image(&sources, graph.batch(), features)?;
        let pick = Pick::new(indices, out_shape.get(1..).unwrap_or_default().to_vec());
        return graph.apply(pick, vec![node], out_shape);
    }
    // A fixed value has no images: all of it is one.
    let whole = graph.reshape(node, [&[1], shape.as_slice()].concat())?;
    let picked = pick_shared(graph, whole, operation, input, out)?;
    graph.reshape(picked, out_shape)
}

/// A rearrangement of the copies of a value, `[B, ...]` for one that was recorded as `input`.
fn pick_shared(
    graph: &mut Lowering,
    copies: usize,
    operation: &OperationIr,
    input: &TensorIr,
    out: &TensorIr,
) -> Result<usize, Refusal> {
    let out_shape = out.shape.to_vec();
    let shape = [&graph.shape(copies)[..1], &out_shape].concat();
    let pick = Pick::new(sources(graph, operation, input, out)?, out_shape);
    graph.apply(pick, vec![copies], shape)
}

/// For each output element, the input element that it is.
fn sources(
    graph: &Lowering,
    operation: &OperationIr,
    input: &TensorIr,
    out: &TensorIr,
) -> Result<Vec<usize>, Refusal> {
    let count = input.shape.num_elements();
    // In `f64`, positions are exact.
    let positions: Vec<f64> = (0..count).map(|position| position as f64).collect();
    let positions = TensorData::new(positions, input.shape.to_vec());
    let others = operation.inputs().filter(|other| other.id != input.id);
    let others = others
        .map(|other| Some((&other.id, graph.recorded_constant(other.id)?)))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| Refusal::unsupported("the indices are not constant"))?;
    let leaves = others.into_iter().chain([(&input.id, &positions)]);
    let mut constants = Constants::new(leaves);
    if !constants.run(operation) {
        return Err(Refusal::unsupported("Burn cannot run it on this shape"));
    }
    constants
        .value(out)
        .iter::<f64>()
        .map(|source| {
            let position = source as usize;
            (position as f64 == source && position < count).then_some(position)
        })
        .collect::<Option<_>>()
        .ok_or_else(|| Refusal::unsupported("its result is not made of its input's elements"))
}

/// The positions within an image, if each image is made of its own elements, and all alike.
fn of_each_image(sources: &[usize], batch: usize, features: usize) -> Result<Vec<usize>, Refusal> {
    let width = sources.len() / batch.max(1);
    let first = &sources[..width];
    for (image, sources) in sources.chunks(width.max(1)).enumerate() {
        let offset = image * features;
        let own = |&source: &usize| (offset..offset + features).contains(&source);
        if !sources.iter().all(own) {
            return Err(Refusal::mixes_batch(
                "it takes elements of one image to another",
            ));
        }
        let alike = |(&source, &first): (&usize, &usize)| source - offset == first;
        if !sources.iter().zip(first).all(alike) {
            return Err(Refusal::unsupported(
                "it takes different elements of each image",
            ));
        }
    }
    Ok(first.to_vec())
}
