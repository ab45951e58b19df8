//! Normalization that Burn records as one operator.

use burn::backend::ir::{BatchNormOpIr, LayerNormOpIr};

use super::convolve::per_channel;
use super::emit::{combined, multiplied, plain, plain_node};
use super::lower::{Layout, Lowering, Value};
use super::shared::reshaped;
use super::statistics::of_clean_batch;
use crate::ops::{
    Add, AddScalar, BatchNorm, Center, Elementwise, Power, Product, Reduce, Refusal, Sub, Within,
};

/// Batch normalisation; where the batch is merged with another dim, the channels are behind both.
pub(super) fn batch_norm(graph: &mut Lowering, op: &BatchNormOpIr) -> Result<(), Refusal> {
    let input = graph.value(&op.x);
    let channels = match input.layout {
        Layout::Merged | Layout::Shared => 2,
        Layout::Plain | Layout::Swapped => 1,
    };
    if input.layout == Layout::Swapped {
        plain(graph, &op.x)?;
    }
    let statistics = if graph.is_by_batch(&op.mean) {
        let layout = Layout::Plain;
        let nodes = of_clean_batch(graph, input.node, channels)?;
        nodes.map(|node| Value { node, layout })
    } else {
        [graph.value(&op.mean), graph.value(&op.variance)]
    };
    let parameters = [graph.value(&op.gamma), graph.value(&op.beta)];
    let numbers = [parameters, statistics].concat();
    if numbers.iter().any(|number| number.layout == Layout::Shared) {
        return perturbed_batch_norm(graph, op, parameters, statistics);
    }
    let mut inputs = vec![input.node];
    for number in numbers {
        inputs.push(plain_node(graph, number)?);
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

/// Batch normalisation by perturbed parameters or statistics, as a chain of operators.
fn perturbed_batch_norm(
    graph: &mut Lowering,
    op: &BatchNormOpIr,
    parameters: [Value; 2],
    statistics: [Value; 2],
) -> Result<(), Refusal> {
    graph.rewrites();
    let recorded = op.out.shape.to_vec();
    let rank = recorded.len();
    let [gamma, beta] = parameters.map(|value| per_channel(graph, value, rank));
    let [mean, variance] = statistics.map(|value| per_channel(graph, value, rank));
    let (x, variance) = (graph.value(&op.x), variance?);
    let deviation = combined(graph, Sub, [x, mean?], &recorded)?;
    let shape = graph.shape(variance.node).to_vec();
    let epsilon = AddScalar(op.epsilon.elem());
    let node = graph.apply(epsilon, vec![variance.node], shape.clone())?;
    let node = graph.apply(Elementwise(Power(-0.5)), vec![node], shape)?;
    let inverse = Value { node, ..variance };
    let normal = multiplied(graph, [deviation, inverse], &recorded)?;
    let scaled = multiplied(graph, [normal, gamma?], &recorded)?;
    let value = combined(graph, Add, [scaled, beta?], &recorded)?;
    graph.define(&op.out, value.node, value.layout);
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
    graph.rewrites();
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

    let normal = Value {
        node: normal,
        layout: input.layout,
    };
    let recorded = op.out.shape.to_vec();
    let mut row = vec![1; recorded.len()];
    row[recorded.len() - 1] = count;
    let gamma = graph.value(&op.gamma);
    let gamma = reshaped(graph, gamma, &row)?;
    let mut value = multiplied(graph, [normal, gamma], &recorded)?;
    if let Some(beta) = &op.beta {
        let beta = reshaped(graph, graph.value(beta), &row)?;
        value = combined(graph, Add, [value, beta], &recorded)?;
    }
    graph.define(&op.out, value.node, value.layout);
    Ok(())
}
