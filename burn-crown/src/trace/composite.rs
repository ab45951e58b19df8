//! Functions that Burn records as several operators, found in a record so that each is lowered as
//! one operator.
//!
//! A pattern looks at the operator that makes the last value of an expression and follows its
//! operands back to their makers. It matches if the expression has exactly the recorded shape and
//! stands on the values that it says it reads; everything else is lowered operator by operator. The
//! operators inside a found expression are lowered only if something else reads them, see
//! [`needed_values`](super::lower). A new pattern is a line in [`recognise`].

use std::collections::HashMap;

use burn::backend::ir::{
    ActivationOperationIr, BaseOperationIr, BinaryOpIr, FloatOperationIr, NumericOperationIr,
    OperationIr, ReduceDimOpIr, ScalarOpIr, TensorId, TensorIr, UnaryOpIr,
};

use super::emit::element_wise;
use super::lower::Lowering;
use super::{log_sum_exp, maximum};
use crate::ops::{
    Curve, Elementwise, Elu, GeluApproximate, HardSwish, Mish, Operator, PiecewiseLinear, Refusal,
    Silu, Softplus, Softsign, Tanhshrink,
};

/// An expression that is lowered as one operator.
pub(super) struct Composite<'a> {
    /// The values that it stands on.
    pub(super) reads: Vec<&'a TensorIr>,
    /// Adds its operator to the graph, for the last value of the expression.
    pub(super) emit: Emit<'a>,
}

type Emit<'a> = Box<dyn Fn(&mut Lowering, &TensorIr) -> Result<(), Refusal> + 'a>;

/// The expressions in a record, by the value that they make.
pub(super) fn find(operations: &[OperationIr]) -> HashMap<TensorId, Composite<'_>> {
    let makers = Makers::new(operations);
    let found = operations.iter().flat_map(OperationIr::outputs);
    found
        .filter_map(|out| Some((out.id, recognise(&makers, out)?)))
        .collect()
}

/// The expression that makes a value, if it is one of those known: the one table to extend for a
/// new pattern.
fn recognise<'a>(makers: &Makers<'a>, out: &TensorIr) -> Option<Composite<'a>> {
    makers
        .gated(out)
        .or_else(|| makers.softplus_curve(out))
        .or_else(|| makers.elu(out))
        .or_else(|| makers.selu(out))
        .or_else(|| makers.softsign(out))
        .or_else(|| makers.gelu_approximate(out))
        .or_else(|| makers.tanhshrink(out))
        .or_else(|| makers.threshold(out))
        .or_else(|| makers.shrink(out))
        .or_else(|| maximum::of_pair(makers, out))
        .or_else(|| log_sum_exp::log_sum_exp(makers, out))
        .or_else(|| log_sum_exp::quiet_softmax(makers, out))
}

/// A function of one value.
fn curve<'a, C: Curve + Clone + 'static>(x: &'a TensorIr, curve: C) -> Composite<'a> {
    function(x, move || Elementwise(curve.clone()))
}

/// An operator on each element of one value.
fn function<'a, O: Operator + 'static>(
    x: &'a TensorIr,
    operator: impl Fn() -> O + 'a,
) -> Composite<'a> {
    Composite {
        reads: vec![x],
        emit: Box::new(move |graph, out| element_wise(graph, operator(), x, out)),
    }
}

/// The operator that makes each value of a record.
pub(super) struct Makers<'a>(HashMap<TensorId, &'a OperationIr>);

/// An operator as patterns see it.
pub(super) enum View<'a> {
    Unary(Unary, &'a TensorIr),
    Scalar(Scalar, &'a TensorIr, f64),
    Binary(Binary, &'a TensorIr, &'a TensorIr),
    Over(Over, &'a TensorIr, usize),
    HardSigmoid(&'a TensorIr, [f64; 2]),
    MaskFill {
        tensor: &'a TensorIr,
        mask: &'a TensorIr,
        value: f64,
    },
    MaskWhere {
        tensor: &'a TensorIr,
        mask: &'a TensorIr,
        value: &'a TensorIr,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unary {
    Abs,
    Exp,
    Log,
    Log1p,
    Neg,
    Sigmoid,
    Sign,
    Tanh,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Add,
    Sub,
    Mul,
    Div,
    Power,
    Equal,
    Greater,
    GreaterEqual,
    LowerEqual,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Lower,
}

/// What is taken over a dim, which stays with size 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Over {
    Max,
    Sum,
}

impl<'a> Makers<'a> {
    fn new(operations: &'a [OperationIr]) -> Self {
        let made =
            |operation: &'a OperationIr| operation.outputs().map(move |out| (out.id, operation));
        Self(operations.iter().flat_map(made).collect())
    }

    /// The operator that makes a value, if patterns know it.
    pub(super) fn view(&self, value: &TensorIr) -> Option<View<'a>> {
        let unary = |kind, op: &'a UnaryOpIr| Some(View::Unary(kind, &op.input));
        let scalar = |kind, op: &'a ScalarOpIr| Some(View::Scalar(kind, &op.lhs, op.rhs.elem()));
        let binary = |kind, op: &'a BinaryOpIr| Some(View::Binary(kind, &op.lhs, &op.rhs));
        let over = |kind, op: &'a ReduceDimOpIr| Some(View::Over(kind, &op.input, op.axis));
        match *self.0.get(&value.id)? {
            OperationIr::NumericFloat(_, op) => match op {
                NumericOperationIr::Abs(op) => unary(Unary::Abs, op),
                NumericOperationIr::Neg(op) => unary(Unary::Neg, op),
                NumericOperationIr::Sign(op) => unary(Unary::Sign, op),
                NumericOperationIr::AddScalar(op) => scalar(Scalar::Add, op),
                NumericOperationIr::SubScalar(op) => scalar(Scalar::Sub, op),
                NumericOperationIr::MulScalar(op) => scalar(Scalar::Mul, op),
                NumericOperationIr::DivScalar(op) => scalar(Scalar::Div, op),
                NumericOperationIr::PowiScalar(op) => scalar(Scalar::Power, op),
                NumericOperationIr::GreaterElem(op) => scalar(Scalar::Greater, op),
                NumericOperationIr::GreaterEqualElem(op) => scalar(Scalar::GreaterEqual, op),
                NumericOperationIr::LowerEqualElem(op) => scalar(Scalar::LowerEqual, op),
                NumericOperationIr::Add(op) => binary(Binary::Add, op),
                NumericOperationIr::Sub(op) => binary(Binary::Sub, op),
                NumericOperationIr::Mul(op) => binary(Binary::Mul, op),
                NumericOperationIr::Div(op) => binary(Binary::Div, op),
                NumericOperationIr::Lower(op) => binary(Binary::Lower, op),
                NumericOperationIr::MaxDim(op) => over(Over::Max, op),
                NumericOperationIr::SumDim(op) => over(Over::Sum, op),
                _ => None,
            },
            OperationIr::Float(_, op) => match op {
                FloatOperationIr::Exp(op) => unary(Unary::Exp, op),
                FloatOperationIr::Log(op) => unary(Unary::Log, op),
                FloatOperationIr::Log1p(op) => unary(Unary::Log1p, op),
                FloatOperationIr::Tanh(op) => unary(Unary::Tanh, op),
                _ => None,
            },
            OperationIr::Activation(op) => match op {
                ActivationOperationIr::Sigmoid(op) => unary(Unary::Sigmoid, op),
                ActivationOperationIr::HardSigmoid(op) => Some(View::HardSigmoid(
                    &op.tensor,
                    [op.alpha.elem(), op.beta.elem()],
                )),
                _ => None,
            },
            OperationIr::BaseFloat(op) => match op {
                BaseOperationIr::EqualElem(op) => scalar(Scalar::Equal, op),
                BaseOperationIr::MaskFill(op) => Some(View::MaskFill {
                    tensor: &op.tensor,
                    mask: &op.mask,
                    value: op.value.elem(),
                }),
                BaseOperationIr::MaskWhere(op) => Some(View::MaskWhere {
                    tensor: &op.tensor,
                    mask: &op.mask,
                    value: &op.value,
                }),
                _ => None,
            },
            _ => None,
        }
    }

    /// What a function of one value is applied to.
    pub(super) fn unary(&self, kind: Unary, value: &TensorIr) -> Option<&'a TensorIr> {
        match self.view(value)? {
            View::Unary(found, x) if found == kind => Some(x),
            _ => None,
        }
    }

    /// What an operator with a number is applied to, and the number.
    pub(super) fn scalar(&self, kind: Scalar, value: &TensorIr) -> Option<(&'a TensorIr, f64)> {
        match self.view(value)? {
            View::Scalar(found, x, number) if found == kind => Some((x, number)),
            _ => None,
        }
    }

    /// What a maximum or a sum over a dim is of, and the dim.
    pub(super) fn over(&self, kind: Over, value: &TensorIr) -> Option<(&'a TensorIr, usize)> {
        match self.view(value)? {
            View::Over(found, x, dim) if found == kind => Some((x, dim)),
            _ => None,
        }
    }

    /// As [`scalar`](Self::scalar), for one number alone.
    fn with(&self, kind: Scalar, wanted: f64, value: &TensorIr) -> Option<&'a TensorIr> {
        let (x, number) = self.scalar(kind, value)?;
        (number == wanted).then_some(x)
    }

    /// `x · gate(x)`: SiLU, hard swish and Mish.
    fn gated(&self, out: &TensorIr) -> Option<Composite<'a>> {
        let View::Binary(Binary::Mul, left, right) = self.view(out)? else {
            return None;
        };
        let gate = |x: &'a TensorIr, gate: &TensorIr| match self.view(gate)? {
            View::Unary(Unary::Sigmoid, of) if of.id == x.id => Some(curve(x, Silu)),
            View::HardSigmoid(of, [scale, shift]) if of.id == x.id => {
                Some(curve(x, HardSwish::new(scale, shift)?))
            }
            View::Unary(Unary::Tanh, softplus) => {
                let (of, beta, threshold) = self.softplus(softplus)?;
                // From there on tanh is 1 to more places than a number has.
                (of.id == x.id && beta == 1.0 && threshold >= Softplus::LEAST_THRESHOLD)
                    .then(|| curve(x, Mish))
            }
            _ => None,
        };
        gate(left, right).or_else(|| gate(right, left))
    }

    fn softplus_curve(&self, out: &TensorIr) -> Option<Composite<'a>> {
        let (x, beta, threshold) = self.softplus(out)?;
        Some(curve(x, Softplus::new(beta, threshold)?))
    }

    /// `log(1 + exp(β x)) / β`, and `x` where `β x` is above a threshold: `x`, `β`, threshold.
    fn softplus(&self, out: &TensorIr) -> Option<(&'a TensorIr, f64, f64)> {
        let View::MaskWhere {
            tensor,
            mask,
            value: x,
        } = self.view(out)?
        else {
            return None;
        };
        let (log, beta) = self.scalar(Scalar::Div, tensor)?;
        let capped = self.unary(Unary::Exp, self.unary(Unary::Log1p, log)?)?;
        let (scaled, cap, level) = self.mask_fill(capped)?;
        let (compared, threshold) = self.scalar(Scalar::Greater, mask)?;
        let of = self.with(Scalar::Mul, beta, scaled)?;
        let fits = cap.id == mask.id && compared.id == scaled.id && level == threshold;
        (fits && of.id == x.id).then_some((x, beta, threshold))
    }

    /// ELU and CELU.
    fn elu(&self, out: &TensorIr) -> Option<Composite<'a>> {
        let View::MaskWhere {
            tensor: x,
            mask,
            value,
        } = self.view(out)?
        else {
            return None;
        };
        let compared = self.with(Scalar::LowerEqual, 0.0, mask)?;
        let (depth, power) = self.exponential(value)?;
        let found = if power.id == x.id {
            Elu::new(1.0, depth, 1.0)?
        } else {
            let (of, divisor) = self.scalar(Scalar::Div, power)?;
            (of.id == x.id).then_some(())?;
            Elu::new(1.0, depth, 1.0 / divisor)?
        };
        (compared.id == x.id).then(|| curve(x, found))
    }

    fn selu(&self, out: &TensorIr) -> Option<Composite<'a>> {
        let View::MaskWhere {
            tensor,
            mask,
            value,
        } = self.view(out)?
        else {
            return None;
        };
        let x = self.with(Scalar::GreaterEqual, 0.0, mask)?;
        let (of, gain) = self.scalar(Scalar::Mul, value)?;
        let (depth, power) = self.exponential(tensor)?;
        let found = Elu::new(gain, depth, 1.0)?;
        (of.id == x.id && power.id == x.id).then(|| curve(x, found))
    }

    /// `depth · (exp(power) − 1)`.
    fn exponential(&self, value: &TensorIr) -> Option<(f64, &'a TensorIr)> {
        let (less, depth) = self.scalar(Scalar::Mul, value)?;
        let power = self.unary(Unary::Exp, self.with(Scalar::Sub, 1.0, less)?)?;
        Some((depth, power))
    }

    /// `x / (|x| + 1)`.
    fn softsign(&self, out: &TensorIr) -> Option<Composite<'a>> {
        let View::Binary(Binary::Div, x, divisor) = self.view(out)? else {
            return None;
        };
        let of = self.unary(Unary::Abs, self.with(Scalar::Add, 1.0, divisor)?)?;
        (of.id == x.id).then(|| curve(x, Softsign))
    }

    /// `x · (tanh(√(2/π) · (x + 0.044715 x³)) + 1) · 0.5`.
    fn gelu_approximate(&self, out: &TensorIr) -> Option<Composite<'a>> {
        let product = self.with(Scalar::Mul, 0.5, out)?;
        let View::Binary(Binary::Mul, x, gate) = self.view(product)? else {
            return None;
        };
        let scaled = self.unary(Unary::Tanh, self.with(Scalar::Add, 1.0, gate)?)?;
        let sum = self.with(Scalar::Mul, GeluApproximate::SCALE, scaled)?;
        let View::Binary(Binary::Add, first, third) = self.view(sum)? else {
            return None;
        };
        let cube = self.with(Scalar::Mul, GeluApproximate::CUBE, third)?;
        let of = self.with(Scalar::Power, 3.0, cube)?;
        (of.id == x.id && first.id == x.id).then(|| curve(x, GeluApproximate))
    }

    /// `x − tanh(x)`.
    fn tanhshrink(&self, out: &TensorIr) -> Option<Composite<'a>> {
        let View::Binary(Binary::Sub, x, tanh) = self.view(out)? else {
            return None;
        };
        (self.unary(Unary::Tanh, tanh)?.id == x.id).then(|| curve(x, Tanhshrink))
    }

    /// `x` above a threshold, else a number.
    fn threshold(&self, out: &TensorIr) -> Option<Composite<'a>> {
        let (x, mask, value) = self.mask_fill(out)?;
        let (compared, threshold) = self.scalar(Scalar::LowerEqual, mask)?;
        let found = PiecewiseLinear::threshold(threshold, value)?;
        (compared.id == x.id).then(|| function(x, move || found.clone()))
    }

    /// `x − bias · sign(x)`, and zero where `|x|` is at most `reach`; hard for a bias of zero, soft
    /// for one of `reach`.
    fn shrink(&self, out: &TensorIr) -> Option<Composite<'a>> {
        let (shrunk, mask, value) = self.mask_fill(out)?;
        let (size, reach) = self.scalar(Scalar::LowerEqual, mask)?;
        let of = self.unary(Unary::Abs, size)?;
        let (x, bias) = if of.id == shrunk.id {
            (shrunk, 0.0)
        } else {
            let View::Binary(Binary::Sub, x, less) = self.view(shrunk)? else {
                return None;
            };
            let (sign, bias) = self.scalar(Scalar::Mul, less)?;
            (self.unary(Unary::Sign, sign)?.id == x.id).then_some((x, bias))?
        };
        let found = PiecewiseLinear::shrink(reach, bias)?;
        (of.id == x.id && value == 0.0).then(|| function(x, move || found.clone()))
    }

    /// What is filled, the mask and the number.
    pub(super) fn mask_fill(&self, value: &TensorIr) -> Option<(&'a TensorIr, &'a TensorIr, f64)> {
        match self.view(value)? {
            View::MaskFill {
                tensor,
                mask,
                value,
            } => Some((tensor, mask, value)),
            _ => None,
        }
    }
}
