//! Operators that put elements of their input elsewhere, or add to some of them: run once on the
//! elements' positions, they say themselves what goes where.

use burn::backend::ir::{
    BaseOperationIr, GatherOpIr, InterpolateModeIr, ModuleOperationIr, NumericOperationIr,
    OperationIr, PadModeIr, ScatterOpIr, SelectAssignOpIr, SelectOpIr, TensorIr, Unfold4dOpIr,
};
use burn::backend::tensor::IndexingUpdateOp;
use burn::tensor::TensorData;

use super::emit::{apply, plain, unmixed};
use super::fold::Constants;
use super::lower::{Layout, Lowering};
use crate::ops::{Add, Pad, Pick, Place, Refusal};

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

/// Lowers an addition to the slices of a dim at constant indices.
pub(super) fn select_add(graph: &mut Lowering, op: &SelectAssignOpIr) -> Result<(), Refusal> {
    let taking = OperationIr::BaseFloat(BaseOperationIr::Select(SelectOpIr {
        tensor: op.tensor.clone(),
        dim: op.dim,
        indices: op.indices.clone(),
        out: taken(&op.out, &op.value),
    }));
    add_to_parts(graph, &op.update, &taking, [&op.tensor, &op.value], &op.out)
}

/// Lowers an addition to the elements at constant indices.
pub(super) fn scatter_add(graph: &mut Lowering, op: &ScatterOpIr) -> Result<(), Refusal> {
    let taking = OperationIr::BaseFloat(BaseOperationIr::Gather(GatherOpIr {
        tensor: op.tensor.clone(),
        dim: op.dim,
        indices: op.indices.clone(),
        out: taken(&op.out, &op.value),
    }));
    add_to_parts(graph, &op.update, &taking, [&op.tensor, &op.value], &op.out)
}

/// A value of its own, under the identity of a result that is not made yet, in the shape of others.
fn taken(out: &TensorIr, like: &TensorIr) -> TensorIr {
    TensorIr {
        shape: like.shape.clone(),
        ..out.clone()
    }
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
    let sources = sources(graph, operation, input, out)?;
    let pick = Pick::new(vec![sources], out_shape);
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

/// The positions within each image, if it is made of its own elements; one list where all images
/// are alike.
fn of_each_image(
    sources: &[usize],
    batch: usize,
    features: usize,
) -> Result<Vec<Vec<usize>>, Refusal> {
    let width = sources.len() / batch.max(1);
    let mut images = Vec::with_capacity(batch);
    for (image, sources) in sources.chunks(width.max(1)).enumerate() {
        let offset = image * features;
        let own = |&source: &usize| (offset..offset + features).contains(&source);
        if !sources.iter().all(own) {
            return Err(Refusal::mixes_batch(
                "it takes elements of one image to another",
            ));
        }
        images.push(sources.iter().map(|source| source - offset).collect());
    }
    if images.windows(2).all(|pair| pair[0] == pair[1]) {
        images.truncate(1);
    }
    Ok(images)
}

/// Lowers an update of parts of a tensor, those that `taking`, on the tensor, takes: an addition of
/// `value`.
fn add_to_parts(
    graph: &mut Lowering,
    update: &IndexingUpdateOp,
    taking: &OperationIr,
    [tensor, value]: [&TensorIr; 2],
    out: &TensorIr,
) -> Result<(), Refusal> {
    if !matches!(update, IndexingUpdateOp::Add) {
        return Err(Refusal::Unsupported(format!(
            "it updates elements by {update:?}; additions alone can be bounded"
        )));
    }
    let inputs = [plain(graph, tensor)?, plain(graph, value)?];
    let targets = taking.outputs().next().expect("it takes parts");
    let sources = sources(graph, taking, tensor, targets)?;
    let (shape, added) = (tensor.shape.to_vec(), value.shape.to_vec());
    if !inputs.iter().any(|&input| graph.is_perturbed(input)) {
        // Fixed values have no images: all of each is one.
        let one = |shape: &[usize]| [&[1], shape].concat();
        let whole = graph.reshape(inputs[0], one(&shape))?;
        let parts = graph.reshape(inputs[1], one(&added))?;
        let place = Place::new(vec![sources], added, shape.clone());
        let placed = graph.apply(place, vec![parts], one(&shape))?;
        let sum = graph.apply(Add, vec![whole, placed], one(&shape))?;
        let sum = graph.reshape(sum, shape)?;
        graph.define(out, sum, Layout::Plain);
        return Ok(());
    }
    let features = shape[1..].iter().product();
    let indices = of_each_image(&sources, graph.batch(), features)?;
    let place = Place::new(indices, added[1..].to_vec(), shape[1..].to_vec());
    let placed = graph.apply(place, vec![inputs[1]], shape)?;
    apply(graph, Add, vec![inputs[0], placed], out)
}
