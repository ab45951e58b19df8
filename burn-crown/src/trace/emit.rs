//! Adding an operator to the graph, with the batch kept as a dim of its own.
//!
//! Burn merges or moves the batch before a product with a shared matrix; a [`Layout`] follows what
//! it does, and the graph's nodes keep the batch first.

use burn::backend::ir::{BinaryOpIr, DimOpIr, MaskFillOpIr, TensorIr, UnaryOpIr};
use burn::tensor::TensorData;

use super::lower::{Layout, Lowering, Value};
use crate::ops::{
    Bilinear, Conv, Div, Elementwise, Geometry, Kernel, LogSoftmax, Matmul, Movement, Mul, Neg,
    Operator, Permute, Power, Product, Recip, Reduce, Refusal, Select, Softmax,
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
    graph: &Lowering,
    irs: impl IntoIterator<Item = &'a TensorIr>,
) -> Result<Vec<usize>, Refusal> {
    irs.into_iter().map(|ir| plain(graph, ir)).collect()
}

/// A node whose batch is a dim of its own.
pub(super) fn plain(graph: &Lowering, ir: &TensorIr) -> Result<usize, Refusal> {
    plain_node(graph.value(ir))
}

fn plain_node(value: Value) -> Result<usize, Refusal> {
    if value.layout != Layout::Plain {
        return Err(Refusal::mixes_batch(
            "it works on the batch merged with another dim, or in another place",
        ));
    }
    Ok(value.node)
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
    [left, right]: [Value; 2],
    out: &TensorIr,
) -> Result<(), Refusal> {
    let merged = |value: Value| value.layout == Layout::Merged;
    if !merged(left) && !merged(right) {
        let inputs = [left, right].into_iter().map(plain_node);
        let inputs = inputs.collect::<Result<_, _>>()?;
        return apply(graph, operator, inputs, out);
    }
    let merged_node = if merged(left) { left.node } else { right.node };
    let shape = graph.shape(merged_node).to_vec();
    let mut aligned = |value: Value| {
        if merged(value) && graph.shape(value.node)[..2] == shape[..2] {
            return Ok(value.node);
        }
        split_fixed(graph, value)
    };
    let inputs = vec![aligned(left)?, aligned(right)?];
    apply_merged(graph, operator, inputs, out)
}

/// A product, by the operator that fits its factors.
pub(super) fn multiply(graph: &mut Lowering, op: &BinaryOpIr) -> Result<(), Refusal> {
    let factors = [graph.value(&op.lhs), graph.value(&op.rhs)];
    let [left, right] = factors;
    if factors
        .iter()
        .any(|factor| !graph.is_perturbed(factor.node))
    {
        return combine(graph, Mul, factors, &op.out);
    }
    if left.node == right.node && left.layout == right.layout {
        return element_wise(graph, Elementwise(Power(2.0)), &op.lhs, &op.out);
    }
    combine(graph, Product, factors, &op.out)
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
    if graph.is_perturbed(dividend.node) {
        combine(graph, Product, factors, &op.out)
    } else {
        combine(graph, Mul, factors, &op.out)
    }
}

/// A product with a kernel, of one that moves as `movement` says.
pub(super) fn kernel(
    graph: &mut Lowering,
    movement: impl Movement + 'static,
    input_and_weight: [&TensorIr; 2],
    bias: &Option<TensorIr>,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let inputs = operands(graph, input_and_weight.into_iter().chain(bias))?;
    apply(graph, Kernel(movement), inputs, out)
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

/// Adds an operator whose result was recorded with the batch merged with its second dim.
pub(super) fn apply_merged(
    graph: &mut Lowering,
    operator: impl Operator + 'static,
    inputs: Vec<usize>,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let batch = graph.batch();
    let shape = [&[batch, out.shape[0] / batch], &out.shape.to_vec()[1..]].concat();
    let node = graph.apply(operator, inputs, shape)?;
    graph.define(out, node, Layout::Merged);
    Ok(())
}

/// A fixed operand `[1, ...]` of a merged one, with a dim of its own for the batch.
pub(super) fn split_fixed(graph: &mut Lowering, value: Value) -> Result<usize, Refusal> {
    let shape = graph.shape(value.node).to_vec();
    if value.layout != Layout::Plain || graph.is_perturbed(value.node) || shape.first() != Some(&1)
    {
        return Err(Refusal::mixes_batch(
            "its operands merge the batch with different dims",
        ));
    }
    graph.reshape(value.node, [&[1], shape.as_slice()].concat())
}

pub(super) fn matmul(
    graph: &mut Lowering,
    lhs: &TensorIr,
    rhs: &TensorIr,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let (left, right) = (graph.value(lhs), graph.value(rhs));
    let shared = right.layout == Layout::Plain && !graph.is_perturbed(right.node);
    match left.layout {
        Layout::Plain => {
            let inputs = operands(graph, [lhs, rhs])?;
            if inputs.iter().all(|&input| graph.is_perturbed(input)) {
                return apply(graph, Bilinear, inputs, out);
            }
            return apply(graph, Matmul, inputs, out);
        }
        Layout::Swapped if shared && graph.shape(right.node)[0] == 1 => {
            let shape = vec![out.shape[1], out.shape[0], out.shape[2]];
            let node = graph.apply(Matmul, vec![left.node, right.node], shape)?;
            graph.define(out, node, Layout::Swapped);
            return Ok(());
        }
        Layout::Merged if shared && graph.shape(right.node).len() == 2 => {}
        _ => {
            return Err(Refusal::mixes_batch(
                "its operands merge the batch with another dim, or move it",
            ));
        }
    }
    let matrix = [&[1], graph.shape(right.node)].concat();
    let right = graph.reshape(right.node, matrix)?;
    apply_merged(graph, Matmul, vec![left.node, right], out)
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

pub(super) fn conv(
    graph: &mut Lowering,
    geometry: Geometry,
    one_dimensional: bool,
    input_and_weight: [&TensorIr; 2],
    bias: &Option<TensorIr>,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let conv = Conv {
        geometry,
        one_dimensional,
    };
    let inputs = operands(graph, input_and_weight.into_iter().chain(bias))?;
    apply(graph, conv, inputs, out)
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
        (Layout::Plain, axis) => axis,
        // Merged dims hold the batch.
        (Layout::Merged, 0) => 0,
        (Layout::Merged, axis) => axis + 1,
        (Layout::Swapped, 0) => 1,
        (Layout::Swapped, 1) => 0,
        (Layout::Swapped, axis) => axis,
    };
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

pub(super) fn reduce(
    graph: &mut Lowering,
    input: &TensorIr,
    out: &TensorIr,
    dims: Vec<usize>,
    mean: bool,
) -> Result<(), Refusal> {
    let node = plain(graph, input)?;
    let count: usize = dims.iter().map(|&dim| input.shape[dim]).product();
    let factor = if mean { 1.0 / count as f64 } else { 1.0 };
    apply(graph, Reduce { dims, factor }, vec![node], out)
}

/// A sum or mean over everything: `[1]`.
pub(super) fn reduce_all(
    graph: &mut Lowering,
    input: &TensorIr,
    out: &TensorIr,
    mean: bool,
) -> Result<(), Refusal> {
    let node = plain(graph, input)?;
    let shape = graph.shape(node).to_vec();
    let count: usize = shape.iter().product();
    let factor = if mean { 1.0 / count as f64 } else { 1.0 };
    let dims: Vec<usize> = (0..shape.len()).collect();
    let total = graph.apply(Reduce { dims, factor }, vec![node], vec![1; shape.len()])?;
    let node = graph.reshape(total, out.shape.to_vec())?;
    graph.define(out, node, Layout::Plain);
    Ok(())
}
