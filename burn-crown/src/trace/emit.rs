//! Adding an operator to the graph, with the batch kept as a dim of its own.
//!
//! Burn merges or moves the batch before a product with a shared matrix; a [`Layout`] follows what
//! it does, and the graph's nodes keep the batch first.

use burn::backend::ir::{BinaryOpIr, DimOpIr, MaskFillOpIr, TensorIr, UnaryOpIr};
use burn::tensor::TensorData;

use super::lower::{Layout, Lowering, Value};
use super::shared::{self, aligned, meeting, node_shape, with_images};
use crate::ops::{
    AvgPool, Bilinear, Div, Elementwise, LeakyRelu, LogSoftmax, Matmul, Mul, Neg, Operator,
    Permute, Power, Product, Recip, Reduce, Refusal, Relu, Select, Softmax, Sub,
};

/// Adds an operator whose operands keep the batch apart.
pub(super) fn apply(
    graph: &mut Lowering,
    operator: impl Operator + 'static,
    inputs: Vec<usize>,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let node = graph.apply(operator, inputs, out.shape.to_vec())?;
    graph.define(out, node, Layout::Plain);
    Ok(())
}

pub(super) fn operands<'a>(
    graph: &mut Lowering,
    irs: impl IntoIterator<Item = &'a TensorIr>,
) -> Result<Vec<usize>, Refusal> {
    irs.into_iter().map(|ir| plain(graph, ir)).collect()
}

/// A node whose batch is a dim of its own.
pub(super) fn plain(graph: &mut Lowering, ir: &TensorIr) -> Result<usize, Refusal> {
    plain_node(graph, graph.value(ir))
}

pub(super) fn plain_node(graph: &mut Lowering, value: Value) -> Result<usize, Refusal> {
    match value.layout {
        Layout::Plain => Ok(value.node),
        // A row for each image. One row for all of them has another shape than was recorded.
        Layout::Shared if graph.shape(value.node).get(1) == Some(&graph.batch()) => {
            with_images(graph, value.node)
        }
        Layout::Shared => Err(shared::unknown()),
        Layout::Merged | Layout::Swapped => Err(Refusal::mixes_batch(
            "it works on the batch merged with another dim, or in another place",
        )),
    }
}

/// A value whose batch is a dim of its own, or that has none.
pub(super) fn unmixed(graph: &mut Lowering, ir: &TensorIr) -> Result<Value, Refusal> {
    let value = graph.value(ir);
    if value.layout != Layout::Shared {
        plain_node(graph, value)?;
    }
    Ok(value)
}

/// Adds an operator to operands of one layout, which its result has too.
pub(super) fn apply_in(
    graph: &mut Lowering,
    layout: Layout,
    operator: impl Operator + 'static,
    inputs: Vec<usize>,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let shape = node_shape(graph, layout, &out.shape.to_vec());
    let node = graph.apply(operator, inputs, shape)?;
    graph.define(out, node, layout);
    Ok(())
}

pub(super) fn unary(
    graph: &mut Lowering,
    operator: impl Operator + 'static,
    op: &UnaryOpIr,
) -> Result<(), Refusal> {
    element_wise(graph, operator, &op.input, &op.out)
}

/// An operator on each element alone, which keeps the shape.
pub(super) fn element_wise(
    graph: &mut Lowering,
    operator: impl Operator + 'static,
    input: &TensorIr,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let value = graph.value(input);
    let shape = graph.shape(value.node).to_vec();
    let node = graph.apply(operator, vec![value.node], shape)?;
    graph.define(out, node, value.layout);
    Ok(())
}

pub(super) fn binary(
    graph: &mut Lowering,
    operator: impl Operator + 'static,
    op: &BinaryOpIr,
) -> Result<(), Refusal> {
    let values = [graph.value(&op.lhs), graph.value(&op.rhs)];
    combine(graph, operator, values, &op.out)
}

/// An operator on two values, element by element with broadcasting.
fn combine(
    graph: &mut Lowering,
    operator: impl Operator + 'static,
    values: [Value; 2],
    out: &TensorIr,
) -> Result<(), Refusal> {
    let value = combined(graph, operator, values, &out.shape.to_vec())?;
    graph.define(out, value.node, value.layout);
    Ok(())
}

/// An operator on two values, element by element with broadcasting to a recorded shape.
pub(super) fn combined(
    graph: &mut Lowering,
    operator: impl Operator + 'static,
    values: [Value; 2],
    recorded: &[usize],
) -> Result<Value, Refusal> {
    let layout = meeting(graph, &values);
    let nodes = values
        .into_iter()
        .map(|value| aligned(graph, value, layout))
        .collect::<Result<_, _>>()?;
    let shape = node_shape(graph, layout, recorded);
    let node = graph.apply(operator, nodes, shape)?;
    Ok(Value { node, layout })
}

/// A product, by the operator that fits its factors.
pub(super) fn multiply(graph: &mut Lowering, op: &BinaryOpIr) -> Result<(), Refusal> {
    let [left, right] = [graph.value(&op.lhs), graph.value(&op.rhs)];
    let same = left.node == right.node && left.layout == right.layout;
    if same && graph.is_perturbed(left.node) {
        return element_wise(graph, Elementwise(Power(2.0)), &op.lhs, &op.out);
    }
    let value = multiplied(graph, [left, right], &op.out.shape.to_vec())?;
    graph.define(&op.out, value.node, value.layout);
    Ok(())
}

/// The product of two values, with a recorded shape, by the operator that fits them.
pub(super) fn multiplied(
    graph: &mut Lowering,
    factors: [Value; 2],
    recorded: &[usize],
) -> Result<Value, Refusal> {
    if factors.iter().all(|factor| graph.is_perturbed(factor.node)) {
        combined(graph, Product, factors, recorded)
    } else {
        combined(graph, Mul, factors, recorded)
    }
}

/// The rectifier with a learned slope below zero, `max(x, 0) − slope · max(−x, 0)`.
pub(super) fn prelu(graph: &mut Lowering, op: &BinaryOpIr) -> Result<(), Refusal> {
    let (x, slope) = (graph.value(&op.lhs), graph.value(&op.rhs));
    if !graph.is_perturbed(slope.node) {
        return binary(graph, LeakyRelu { slope: None }, op);
    }
    let recorded = op.out.shape.to_vec();
    let shape = graph.shape(x.node).to_vec();
    let above = graph.apply(Relu, vec![x.node], shape.clone())?;
    let negated = graph.apply(Neg, vec![x.node], shape.clone())?;
    let below = graph.apply(Relu, vec![negated], shape)?;
    let below = multiplied(graph, [Value { node: below, ..x }, slope], &recorded)?;
    combine(graph, Sub, [Value { node: above, ..x }, below], &op.out)
}

/// A quotient; by a perturbed divisor, the product with its reciprocal.
pub(super) fn divide(graph: &mut Lowering, op: &BinaryOpIr) -> Result<(), Refusal> {
    let (dividend, divisor) = (graph.value(&op.lhs), graph.value(&op.rhs));
    if !graph.is_perturbed(divisor.node) {
        return combine(graph, Div, [dividend, divisor], &op.out);
    }
    let shape = graph.shape(divisor.node).to_vec();
    let node = graph.apply(Elementwise(Recip), vec![divisor.node], shape)?;
    let factors = [dividend, Value { node, ..divisor }];
    let value = multiplied(graph, factors, &op.out.shape.to_vec())?;
    graph.define(&op.out, value.node, value.layout);
    Ok(())
}

/// A constant where a mask holds.
pub(super) fn mask_fill(graph: &mut Lowering, op: &MaskFillOpIr) -> Result<(), Refusal> {
    let value: f64 = op.value.elem();
    if !value.is_finite() {
        return Err(Refusal::unsupported(
            "it fills with a value that is not finite; a large one, such as -1e4, can be bounded",
        ));
    }
    let [input, mask] = [plain(graph, &op.tensor)?, plain(graph, &op.mask)?];
    let shape = vec![1; op.tensor.shape.num_dims()];
    let value = graph.add_constant(TensorData::new(vec![value], shape));
    apply(graph, Select, vec![input, mask, value], &op.out)
}

pub(super) fn matmul(
    graph: &mut Lowering,
    lhs: &TensorIr,
    rhs: &TensorIr,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let (left, right) = (graph.value(lhs), graph.value(rhs));
    if [left, right]
        .iter()
        .any(|value| value.layout == Layout::Shared)
    {
        return shared::matmul(graph, [left, right], out);
    }
    let is_fixed = right.layout == Layout::Plain && !graph.is_perturbed(right.node);
    match left.layout {
        Layout::Plain => {
            let inputs = operands(graph, [lhs, rhs])?;
            if inputs.iter().all(|&input| graph.is_perturbed(input)) {
                return apply(graph, Bilinear, inputs, out);
            }
            return apply(graph, Matmul, inputs, out);
        }
        Layout::Swapped if is_fixed && graph.shape(right.node)[0] == 1 => {
            let shape = vec![out.shape[1], out.shape[0], out.shape[2]];
            let node = graph.apply(Matmul, vec![left.node, right.node], shape)?;
            graph.define(out, node, Layout::Swapped);
            return Ok(());
        }
        Layout::Merged if is_fixed && graph.shape(right.node).len() == 2 => {}
        _ => return Err(shared::mixed()),
    }
    let matrix = [&[1], graph.shape(right.node)].concat();
    let right = graph.reshape(right.node, matrix)?;
    apply_in(graph, Layout::Merged, Matmul, vec![left.node, right], out)
}

pub(super) fn reshape(
    graph: &mut Lowering,
    input: &TensorIr,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let value = graph.value(input);
    if value.layout == Layout::Swapped {
        plain(graph, input)?;
    }
    let shape = out.shape.to_vec();
    if value.layout == Layout::Shared {
        let own = node_shape(graph, value.layout, &shape);
        let node = graph.reshape(value.node, own)?;
        graph.define(out, node, value.layout);
        return Ok(());
    }
    let (batch, perturbed) = (graph.batch(), graph.is_perturbed(value.node));
    if !perturbed || shape.first() == Some(&batch) {
        let node = graph.reshape(value.node, shape)?;
        graph.define(out, node, Layout::Plain);
        return Ok(());
    }
    match shape.split_first() {
        Some((&rows, rest)) if !rest.is_empty() && rows % batch == 0 => {
            let split = [&[batch, rows / batch], rest].concat();
            let node = graph.reshape(value.node, split)?;
            graph.define(out, node, Layout::Merged);
            Ok(())
        }
        _ => Err(Refusal::MixesBatch(format!(
            "it makes the shape {shape:?} of a batch of {batch}"
        ))),
    }
}

pub(super) fn permute(
    graph: &mut Lowering,
    input: &TensorIr,
    out: &TensorIr,
    axes: Vec<usize>,
) -> Result<(), Refusal> {
    let value = graph.value(input);
    let swaps = axes == [1, 0, 2];
    if value.layout == Layout::Swapped && swaps {
        graph.define(out, value.node, Layout::Plain);
        return Ok(());
    }
    if value.layout == Layout::Shared {
        let axes = [0].into_iter().chain(axes.iter().map(|axis| axis + 1));
        let axes = axes.collect();
        return apply_in(graph, value.layout, Permute { axes }, vec![value.node], out);
    }
    let input = plain(graph, input)?;
    if swaps && graph.is_perturbed(input) && graph.shape(input)[1] == 1 {
        graph.define(out, input, Layout::Swapped);
        return Ok(());
    }
    apply(graph, Permute { axes }, vec![input], out)
}

/// A function of the softmax family.
pub(super) enum SoftmaxKind {
    Softmax,
    LogSoftmax,
    /// The softmax of the negated input.
    Softmin,
}

/// A function of the softmax family over a dim.
pub(super) fn softmax(
    graph: &mut Lowering,
    kind: SoftmaxKind,
    op: &DimOpIr,
) -> Result<(), Refusal> {
    let value = graph.value(&op.input);
    let dim = match (value.layout, op.axis) {
        // Merged dims hold the batch.
        (Layout::Merged, 0) => 0,
        (Layout::Swapped, 0) => 1,
        (Layout::Swapped, 1) => 0,
        (Layout::Plain | Layout::Swapped, axis) => axis,
        (Layout::Merged | Layout::Shared, axis) => axis + 1,
    };
    graph.rewrites();
    let shape = graph.shape(value.node).to_vec();
    let mut node = value.node;
    if matches!(kind, SoftmaxKind::Softmin) {
        node = graph.apply(Neg, vec![node], shape.clone())?;
    }
    let logarithm = LogSoftmax { dim };
    let log = graph.apply(logarithm, vec![node], shape.clone())?;
    node = match kind {
        SoftmaxKind::LogSoftmax => log,
        _ => graph.apply(Softmax { logarithm }, vec![log, node], shape)?,
    };
    graph.define(&op.out, node, value.layout);
    Ok(())
}

/// Average pooling. It treats channels alike, so dims that were merged with the batch are some.
pub(super) fn avg_pool(
    graph: &mut Lowering,
    pool: AvgPool,
    input: &TensorIr,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let value = graph.value(input);
    if value.layout != Layout::Merged {
        let node = plain(graph, input)?;
        return apply(graph, pool, vec![node], out);
    }
    let shape = graph.shape(value.node).to_vec();
    let channels = [shape[0], shape[1] * shape[2]];
    let node = graph.reshape(value.node, [&channels, &shape[3..]].concat())?;
    let pooled = &out.shape.to_vec()[2..];
    let node = graph.apply(pool, vec![node], [&channels, pooled].concat())?;
    let node = graph.reshape(node, [&shape[..3], pooled].concat())?;
    graph.define(out, node, Layout::Merged);
    Ok(())
}

pub(super) fn reduce(
    graph: &mut Lowering,
    input: &TensorIr,
    out: &TensorIr,
    dims: Vec<usize>,
    mean: bool,
) -> Result<(), Refusal> {
    let value = unmixed(graph, input)?;
    let count: usize = dims.iter().map(|&dim| input.shape[dim]).product();
    let sum = Reduce {
        dims: dims.iter().map(|dim| dim + value.layout.shift()).collect(),
        factor: if mean { 1.0 / count as f64 } else { 1.0 },
    };
    apply_in(graph, value.layout, sum, vec![value.node], out)
}

/// A sum or mean over everything: `[1]`.
pub(super) fn reduce_all(
    graph: &mut Lowering,
    input: &TensorIr,
    out: &TensorIr,
    mean: bool,
) -> Result<(), Refusal> {
    let value = unmixed(graph, input)?;
    let (shift, rank) = (value.layout.shift(), input.shape.num_dims());
    let count = input.shape.num_elements();
    let sum = Reduce {
        dims: (shift..rank + shift).collect(),
        factor: if mean { 1.0 / count as f64 } else { 1.0 },
    };
    let ones = node_shape(graph, value.layout, &vec![1; rank]);
    let total = graph.apply(sum, vec![value.node], ones)?;
    let shape = node_shape(graph, value.layout, &out.shape.to_vec());
    let node = graph.reshape(total, shape)?;
    graph.define(out, node, value.layout);
    Ok(())
}
