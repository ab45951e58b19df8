//! Normalization that Burn records as one operator.

use burn::backend::ir::{BatchNormOpIr, LayerNormOpIr, TensorIr};

use super::emit::{operands, plain};
use super::lower::{Layout, Lowering};
use super::statistics::of_clean_batch;
use crate::ops::{
    Add, AddScalar, BatchNorm, Center, Elementwise, Mul, Power, Product, Reduce, Refusal, Within,
};

/// Batch normalisation; where the batch is merged with another dim, the channels are behind both.
pub(super) fn batch_norm(graph: &mut Lowering, op: &BatchNormOpIr) -> Result<(), Refusal> {
    let input = graph.value(&op.x);
    let channels = match input.layout {
        Layout::Merged => 2,
        Layout::Plain | Layout::Swapped => 1,
    };
    if input.layout == Layout::Swapped {
        plain(graph, &op.x)?;
    }
    let mut inputs = vec![input.node];
    inputs.extend(operands(
        graph,
        [&op.gamma, &op.beta, &op.mean, &op.variance],
    )?);
    if graph.is_by_batch(&op.mean) {
        let statistics = of_clean_batch(graph, input.node, channels)?;
        inputs[3..].copy_from_slice(&statistics);
    }
    let norm = BatchNorm {
        channels,
        epsilon: op.epsilon.elem(),
    };
    let shape = graph.shape(input.node).to_vec();
    let node = graph.apply(norm, inputs, shape)?;
    graph.define(&op.out, node, input.layout);
    Ok(())
}

/// `gamma ∘ d / √(mean(d²) + ε) + beta` with `d = x − mean(x)`, as a chain of operators.
///
/// It works on the last dim alone, so the batch may be merged with another dim or swapped with it.
pub(super) fn layer_norm(graph: &mut Lowering, op: &LayerNormOpIr) -> Result<(), Refusal> {
    let input = graph.value(&op.input);
    if op.input.shape.num_dims() < 2 {
        return Err(Refusal::mixes_batch("it normalizes over the batch"));
    }
    let shape = graph.shape(input.node).to_vec();
    let last = shape.len() - 1;
    let count = shape[last];
    let row = [&shape[..last], &[1]].concat();

    let deviation = graph.apply(Center, vec![input.node], shape.clone())?;
    let square = Elementwise(Power(2.0));
    let square = graph.apply(square, vec![deviation], shape.clone())?;
    let mean = Reduce {
        dims: vec![last],
        factor: 1.0 / count as f64,
    };
    let variance = graph.apply(mean, vec![square], row.clone())?;
    let epsilon = AddScalar(op.epsilon.elem());
    let variance = graph.apply(epsilon, vec![variance], row.clone())?;
    let inverse = graph.apply(Elementwise(Power(-0.5)), vec![variance], row)?;
    let normal = graph.apply(Product, vec![deviation, inverse], shape.clone())?;
    // Deviations add up to zero, so one takes at most the share `(n − 1) / n` of their squares.
    let range = Within::magnitude((count as f64 - 1.0).max(0.0).sqrt());
    let normal = graph.apply(range, vec![normal], shape.clone())?;

    let gamma = over_rows(graph, &op.gamma, shape.len())?;
    let mut node = graph.apply(Mul, vec![normal, gamma], shape.clone())?;
    if let Some(beta) = &op.beta {
        let beta = over_rows(graph, beta, shape.len())?;
        node = graph.apply(Add, vec![node, beta], shape)?;
    }
    graph.define(&op.out, node, input.layout);
    Ok(())
}

/// A fixed row, as a tensor of the given rank.
fn over_rows(graph: &mut Lowering, ir: &TensorIr, rank: usize) -> Result<usize, Refusal> {
    let value = graph.value(ir);
    if graph.is_perturbed(value.node) || value.layout != Layout::Plain {
        return Err(Refusal::unsupported(
            "its scale or shift depends on the perturbed input",
        ));
    }
    let mut shape = vec![1; rank - 1];
    shape.extend_from_slice(graph.shape(value.node));
    graph.reshape(value.node, shape)
}
