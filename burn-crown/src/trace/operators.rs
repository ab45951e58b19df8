//! Burn's operators, each as ours: the one table to extend for a new operator.

use burn::backend::ir::{
    ActivationOperationIr, BaseOperationIr, FloatOperationIr, ModuleOperationIr,
    NumericOperationIr, OperationIr, PadModeIr,
};

use super::emit::{
    apply, binary, conv, divide, element_wise, matmul, multiply, operands, permute, plain, reduce,
    reduce_all, reshape, unary,
};
use super::lower::Lowering;
use crate::ops::{
    Abs, Add, AddScalar, AvgPool, BatchNorm, Clamp, Elementwise, Erf, Exp, Expand, Gelu, Geometry,
    LeakyRelu, Log, Log1p, LogSigmoid, MulScalar, Neg, Pad, Power, Recip, Refusal, Relu, Sigmoid,
    Sine, Slice, Sqrt, Sub, Tanh,
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
        OperationIr::Float(_, op) => float(op, graph),
        OperationIr::Module(op) => module(op, graph),
        OperationIr::Activation(op) => activation(op, graph),
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
            let input = plain(graph, &op.input)?;
            let shape = op.out.shape.to_vec();
            apply(graph, Expand { shape }, vec![input], &op.out)
        }
        BaseOperationIr::Slice(op) => {
            let input = plain(graph, &op.tensor)?;
            let slice = Slice::new(&op.ranges, &op.tensor.shape.to_vec());
            apply(graph, slice, vec![input], &op.out)
        }
        _ => Err(unknown()),
    }
}

fn float(op: &FloatOperationIr, graph: &mut Lowering) -> Result<(), Refusal> {
    match op {
        FloatOperationIr::Matmul(op) => matmul(graph, &op.lhs, &op.rhs, &op.out),
        FloatOperationIr::Exp(op) => unary(graph, Elementwise(Exp), op),
        FloatOperationIr::Log(op) => unary(graph, Elementwise(Log), op),
        FloatOperationIr::Log1p(op) => unary(graph, Elementwise(Log1p), op),
        FloatOperationIr::Sqrt(op) => unary(graph, Elementwise(Sqrt), op),
        FloatOperationIr::Recip(op) => unary(graph, Elementwise(Recip), op),
        FloatOperationIr::PowfScalar(op) => {
            let power = Elementwise(Power(op.rhs.elem()));
            element_wise(graph, power, &op.lhs, &op.out)
        }
        FloatOperationIr::Erf(op) => unary(graph, Elementwise(Erf), op),
        FloatOperationIr::Tanh(op) => unary(graph, Elementwise(Tanh), op),
        FloatOperationIr::Sin(op) => unary(graph, Sine::sin(), op),
        FloatOperationIr::Cos(op) => unary(graph, Sine::cos(), op),
        _ => Err(unknown()),
    }
}

fn activation(op: &ActivationOperationIr, graph: &mut Lowering) -> Result<(), Refusal> {
    match op {
        ActivationOperationIr::Relu(op) => unary(graph, Relu, op),
        ActivationOperationIr::LeakyRelu(op) => {
            let slope = Some(op.rhs.elem());
            element_wise(graph, LeakyRelu { slope }, &op.lhs, &op.out)
        }
        ActivationOperationIr::PRelu(op) => binary(graph, LeakyRelu { slope: None }, op),
        ActivationOperationIr::Sigmoid(op) => unary(graph, Elementwise(Sigmoid), op),
        ActivationOperationIr::LogSigmoid(op) => unary(graph, Elementwise(LogSigmoid), op),
        ActivationOperationIr::Gelu(op) => unary(graph, Elementwise(Gelu), op),
        ActivationOperationIr::HardSigmoid(op) => {
            let scale: f64 = op.alpha.elem();
            if scale <= 0.0 {
                return Err(Refusal::unsupported("its slope must be positive"));
            }
            let clamp = Clamp {
                scale,
                shift: op.beta.elem(),
                low: 0.0,
                high: 1.0,
            };
            element_wise(graph, Elementwise(clamp), &op.tensor, &op.out)
        }
        _ => Err(unknown()),
    }
}

fn numeric(op: &NumericOperationIr, graph: &mut Lowering) -> Result<(), Refusal> {
    match op {
        NumericOperationIr::Add(op) => binary(graph, Add, op),
        NumericOperationIr::Sub(op) => binary(graph, Sub, op),
        NumericOperationIr::Mul(op) => multiply(graph, op),
        NumericOperationIr::Div(op) => divide(graph, op),
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
        NumericOperationIr::Abs(op) => unary(graph, Elementwise(Abs), op),
        NumericOperationIr::Clamp(op) => {
            let clamp = Elementwise(Clamp::between(op.min.elem(), op.max.elem()));
            element_wise(graph, clamp, &op.tensor, &op.out)
        }
        NumericOperationIr::ClampMin(op) => {
            let clamp = Elementwise(Clamp::between(op.rhs.elem(), f64::INFINITY));
            element_wise(graph, clamp, &op.lhs, &op.out)
        }
        NumericOperationIr::ClampMax(op) => {
            let clamp = Elementwise(Clamp::between(f64::NEG_INFINITY, op.rhs.elem()));
            element_wise(graph, clamp, &op.lhs, &op.out)
        }
        NumericOperationIr::SumDim(op) => reduce(graph, &op.input, &op.out, vec![op.axis], false),
        NumericOperationIr::MeanDim(op) => reduce(graph, &op.input, &op.out, vec![op.axis], true),
        NumericOperationIr::SumDims(op) => {
            reduce(graph, &op.input, &op.out, op.axes.clone(), false)
        }
        NumericOperationIr::Sum(op) => reduce_all(graph, &op.input, &op.out, false),
        NumericOperationIr::Mean(op) => reduce_all(graph, &op.input, &op.out, true),
        NumericOperationIr::Pad(op) => match op.mode {
            PadModeIr::Constant(value) => {
                let input = plain(graph, &op.input)?;
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
