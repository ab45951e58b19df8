//! Burn's operators, each as ours: the one table to extend for a new operator.

use burn::backend::Slice as Range;
use burn::backend::ir::{
    ActivationOperationIr, BaseOperationIr, FloatOperationIr, ModuleOperationIr,
    NumericOperationIr, OperationIr, PadModeIr,
};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::convolve::{convolve, product};
use super::emit::{
    SoftmaxKind, apply, apply_in, avg_pool, binary, divide, element_wise, mask_fill, matmul,
    multiply, operands, permute, plain, prelu, reduce, reduce_all, reshape, softmax, unary,
    unmixed,
};
use super::lower::{Layout, Lowering, Value};
use super::mask::lower_mask;
use super::maximum::{Extreme, Windows, extreme, max_pool, of_everything, without_places};
use super::normalize::{batch_norm, layer_norm};
use super::rearrange::{rearrange, rearranged, scatter_add, select_add, unfold};
use super::rounding::{ceil, trunc};
use super::separable::{adaptive_avg_pool, cumulative_sum, interpolate};
use super::shared;
use crate::ops::{
    Abs, Add, AddScalar, ArcSinh, ArcTan, ArcTanh, AvgPool, Cat, Clamp, Cosh, Elementwise, Erf,
    Exp, Expand, Gelu, LeakyRelu, Log, Log1p, LogSigmoid, MulScalar, Neg, Pad, PiecewiseLinear,
    Power, Recip, Refusal, Relu, Rounding, Select, Sigmoid, Sine, Sinh, Slice, SliceAssign, Sqrt,
    Sub, Tan, Tanh,
};

/// The name of an operator in messages: Burn's own.
pub(crate) fn name(operation: &OperationIr) -> String {
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

/// Whether an operator weighs its inputs by numbers that the backend computes from their places.
pub(super) fn interpolates(operation: &OperationIr) -> bool {
    matches!(
        operation,
        OperationIr::Module(ModuleOperationIr::Interpolate(_))
    )
}

/// Lowers one operator.
pub(super) fn lower(operation: &OperationIr, graph: &mut Lowering) -> Result<(), Refusal> {
    if let Some((input, out)) = rearranged(operation) {
        return rearrange(graph, operation, input, out);
    }
    if let Some(lowered) = lower_mask(operation, graph) {
        return lowered;
    }
    match operation {
        OperationIr::BaseFloat(op) | OperationIr::BaseBool(op) => base(op, graph),
        OperationIr::NumericFloat(_, op) => numeric(op, graph),
        OperationIr::Float(_, op) => float(op, graph),
        OperationIr::Module(op) => module(op, graph),
        OperationIr::Activation(op) => activation(op, graph),
        _ => Err(unknown()),
    }
}

fn unknown() -> Refusal {
    Refusal::unsupported(
        "this version has no relaxation for it. Replace the layer by a supported one (see \
         SUPPORTED.md in the repository), or leave it out of the pass that is bounded with \
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
        BaseOperationIr::Cast(op) if op.input.dtype == op.out.dtype => {
            let value = graph.value(&op.input);
            graph.define(&op.out, value.node, value.layout);
            Ok(())
        }
        BaseOperationIr::Cast(op) => Err(Refusal::Unsupported(format!(
            "it changes the data type of its values from {:?} to {:?}",
            op.input.dtype, op.out.dtype
        ))),
        BaseOperationIr::Expand(op) => {
            let input = unmixed(graph, &op.input)?;
            if input.layout == Layout::Shared {
                return shared::expand(graph, input.node, &op.out);
            }
            let shape = op.out.shape.to_vec();
            apply(graph, Expand { shape }, vec![input.node], &op.out)
        }
        BaseOperationIr::MaskFill(op) => mask_fill(graph, op),
        BaseOperationIr::MaskWhere(op) => {
            let inputs = operands(graph, [&op.tensor, &op.mask, &op.value])?;
            apply(graph, Select, inputs, &op.out)
        }
        BaseOperationIr::Slice(op) => {
            let input = unmixed(graph, &op.tensor)?;
            let images = vec![Range::full(); input.layout.shift()];
            let slice = Slice::new(
                &[images, op.ranges.clone()].concat(),
                graph.shape(input.node),
            );
            apply_in(graph, input.layout, slice, vec![input.node], &op.out)
        }
        BaseOperationIr::SliceAssign(op) => {
            let inputs = operands(graph, [&op.tensor, &op.value])?;
            let assign = SliceAssign::new(&op.ranges, &op.tensor.shape.to_vec());
            apply(graph, assign, inputs, &op.out)
        }
        BaseOperationIr::SelectAssign(op) => select_add(graph, op),
        BaseOperationIr::Scatter(op) => scatter_add(graph, op),
        BaseOperationIr::Cat(op) => {
            let values: Vec<Value> = op.tensors.iter().map(|ir| graph.value(ir)).collect();
            let layout = shared::meeting(graph, &values);
            if layout != Layout::Shared {
                let inputs = operands(graph, &op.tensors)?;
                return apply(graph, Cat { dim: op.dim }, inputs, &op.out);
            }
            let inputs = values.into_iter();
            let inputs = inputs.map(|value| shared::aligned(graph, value, layout));
            let inputs = inputs.collect::<Result<_, _>>()?;
            apply_in(
                graph,
                layout,
                Cat {
                    dim: op.dim + layout.shift(),
                },
                inputs,
                &op.out,
            )
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
        FloatOperationIr::Tan(op) => unary(graph, Tan, op),
        FloatOperationIr::ArcTan(op) => unary(graph, Elementwise(ArcTan), op),
        FloatOperationIr::Sinh(op) => unary(graph, Elementwise(Sinh), op),
        FloatOperationIr::Cosh(op) => unary(graph, Elementwise(Cosh), op),
        FloatOperationIr::ArcSinh(op) => unary(graph, Elementwise(ArcSinh), op),
        FloatOperationIr::ArcTanh(op) => unary(graph, Elementwise(ArcTanh), op),
        FloatOperationIr::Floor(op) => unary(graph, Rounding::Floor, op),
        FloatOperationIr::Round(op) => unary(graph, Rounding::Nearest, op),
        FloatOperationIr::Ceil(op) => ceil(graph, op),
        FloatOperationIr::Trunc(op) => trunc(graph, op),
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
        ActivationOperationIr::PRelu(op) => prelu(graph, op),
        ActivationOperationIr::Sigmoid(op) => unary(graph, Elementwise(Sigmoid), op),
        ActivationOperationIr::LogSigmoid(op) => unary(graph, Elementwise(LogSigmoid), op),
        ActivationOperationIr::LogSoftmax(op) => softmax(graph, SoftmaxKind::LogSoftmax, op),
        ActivationOperationIr::Softmax(op) => softmax(graph, SoftmaxKind::Softmax, op),
        ActivationOperationIr::Softmin(op) => softmax(graph, SoftmaxKind::Softmin, op),
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
        NumericOperationIr::PowiScalar(op) => {
            let exponent: f64 = op.rhs.elem();
            if exponent == 0.0 {
                return Err(Refusal::unsupported("its exponent is zero"));
            }
            element_wise(graph, Elementwise(Power(exponent)), &op.lhs, &op.out)
        }
        NumericOperationIr::Neg(op) => unary(graph, Neg, op),
        NumericOperationIr::Abs(op) => unary(graph, Elementwise(Abs), op),
        NumericOperationIr::Sign(op) => unary(graph, PiecewiseLinear::sign(), op),
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
        NumericOperationIr::CumSum(op) => cumulative_sum(graph, &op.input, op.axis, &op.out),
        NumericOperationIr::Sum(op) => reduce_all(graph, &op.input, &op.out, false),
        NumericOperationIr::Mean(op) => reduce_all(graph, &op.input, &op.out, true),
        NumericOperationIr::MaxDim(op) => {
            extreme(graph, Extreme::Max, [&op.input, &op.out], op.axis)
        }
        NumericOperationIr::MinDim(op) => {
            extreme(graph, Extreme::Min, [&op.input, &op.out], op.axis)
        }
        NumericOperationIr::MaxDimWithIndices(op) => {
            without_places(graph, &op.out_indices)?;
            extreme(graph, Extreme::Max, [&op.tensor, &op.out], op.dim)
        }
        NumericOperationIr::MinDimWithIndices(op) => {
            without_places(graph, &op.out_indices)?;
            extreme(graph, Extreme::Min, [&op.tensor, &op.out], op.dim)
        }
        NumericOperationIr::Max(op) | NumericOperationIr::Min(op) => {
            Err(of_everything(graph, &op.input))
        }
        NumericOperationIr::Pad(op) => {
            // The other modes repeat elements, and are rearrangements.
            let PadModeIr::Constant(value) = op.mode else {
                return Err(unknown());
            };
            let input = plain(graph, &op.input)?;
            let pad = Pad {
                padding: op.padding.clone(),
                value: value.elem(),
            };
            apply(graph, pad, vec![input], &op.out)
        }
        _ => Err(unknown()),
    }
}

fn module(op: &ModuleOperationIr, graph: &mut Lowering) -> Result<(), Refusal> {
    // The records of convolutions have the same fields, but no type in common.
    macro_rules! moved {
        ($op:ident, $lower:ident, $movement:ty) => {{
            let movement = <$movement>::from($op.options.clone());
            $lower(graph, movement, [&$op.x, &$op.weight], &$op.bias, &$op.out)
        }};
    }
    match op {
        ModuleOperationIr::Conv1d(op) => moved!(op, convolve, ConvOptions<1>),
        ModuleOperationIr::Conv2d(op) => moved!(op, convolve, ConvOptions<2>),
        ModuleOperationIr::Conv3d(op) => moved!(op, product, ConvOptions<3>),
        ModuleOperationIr::ConvTranspose1d(op) => moved!(op, product, ConvTransposeOptions<1>),
        ModuleOperationIr::ConvTranspose2d(op) => moved!(op, product, ConvTransposeOptions<2>),
        ModuleOperationIr::ConvTranspose3d(op) => moved!(op, product, ConvTransposeOptions<3>),
        ModuleOperationIr::AdaptiveAvgPool1d(op) => adaptive_avg_pool(graph, &op.x, &op.out),
        ModuleOperationIr::AdaptiveAvgPool2d(op) => adaptive_avg_pool(graph, &op.x, &op.out),
        ModuleOperationIr::AdaptiveAvgPool3d(op) => adaptive_avg_pool(graph, &op.x, &op.out),
        ModuleOperationIr::Interpolate(op) => interpolate(graph, op),
        ModuleOperationIr::LayerNorm(op) => layer_norm(graph, op),
        ModuleOperationIr::BatchNorm(op) => batch_norm(graph, op),
        ModuleOperationIr::Unfold4d(op) => unfold(graph, op),
        ModuleOperationIr::AvgPool1d(op) => {
            let pool = AvgPool {
                kernel: [1, op.kernel_size],
                stride: [1, op.stride],
                padding: [0, op.padding],
                count_include_pad: op.count_include_pad,
                ceil_mode: op.ceil_mode,
                one_dimensional: true,
            };
            avg_pool(graph, pool, &op.x, &op.out)
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
            avg_pool(graph, pool, &op.x, &op.out)
        }
        ModuleOperationIr::MaxPool1d(op) => {
            let windows = Windows::of([op.kernel_size], [op.stride], [op.padding], [op.dilation]);
            max_pool(graph, &windows, &op.x, &op.out)
        }
        ModuleOperationIr::MaxPool2d(op) => {
            let windows = Windows::of(op.kernel_size, op.stride, op.padding, op.dilation);
            max_pool(graph, &windows, &op.x, &op.out)
        }
        ModuleOperationIr::MaxPool1dWithIndices(op) => {
            without_places(graph, &op.out_indices)?;
            let windows = Windows::of([op.kernel_size], [op.stride], [op.padding], [op.dilation]);
            max_pool(graph, &windows, &op.x, &op.out)
        }
        ModuleOperationIr::MaxPool2dWithIndices(op) => {
            without_places(graph, &op.out_indices)?;
            let windows = Windows::of(op.kernel_size, op.stride, op.padding, op.dilation);
            max_pool(graph, &windows, &op.x, &op.out)
        }
        _ => Err(unknown()),
    }
}
