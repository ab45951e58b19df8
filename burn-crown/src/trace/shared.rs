//! Values that all images share, such as perturbed parameters.
//!
//! A method wants the batch in front of every perturbed node, so each image has a copy of such a
//! value, see [`Layout::Shared`]. An operator on shared values works on the copies, with its dims
//! one further back; where one meets a value with images, both are brought to one layout.
//!
//! The bounds of an image see its own copies alone, so they hold for every value of the parameters
//! that all images can share.

use burn::backend::ir::TensorIr;
use burn::tensor::TensorData;

use super::emit::plain_node;
use super::lower::{Layout, Lowering, Value};
use crate::ops::{Bilinear, Expand, Matmul, Mul, Reduce, Refusal};

impl Layout {
    /// How many dims a node has in front of those that were recorded.
    pub(super) fn shift(self) -> usize {
        usize::from(self == Self::Shared)
    }
}

/// The shape of the node for a recorded shape.
pub(super) fn node_shape(graph: &Lowering, layout: Layout, recorded: &[usize]) -> Vec<usize> {
    let batch = graph.batch();
    match (layout, recorded.split_first()) {
        (Layout::Shared, _) => [&[batch], recorded].concat(),
        (Layout::Merged, Some((rows, rest))) => [&[batch, rows / batch], rest].concat(),
        (Layout::Swapped, Some((first, [second, rest @ ..]))) => {
            [&[*second, *first], rest].concat()
        }
        _ => recorded.to_vec(),
    }
}

/// The layout in which values meet, element by element: that of the perturbed ones with images;
/// without such, that of fixed ones with images where others are shared.
pub(super) fn meeting(graph: &Lowering, values: &[Value]) -> Layout {
    let is_shared = |value: &&Value| value.layout == Layout::Shared;
    let mut layouts = values.iter().map(|value| value.layout);
    if layouts.any(|layout| layout == Layout::Merged) {
        return Layout::Merged;
    }
    let mut with_images = values.iter().filter(|value| !is_shared(value));
    if let Some(value) = with_images.find(|value| graph.is_perturbed(value.node)) {
        return value.layout;
    }
    if !values.iter().any(|value| is_shared(&value)) {
        return Layout::Plain;
    }
    let layouts: Vec<Layout> = values
        .iter()
        .filter(|value| !is_shared(value))
        .map(|value| layout_of_fixed(graph, value.node))
        .collect();
    let first = |wanted: Layout| layouts.iter().copied().find(|layout| *layout == wanted);
    first(Layout::Merged)
        .or_else(|| first(Layout::Plain))
        .unwrap_or(Layout::Shared)
}

/// The layout that a fixed node can have beside shared values: with images if it depends on them and
/// they are in its first dim.
fn layout_of_fixed(graph: &Lowering, node: usize) -> Layout {
    let (batch, first) = (graph.batch(), graph.shape(node).first().copied());
    match first {
        Some(rows) if rows == batch && graph.depends_on_images(node) => Layout::Plain,
        Some(rows) if rows % batch == 0 && rows > 0 && graph.depends_on_images(node) => {
            Layout::Merged
        }
        _ => Layout::Shared,
    }
}

/// A value as a node of another layout, to be combined element by element.
pub(super) fn aligned(
    graph: &mut Lowering,
    value: Value,
    layout: Layout,
) -> Result<usize, Refusal> {
    let Value { node, layout: own } = value;
    let (batch, shape) = (graph.batch(), graph.shape(node).to_vec());
    let fixed = own == Layout::Plain && !graph.is_perturbed(node);
    match layout {
        Layout::Plain if own == Layout::Shared => with_images(graph, node),
        Layout::Plain => plain_node(graph, value),
        Layout::Merged if own == Layout::Merged => Ok(node),
        Layout::Merged if own == Layout::Shared && shape.get(1) == Some(&1) => Ok(node),
        Layout::Merged if own == Layout::Shared && shape.get(1).is_some_and(|n| n % batch == 0) => {
            let split = [&[batch, batch, shape[1] / batch], &shape[2..]].concat();
            let node = graph.reshape(node, split)?;
            with_images(graph, node)
        }
        Layout::Merged if fixed && shape.first() == Some(&1) => {
            graph.reshape(node, [&[1], shape.as_slice()].concat())
        }
        Layout::Merged if fixed && shape.first().is_some_and(|rows| rows % batch == 0) => {
            graph.reshape(node, node_shape(graph, layout, &shape))
        }
        Layout::Swapped if own == Layout::Swapped => Ok(node),
        Layout::Swapped if fixed && shape.starts_with(&[1, 1]) => Ok(node),
        Layout::Swapped if own == Layout::Shared && shape[1..].starts_with(&[1, 1]) => {
            graph.reshape(node, [&[batch], &shape[2..]].concat())
        }
        Layout::Shared if own == Layout::Shared => Ok(node),
        Layout::Shared if fixed => graph.reshape(node, [&[1], shape.as_slice()].concat()),
        _ => Err(Refusal::mixes_batch(
            "its operands merge the batch with different dims",
        )),
    }
}

/// The node of a shared value, `[B, 1, ...]` or `[B, B, ...]`, as one with images, `[B, ...]`.
///
/// Of a value with a row for each image, an image takes its own row of its own copy.
pub(super) fn with_images(graph: &mut Lowering, node: usize) -> Result<usize, Refusal> {
    let (batch, shape) = (graph.batch(), graph.shape(node).to_vec());
    let rest = shape.get(2..).unwrap_or_default();
    let own = [&[batch], rest].concat();
    match shape.get(1) {
        Some(1) => graph.reshape(node, own),
        Some(&rows) if rows == batch => {
            let unit = |at: usize| f64::from(u8::from(at / batch == at % batch));
            let diagonal: Vec<f64> = (0..batch * batch).map(unit).collect();
            let diagonal_shape = [vec![batch, batch], vec![1; rest.len()]].concat();
            let diagonal = graph.add_constant(TensorData::new(diagonal, diagonal_shape));
            let node = graph.apply(Mul, vec![node, diagonal], shape.clone())?;
            let sum = Reduce {
                dims: vec![1],
                factor: 1.0,
            };
            let node = graph.apply(sum, vec![node], [&[batch, 1], rest].concat())?;
            graph.reshape(node, own)
        }
        _ => Err(unknown()),
    }
}

/// An operator that works on images alone.
pub(super) fn unknown() -> Refusal {
    Refusal::unsupported(
        "it works on a perturbed parameter, for which it has no relaxation; leave the parameter \
         fixed",
    )
}

/// A parameter under another recorded shape, shared or fixed.
pub(super) fn reshaped(
    graph: &mut Lowering,
    Value { node, layout }: Value,
    recorded: &[usize],
) -> Result<Value, Refusal> {
    if layout != Layout::Shared && graph.is_perturbed(node) {
        return Err(Refusal::unsupported(
            "what is a parameter elsewhere depends on a perturbed input",
        ));
    }
    let shape = node_shape(graph, layout, recorded);
    let node = graph.reshape(node, shape)?;
    Ok(Value { node, layout })
}

/// A matrix product with at least one shared factor.
pub(super) fn matmul(
    graph: &mut Lowering,
    [left, right]: [Value; 2],
    out: &TensorIr,
) -> Result<(), Refusal> {
    let recorded = out.shape.to_vec();
    let is_matrix = recorded.len() == 2;
    let layout = match meeting(graph, &[left, right]) {
        // Rows of a matrix on the right are summed over, so that they are no images.
        _ if is_matrix && right.layout != Layout::Shared => Layout::Shared,
        Layout::Merged if right.layout != Layout::Shared => return Err(mixed()),
        layout => layout,
    };
    let (nodes, shape) = match layout {
        Layout::Plain if is_matrix => {
            // Each image's row is a matrix, by the image's copy.
            let (batch, columns) = (graph.batch(), recorded[1]);
            let row = plain_node(graph, left)?;
            let inner = graph.shape(row)[1];
            let row = graph.reshape(row, vec![batch, 1, inner])?;
            (vec![row, right.node], vec![batch, 1, columns])
        }
        Layout::Merged if is_matrix => {
            let rows = aligned(graph, left, Layout::Merged)?;
            (vec![rows, right.node], node_shape(graph, layout, &recorded))
        }
        Layout::Swapped if right.layout == Layout::Shared => {
            let matrix = with_images(graph, right.node)?;
            (
                vec![left.node, matrix],
                node_shape(graph, layout, &recorded),
            )
        }
        _ => {
            let left = aligned(graph, left, layout)?;
            let right = aligned(graph, right, layout)?;
            (vec![left, right], node_shape(graph, layout, &recorded))
        }
    };
    let both = nodes.iter().all(|&node| graph.is_perturbed(node));
    let mut node = if both {
        graph.apply(Bilinear, nodes, shape)?
    } else {
        graph.apply(Matmul, nodes, shape)?
    };
    if layout == Layout::Plain {
        node = graph.reshape(node, recorded)?;
    }
    graph.define(out, node, layout);
    Ok(())
}

/// A matrix product whose factors have no layout in common.
pub(super) fn mixed() -> Refusal {
    Refusal::mixes_batch("its operands merge the batch with another dim, or move it")
}

/// Repeats dims of size 1 of a shared value.
pub(super) fn expand(graph: &mut Lowering, node: usize, out: &TensorIr) -> Result<(), Refusal> {
    let recorded = out.shape.to_vec();
    let (batch, own) = (graph.batch(), graph.shape(node)[1..].to_vec());
    let added = vec![1; recorded.len().saturating_sub(own.len())];
    let node = graph.reshape(node, [vec![batch], added, own].concat())?;
    let shape = node_shape(graph, Layout::Shared, &recorded);
    let repeat = Expand {
        shape: shape.clone(),
    };
    let node = graph.apply(repeat, vec![node], shape)?;
    graph.define(out, node, Layout::Shared);
    Ok(())
}
