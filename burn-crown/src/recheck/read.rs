//! Burn's operators, each as one of the checker's.

use burn::backend::ir::{
    ActivationOperationIr, BaseOperationIr, FloatOperationIr, ModuleOperationIr,
    NumericOperationIr, OperationIr, TensorIr,
};

use super::number::Interval;
use super::places::{self, Places, Window};
use super::step::{Convolution, Operator};

/// The operator that makes `out`.
///
/// # Errors
///
/// Why the checker does not have it.
pub(super) fn operator(operation: &OperationIr, out: &TensorIr) -> Result<Operator, String> {
    let found = match operation {
        OperationIr::BaseFloat(op) => base(op, out)?,
        OperationIr::NumericFloat(_, op) => numeric(op, out)?,
        OperationIr::Float(_, FloatOperationIr::Matmul(op)) => Some(matrix(&op.lhs, &op.rhs, out)),
        OperationIr::Activation(ActivationOperationIr::Relu(_)) => {
            Some(Operator::Rectifier { slope: 0.0 })
        }
        OperationIr::Activation(ActivationOperationIr::LeakyRelu(op)) => {
            let slope: f64 = op.rhs.elem();
            if !(slope.is_finite() && slope <= 1.0) {
                return Err(format!("its slope is {slope}, not at most 1"));
            }
            Some(Operator::Rectifier { slope })
        }
        OperationIr::Module(op) => module(op, out)?,
        _ => None,
    };
    found.ok_or_else(|| "the checker does not have it".into())
}

fn shape(ir: &TensorIr) -> Vec<usize> {
    ir.shape.to_vec()
}

fn base(op: &BaseOperationIr, out: &TensorIr) -> Result<Option<Operator>, String> {
    let to = Places::new(shape(out));
    let copy = |from: &TensorIr, place: &dyn Fn(&[usize]) -> Vec<usize>| {
        let from = Places::new(shape(from));
        let element = |element| (0, from.element(&place(&to.coordinates(element))));
        Operator::Copy((0..to.count()).map(element).collect())
    };
    Ok(Some(match op {
        BaseOperationIr::Reshape(_) => Operator::Copy((0..to.count()).map(|at| (0, at)).collect()),
        BaseOperationIr::Cast(op) if op.input.dtype == op.out.dtype => {
            Operator::Copy((0..to.count()).map(|at| (0, at)).collect())
        }
        BaseOperationIr::SwapDims(op) => copy(&op.input, &|at| {
            let mut at = at.to_vec();
            at.swap(op.dim1, op.dim2);
            at
        }),
        BaseOperationIr::Permute(op) => copy(&op.input, &|at| {
            let mut from = vec![0; at.len()];
            for (position, &axis) in op.axes.iter().enumerate() {
                from[axis] = at[position];
            }
            from
        }),
        BaseOperationIr::Expand(op) => {
            let from = Places::new(shape(&op.input));
            let element = |element| (0, from.broadcast(&to.coordinates(element)));
            Operator::Copy((0..to.count()).map(element).collect())
        }
        BaseOperationIr::Slice(op) => {
            if op.ranges.iter().any(|range| range.step() < 1) {
                return Err("it reverses elements".into());
            }
            let sizes = shape(&op.tensor);
            copy(&op.tensor, &|at| {
                at.iter()
                    .enumerate()
                    .map(|(dim, &at)| match op.ranges.get(dim) {
                        Some(range) => {
                            range.to_range(sizes[dim]).start + at * range.step().unsigned_abs()
                        }
                        None => at,
                    })
                    .collect()
            })
        }
        BaseOperationIr::Cat(op) => {
            let parts: Vec<Places> = op.tensors.iter().map(|ir| Places::new(shape(ir))).collect();
            let element = |element| {
                let mut at = to.coordinates(element);
                let mut part = 0;
                while at[op.dim] >= parts[part].size(op.dim) {
                    at[op.dim] -= parts[part].size(op.dim);
                    part += 1;
                }
                (part, parts[part].element(&at))
            };
            Operator::Copy((0..to.count()).map(element).collect())
        }
        _ => return Ok(None),
    }))
}

fn numeric(op: &NumericOperationIr, out: &TensorIr) -> Result<Option<Operator>, String> {
    let meets =
        |left: &TensorIr, right: &TensorIr| places::meets(&shape(left), &shape(right), &shape(out));
    let scalar = |factor, shift| Operator::Scalar { factor, shift };
    let one = Interval::point(1.0);
    Ok(Some(match op {
        NumericOperationIr::Add(op) => Operator::Add {
            sign: 1.0,
            meets: meets(&op.lhs, &op.rhs),
        },
        NumericOperationIr::Sub(op) => Operator::Add {
            sign: -1.0,
            meets: meets(&op.lhs, &op.rhs),
        },
        NumericOperationIr::Mul(op) => Operator::Multiply {
            meets: meets(&op.lhs, &op.rhs),
        },
        NumericOperationIr::Div(op) => Operator::Divide {
            meets: meets(&op.lhs, &op.rhs),
        },
        NumericOperationIr::AddScalar(op) => scalar(one, op.rhs.elem()),
        NumericOperationIr::SubScalar(op) => scalar(one, -op.rhs.elem::<f64>()),
        NumericOperationIr::MulScalar(op) => scalar(Interval::point(op.rhs.elem()), 0.0),
        NumericOperationIr::DivScalar(op) => {
            scalar(Interval::point(op.rhs.elem()).reciprocal(), 0.0)
        }
        NumericOperationIr::Neg(_) => scalar(Interval::point(-1.0), 0.0),
        NumericOperationIr::SumDim(op) => total(&op.input, out, &[op.axis], false),
        NumericOperationIr::MeanDim(op) => total(&op.input, out, &[op.axis], true),
        NumericOperationIr::SumDims(op) => total(&op.input, out, &op.axes, false),
        NumericOperationIr::MaxDim(op) => Operator::Largest {
            members: places::along(&shape(&op.input), &[op.axis]),
        },
        _ => return Ok(None),
    }))
}

/// A sum or mean over dims, which stay with size 1.
fn total(input: &TensorIr, out: &TensorIr, dims: &[usize], mean: bool) -> Operator {
    let members = places::along(&shape(input), dims);
    let factor = |members: &Vec<usize>| match mean {
        true => Interval::point(members.len() as f64).reciprocal(),
        false => Interval::point(1.0),
    };
    debug_assert_eq!(members.len(), shape(out).iter().product::<usize>());
    Operator::Total {
        factors: members.iter().map(factor).collect(),
        members,
    }
}

fn matrix(left: &TensorIr, right: &TensorIr, out: &TensorIr) -> Operator {
    let (left, right, out) = (shape(left), shape(right), shape(out));
    let rank = out.len();
    let size = [out[rank - 2], left[rank - 1], out[rank - 1]];
    let begins = places::meets(&left[..rank - 2], &right[..rank - 2], &out[..rank - 2])
        .into_iter()
        .map(|[x, y]| [x * size[0] * size[1], y * size[1] * size[2]])
        .collect();
    Operator::Matrix { begins, size }
}

fn module(op: &ModuleOperationIr, out: &TensorIr) -> Result<Option<Operator>, String> {
    Ok(Some(match op {
        ModuleOperationIr::Conv1d(op) => {
            let options = &op.options;
            let (input, weight, out) = (shape(&op.x), shape(&op.weight), shape(out));
            Operator::Convolution(Convolution {
                input: [input[1], 1, input[2]],
                output: [out[1], 1, out[2]],
                kernel: [1, weight[2]],
                stride: [1, options.stride[0]],
                padding: [0, options.padding[0].0],
                dilation: [1, options.dilation[0]],
                groups: options.groups,
                biased: op.bias.is_some(),
            })
        }
        ModuleOperationIr::Conv2d(op) => {
            let options = &op.options;
            let (input, weight, out) = (shape(&op.x), shape(&op.weight), shape(out));
            Operator::Convolution(Convolution {
                input: [input[1], input[2], input[3]],
                output: [out[1], out[2], out[3]],
                kernel: [weight[2], weight[3]],
                stride: options.stride,
                padding: options.padding.map(|(before, _)| before),
                dilation: options.dilation,
                groups: options.groups,
                biased: op.bias.is_some(),
            })
        }
        ModuleOperationIr::BatchNorm(op) => {
            let places = Places::new(shape(&op.x));
            Operator::Normalise {
                epsilon: op.epsilon.elem(),
                channels: (0..places.count())
                    .map(|element| places.coordinates(element)[1])
                    .collect(),
            }
        }
        ModuleOperationIr::AvgPool1d(op) => {
            let window = Window::new(op.kernel_size, op.stride, op.padding, 1);
            average(&op.x, out, &[window], op.count_include_pad, op.ceil_mode)?
        }
        ModuleOperationIr::AvgPool2d(op) => {
            let windows: Vec<Window> = (0..2)
                .map(|dim| Window::new(op.kernel_size[dim], op.stride[dim], op.padding[dim], 1))
                .collect();
            average(&op.x, out, &windows, op.count_include_pad, op.ceil_mode)?
        }
        ModuleOperationIr::MaxPool1d(op) => {
            let window = Window::new(op.kernel_size, op.stride, op.padding, op.dilation);
            most(&op.x, out, &[window])?
        }
        ModuleOperationIr::MaxPool2d(op) => {
            let windows: Vec<Window> = (0..2)
                .map(|dim| {
                    let [kernel, stride, padding, dilation] =
                        [op.kernel_size, op.stride, op.padding, op.dilation].map(|of| of[dim]);
                    Window::new(kernel, stride, padding, dilation)
                })
                .collect();
            most(&op.x, out, &windows)?
        }
        _ => return Ok(None),
    }))
}

fn average(
    input: &TensorIr,
    out: &TensorIr,
    windows: &[Window],
    with_padding: bool,
    ceil: bool,
) -> Result<Operator, String> {
    if ceil {
        return Err("its windows reach past the padded image (ceil_mode)".into());
    }
    let members = places::windows(&shape(input), &shape(out), windows);
    let area: usize = windows.iter().map(Window::size).product();
    let factor = |members: &Vec<usize>| {
        let count = if with_padding { area } else { members.len() };
        Interval::point(count as f64).reciprocal()
    };
    Ok(Operator::Total {
        factors: members.iter().map(factor).collect(),
        members,
    })
}

fn most(input: &TensorIr, out: &TensorIr, windows: &[Window]) -> Result<Operator, String> {
    let members = places::windows(&shape(input), &shape(out), windows);
    if members.iter().any(Vec::is_empty) {
        return Err("a window lies in the padding".into());
    }
    Ok(Operator::Largest { members })
}
