//! Burn's operators, each as ours: the one table to extend for a new operator.

use burn::backend::ir::{
    ActivationOperationIr, BaseOperationIr, BinaryOpIr, FloatOperationIr, ModuleOperationIr,
    NumericOperationIr, OperationIr, PadModeIr, ScalarIr, TensorIr, UnaryOpIr,
};
use burn::tensor::TensorData;

use super::lower::Lowering;
use crate::ops::{
    Add, AddScalar, AvgPool, BatchNorm, Conv, Div, Expand, Geometry, Matmul, Mul, MulScalar, Neg,
    Operator, Pad, Permute, Reduce, Refusal, Relu, Sub,
};

/// The name of an operator in messages: Burn's own.
pub(super) fn name(operation: &OperationIr) -> String {
    let variant = |text: String| {
        text.split(['(', ' ', '{'])
            .next()
            .unwrap_or("?")
            .to_string()
    };
    match operation {
        OperationIr::BaseFloat(op) | OperationIr::BaseInt(op) | OperationIr::BaseBool(op) => {
            variant(format!("{op:?}"))
        }
        OperationIr::NumericFloat(_, op) | OperationIr::NumericInt(_, op) => {
            variant(format!("{op:?}"))
        }
        OperationIr::Bool(op) => variant(format!("{op:?}")),
        OperationIr::Int(op) => variant(format!("{op:?}")),
        OperationIr::Float(_, op) => variant(format!("{op:?}")),
        OperationIr::Module(op) => variant(format!("{op:?}")),
        OperationIr::Activation(op) => variant(format!("{op:?}")),
        OperationIr::Custom(op) => op.id.clone(),
        OperationIr::Init(_) | OperationIr::Drop(_) | OperationIr::Distributed(_) => {
            variant(format!("{operation:?}"))
        }
    }
}

/// Lowers one operator.
pub(super) fn lower(operation: &OperationIr, graph: &mut Lowering) -> Result<(), Refusal> {
    match operation {
        OperationIr::BaseFloat(op) => base(op, graph),
        OperationIr::NumericFloat(_, op) => numeric(op, graph),
        OperationIr::Float(_, FloatOperationIr::Matmul(op)) => {
            matmul(graph, &op.lhs, &op.rhs, &op.out)
        }
        OperationIr::Module(op) => module(op, graph),
        OperationIr::Activation(ActivationOperationIr::Relu(op)) => unary(graph, Relu, op),
        _ => Err(unknown()),
    }
}

fn unknown() -> Refusal {
    Refusal::unsupported(
        "this version has no relaxation for it. Replace the layer by a supported one (see the \
         table in the README), or leave it out of the pass that is bounded with \
         `#[bounded(forward = \"…\")]`",
    )
}

fn base(op: &BaseOperationIr, graph: &mut Lowering) -> Result<(), Refusal> {
    match op {
        BaseOperationIr::Reshape(op) => reshape(graph, &op.input, &op.out),
        BaseOperationIr::SwapDims(op) => {
            let mut axes: Vec<usize> = (0..op.input.shape.num_dims()).collect();
            axes.swap(op.dim1, op.dim2);
            permute(graph, &op.input, &op.out, axes)
        }
        BaseOperationIr::Permute(op) => permute(graph, &op.input, &op.out, op.axes.clone()),
        BaseOperationIr::Expand(op) => {
            let input = unfolded(graph, &op.input)?;
            let shape = op.out.shape.to_vec();
            apply(graph, Expand { shape }, vec![input], &op.out)
        }
        BaseOperationIr::Ones(op) => fill(graph, &op.out, ScalarIr::Float(1.0)),
        BaseOperationIr::Zeros(op) => fill(graph, &op.out, ScalarIr::Float(0.0)),
        _ => Err(unknown()),
    }
}

fn numeric(op: &NumericOperationIr, graph: &mut Lowering) -> Result<(), Refusal> {
    match op {
        NumericOperationIr::Add(op) => binary(graph, Add, op),
        NumericOperationIr::Sub(op) => binary(graph, Sub, op),
        NumericOperationIr::Mul(op) => binary(graph, Mul, op),
        NumericOperationIr::Div(op) => binary(graph, Div, op),
        NumericOperationIr::AddScalar(op) => {
            element_wise(graph, AddScalar(op.rhs.elem()), &op.lhs, &op.out)
        }
        NumericOperationIr::SubScalar(op) => {
            element_wise(graph, AddScalar(-op.rhs.elem::<f64>()), &op.lhs, &op.out)
        }
        NumericOperationIr::MulScalar(op) => {
            element_wise(graph, MulScalar(op.rhs.elem()), &op.lhs, &op.out)
        }
        NumericOperationIr::DivScalar(op) => {
            let divisor: f64 = op.rhs.elem();
            if divisor == 0.0 {
                return Err(Refusal::unsupported("it divides by zero"));
            }
            element_wise(graph, MulScalar(1.0 / divisor), &op.lhs, &op.out)
        }
        NumericOperationIr::Neg(op) => unary(graph, Neg, op),
        NumericOperationIr::Full(op) => fill(graph, &op.out, op.value),
        NumericOperationIr::SumDim(op) => reduce(graph, &op.input, &op.out, vec![op.axis], false),
        NumericOperationIr::MeanDim(op) => reduce(graph, &op.input, &op.out, vec![op.axis], true),
        NumericOperationIr::SumDims(op) => {
            reduce(graph, &op.input, &op.out, op.axes.clone(), false)
        }
        NumericOperationIr::Sum(op) => reduce_all(graph, &op.input, &op.out, false),
        NumericOperationIr::Mean(op) => reduce_all(graph, &op.input, &op.out, true),
        NumericOperationIr::Pad(op) => match op.mode {
            PadModeIr::Constant(value) => {
                let input = unfolded(graph, &op.input)?;
                let pad = Pad {
                    padding: op.padding.clone(),
                    value: value.elem(),
                };
                apply(graph, pad, vec![input], &op.out)
            }
            PadModeIr::Reflect | PadModeIr::Edge => Err(Refusal::unsupported(
                "only padding with a constant is supported",
            )),
        },
        _ => Err(unknown()),
    }
}

fn module(op: &ModuleOperationIr, graph: &mut Lowering) -> Result<(), Refusal> {
    match op {
        ModuleOperationIr::Conv1d(op) => {
            let options = &op.options;
            let geometry = Geometry {
                stride: [1, options.stride[0]],
                padding: [(0, 0), options.padding[0]],
                dilation: [1, options.dilation[0]],
                groups: options.groups,
            };
            conv(
                graph,
                geometry,
                true,
                [&op.x, &op.weight],
                &op.bias,
                &op.out,
            )
        }
        ModuleOperationIr::Conv2d(op) => {
            let options = &op.options;
            let geometry = Geometry {
                stride: options.stride,
                padding: options.padding,
                dilation: options.dilation,
                groups: options.groups,
            };
            conv(
                graph,
                geometry,
                false,
                [&op.x, &op.weight],
                &op.bias,
                &op.out,
            )
        }
        ModuleOperationIr::BatchNorm(op) => {
            let norm = BatchNorm {
                epsilon: op.epsilon.elem(),
            };
            let inputs = operands(graph, [&op.x, &op.gamma, &op.beta, &op.mean, &op.variance])?;
            apply(graph, norm, inputs, &op.out)
        }
        ModuleOperationIr::AvgPool1d(op) => {
            let pool = AvgPool {
                kernel: [1, op.kernel_size],
                stride: [1, op.stride],
                padding: [0, op.padding],
                count_include_pad: op.count_include_pad,
                ceil_mode: op.ceil_mode,
                one_dimensional: true,
            };
            let inputs = operands(graph, [&op.x])?;
            apply(graph, pool, inputs, &op.out)
        }
        ModuleOperationIr::AvgPool2d(op) => {
            let pool = AvgPool {
                kernel: op.kernel_size,
                stride: op.stride,
                padding: op.padding,
                count_include_pad: op.count_include_pad,
                ceil_mode: op.ceil_mode,
                one_dimensional: false,
            };
            let inputs = operands(graph, [&op.x])?;
            apply(graph, pool, inputs, &op.out)
        }
        _ => Err(unknown()),
    }
}

// ---- shapes of operators ----------------------------------------------------------------------

/// Adds an operator whose operands keep the batch apart.
fn apply(
    graph: &mut Lowering,
    operator: impl Operator + 'static,
    inputs: Vec<usize>,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let node = graph.apply(operator, inputs, out.shape.to_vec())?;
    graph.define(out, node, false);
    Ok(())
}

fn operands<'a>(
    graph: &Lowering,
    irs: impl IntoIterator<Item = &'a TensorIr>,
) -> Result<Vec<usize>, Refusal> {
    irs.into_iter().map(|ir| unfolded(graph, ir)).collect()
}

/// A node whose batch is a dim of its own.
fn unfolded(graph: &Lowering, ir: &TensorIr) -> Result<usize, Refusal> {
    let value = graph.value(ir);
    if value.folded {
        return Err(Refusal::mixes_batch(
            "it works on the batch merged with another dim",
        ));
    }
    Ok(value.node)
}

fn unary(
    graph: &mut Lowering,
    operator: impl Operator + 'static,
    op: &UnaryOpIr,
) -> Result<(), Refusal> {
    element_wise(graph, operator, &op.input, &op.out)
}

/// An operator on each element alone, which keeps the shape.
fn element_wise(
    graph: &mut Lowering,
    operator: impl Operator + 'static,
    input: &TensorIr,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let value = graph.value(input);
    let shape = graph.shape(value.node).to_vec();
    let node = graph.apply(operator, vec![value.node], shape)?;
    graph.define(out, node, value.folded);
    Ok(())
}

fn binary(
    graph: &mut Lowering,
    operator: impl Operator + 'static,
    op: &BinaryOpIr,
) -> Result<(), Refusal> {
    let (left, right) = (graph.value(&op.lhs), graph.value(&op.rhs));
    if !left.folded && !right.folded {
        return apply(graph, operator, vec![left.node, right.node], &op.out);
    }
    let folded = if left.folded { left.node } else { right.node };
    let shape = graph.shape(folded).to_vec();
    let mut aligned = |value: super::lower::Value| {
        if value.folded && graph.shape(value.node)[..2] == shape[..2] {
            return Ok(value.node);
        }
        unfold_fixed(graph, value)
    };
    let inputs = vec![aligned(left)?, aligned(right)?];
    apply_folded(graph, operator, inputs, &op.out)
}

/// Adds an operator whose result was recorded with the batch merged with its second dim.
fn apply_folded(
    graph: &mut Lowering,
    operator: impl Operator + 'static,
    inputs: Vec<usize>,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let batch = graph.batch();
    let shape = [&[batch, out.shape[0] / batch], &out.shape.to_vec()[1..]].concat();
    let node = graph.apply(operator, inputs, shape)?;
    graph.define(out, node, true);
    Ok(())
}

/// A fixed operand `[1, ...]` of a folded one, with a dim of its own for the batch.
fn unfold_fixed(graph: &mut Lowering, value: super::lower::Value) -> Result<usize, Refusal> {
    let shape = graph.shape(value.node).to_vec();
    if value.folded || graph.is_perturbed(value.node) || shape.first() != Some(&1) {
        return Err(Refusal::mixes_batch(
            "its operands merge the batch with different dims",
        ));
    }
    graph.reshape(value.node, [&[1], shape.as_slice()].concat())
}

fn matmul(
    graph: &mut Lowering,
    lhs: &TensorIr,
    rhs: &TensorIr,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let (left, right) = (graph.value(lhs), graph.value(rhs));
    if !left.folded {
        let inputs = operands(graph, [lhs, rhs])?;
        return apply(graph, Matmul, inputs, out);
    }
    if right.folded || graph.is_perturbed(right.node) || graph.shape(right.node).len() != 2 {
        return Err(Refusal::mixes_batch(
            "its operands merge the batch with another dim",
        ));
    }
    let matrix = [&[1], graph.shape(right.node)].concat();
    let right = graph.reshape(right.node, matrix)?;
    apply_folded(graph, Matmul, vec![left.node, right], out)
}

fn reshape(graph: &mut Lowering, input: &TensorIr, out: &TensorIr) -> Result<(), Refusal> {
    let value = graph.value(input);
    let shape = out.shape.to_vec();
    let (batch, perturbed) = (graph.batch(), graph.is_perturbed(value.node));
    if !perturbed || shape.first() == Some(&batch) {
        let node = graph.reshape(value.node, shape)?;
        graph.define(out, node, false);
        return Ok(());
    }
    match shape.split_first() {
        Some((&rows, rest)) if !rest.is_empty() && rows % batch == 0 => {
            let split = [&[batch, rows / batch], rest].concat();
            let node = graph.reshape(value.node, split)?;
            graph.define(out, node, true);
            Ok(())
        }
        _ => Err(Refusal::MixesBatch(format!(
            "it makes the shape {shape:?} of a batch of {batch}"
        ))),
    }
}

fn conv(
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

fn permute(
    graph: &mut Lowering,
    input: &TensorIr,
    out: &TensorIr,
    axes: Vec<usize>,
) -> Result<(), Refusal> {
    let input = unfolded(graph, input)?;
    apply(graph, Permute { axes }, vec![input], out)
}

fn reduce(
    graph: &mut Lowering,
    input: &TensorIr,
    out: &TensorIr,
    dims: Vec<usize>,
    mean: bool,
) -> Result<(), Refusal> {
    let node = unfolded(graph, input)?;
    let count: usize = dims.iter().map(|&dim| input.shape[dim]).product();
    let factor = if mean { 1.0 / count as f64 } else { 1.0 };
    apply(graph, Reduce { dims, factor }, vec![node], out)
}

/// A sum or mean over everything: `[1]`.
fn reduce_all(
    graph: &mut Lowering,
    input: &TensorIr,
    out: &TensorIr,
    mean: bool,
) -> Result<(), Refusal> {
    let node = unfolded(graph, input)?;
    let shape = graph.shape(node).to_vec();
    let count: usize = shape.iter().product();
    let factor = if mean { 1.0 / count as f64 } else { 1.0 };
    let dims: Vec<usize> = (0..shape.len()).collect();
    let total = graph.apply(Reduce { dims, factor }, vec![node], vec![1; shape.len()])?;
    let node = graph.reshape(total, out.shape.to_vec())?;
    graph.define(out, node, false);
    Ok(())
}

fn fill(graph: &mut Lowering, out: &TensorIr, value: ScalarIr) -> Result<(), Refusal> {
    let data = TensorData::full_dtype(out.shape.to_vec(), value.elem::<f64>(), out.dtype);
    let node = graph.constant(data);
    graph.define(out, node, false);
    Ok(())
}
