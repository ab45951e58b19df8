//! Sums, and products with fixed factors, element by element with broadcasting.

use std::sync::Arc;

use super::precision::copies;
use super::{
    Contribution, Interval, Operator, Product, Region, Rounded, Roundings, Step, Window, Windowed,
    homogeneous, perturbed,
};
use crate::tensor::AnyTensor;

/// `left + right`.
#[derive(Debug)]
pub(crate) struct Add;

/// `left − right`.
#[derive(Debug)]
pub(crate) struct Sub;

/// `left · right`, one of the two fixed.
#[derive(Debug)]
pub(crate) struct Mul;

/// `left / right` with a fixed divisor.
#[derive(Debug)]
pub(crate) struct Div;

/// `−x`.
#[derive(Debug)]
pub(crate) struct Neg;

/// `x + c`.
#[derive(Debug)]
pub(crate) struct AddScalar(pub(crate) f64);

/// `c · x`.
#[derive(Debug)]
pub(crate) struct MulScalar(pub(crate) f64);

/// The image of two independent regions under addition: their boxes added, where both vary.
fn add_regions(left: &Region, right: &Region) -> Region {
    match (left, right) {
        (region, Region::Fixed(value)) | (Region::Fixed(value), region) => region.shift(value),
        _ => {
            let (left, right) = (left.interval(), right.interval());
            Region::Box(Interval {
                lower: left.lower.add(right.lower),
                upper: left.upper.add(right.upper),
            })
        }
    }
}

/// The linear part of `left ± right`; `signed` is applied to the right one.
fn add_linear(
    coefficients: &[Option<Interval>],
    step: &Step,
    signed: impl Fn(Interval) -> Interval,
) -> Option<Interval> {
    // A fixed operand is a constant, which can still broadcast the other.
    let alone = |varying: &Interval, fixed: usize| {
        let sizes = varying.lower.shape();
        let pairs = sizes.iter().zip(step.shapes[fixed]).skip(1);
        let features: Vec<usize> = pairs.map(|(own, other)| *own.max(other)).collect();
        let shape = [&sizes[..1], &features].concat();
        varying.clone().map(|bound| bound.expand(&shape))
    };
    let right = coefficients[1].clone().map(signed);
    Some(match (&coefficients[0], right) {
        (Some(left), Some(right)) => Interval {
            lower: left.lower.clone().add(right.lower),
            upper: left.upper.clone().add(right.upper),
        },
        (Some(left), None) => alone(left, 1),
        (None, Some(right)) => alone(&right, 0),
        (None, None) => return None,
    })
}

/// The negative of an interval.
fn turned(interval: Interval) -> Interval {
    Interval {
        lower: interval.upper.neg(),
        upper: interval.lower.neg(),
    }
}

/// The backward step of `left ± right`.
fn add_backward(form: AnyTensor, signed: AnyTensor, step: &Step) -> Contribution {
    let mut bias: Option<AnyTensor> = None;
    let mut operand = |index: usize, form: AnyTensor| {
        if step.is_perturbed(index) {
            return Some(form.sum_to(&step.form_shape(index)));
        }
        bias = Some(step.dot(form, step.fixed(index)));
        None
    };
    let forms = vec![operand(0, form), operand(1, signed)];
    Contribution { forms, bias }
}

impl Operator for Add {
    fn for_several(&self) -> Option<Arc<dyn Operator>> {
        Some(Arc::new(Self))
    }

    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        Windowed::element_wise(window, operands)
    }

    fn terms(&self, shapes: &[&[usize]], output: &[usize]) -> usize {
        copies(shapes, output) + 8
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().add(inputs[1].clone())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        add_regions(&inputs[0], &inputs[1])
    }

    fn linear(&self, coefficients: &[Option<Interval>], step: &Step) -> Option<Interval> {
        add_linear(coefficients, step, |right| right)
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        add_backward(form.clone(), form, step)
    }
}

impl Operator for Sub {
    fn for_several(&self) -> Option<Arc<dyn Operator>> {
        Some(Arc::new(Self))
    }

    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        Windowed::element_wise(window, operands)
    }

    fn terms(&self, shapes: &[&[usize]], output: &[usize]) -> usize {
        copies(shapes, output) + 8
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().sub(inputs[1].clone())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        add_regions(&inputs[0], &Neg.interval(&inputs[1..2]))
    }

    fn linear(&self, coefficients: &[Option<Interval>], step: &Step) -> Option<Interval> {
        add_linear(coefficients, step, turned)
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        add_backward(form.clone(), form.neg(), step)
    }
}

impl Operator for Mul {
    fn for_several(&self) -> Option<Arc<dyn Operator>> {
        Some(Arc::new(Product))
    }

    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        Windowed::element_wise(window, operands)
    }

    fn terms(&self, shapes: &[&[usize]], output: &[usize]) -> usize {
        copies(shapes, output) + 8
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().mul(inputs[1].clone())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        match (&inputs[0], &inputs[1]) {
            (region, Region::Fixed(factor)) => region.scale(factor),
            (factor, region) => region.scale(&factor.fixed()),
        }
    }

    fn linear(&self, coefficients: &[Option<Interval>], step: &Step) -> Option<Interval> {
        let operand = |index: usize| match &coefficients[index] {
            Some(interval) => Region::Box(interval.clone()),
            None => step.fixed_over_rows(index),
        };
        Some(self.interval(&[0, 1].map(operand)).interval())
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let perturbed = usize::from(!step.is_perturbed(0));
        let factor = step.over_rows(step.fixed(1 - perturbed));
        let mut forms = vec![None, None];
        forms[perturbed] = Some(form.mul(factor).sum_to(&step.form_shape(perturbed)));
        Contribution { forms, bias: None }
    }
}

impl Operator for Div {
    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        Windowed::element_wise(window, operands)
    }

    fn terms(&self, shapes: &[&[usize]], output: &[usize]) -> usize {
        copies(shapes, output) + 8
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().div(inputs[1].clone())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let divisor = inputs[1].fixed();
        let one = AnyTensor::full(&divisor.shape(), 1.0, &divisor);
        inputs[0].scale(&one.div(divisor))
    }

    fn linear(&self, coefficients: &[Option<Interval>], step: &Step) -> Option<Interval> {
        let dividend = Region::Box(perturbed(coefficients, 0));
        let divisor = step.fixed_over_rows(1);
        Some(self.interval(&[dividend, divisor]).interval())
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let divisor = step.over_rows(step.fixed(1));
        let form = form.div(divisor).sum_to(&step.form_shape(0));
        Contribution {
            forms: vec![Some(form), None],
            bias: None,
        }
    }
}

impl Operator for Neg {
    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        Windowed::element_wise(window, operands)
    }

    fn terms(&self, shapes: &[&[usize]], output: &[usize]) -> usize {
        copies(shapes, output) + 8
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().neg()
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        scale_by(&inputs[0], -1.0)
    }

    fn linear(&self, coefficients: &[Option<Interval>], _step: &Step) -> Option<Interval> {
        homogeneous(self, coefficients)
    }

    fn backward(&self, form: AnyTensor, _step: &Step) -> Contribution {
        Contribution::unary(form.neg())
    }
}

impl Operator for AddScalar {
    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        Windowed::element_wise(window, operands)
    }

    fn terms(&self, shapes: &[&[usize]], output: &[usize]) -> usize {
        copies(shapes, output) + 8
    }

    /// The ends of a box are sums of two numbers, each off by a rounding of itself and of the
    /// constant, which is rounded to the data type; they may be far smaller than the interval.
    fn roundings(&self, rounded: &Rounded) -> Option<Roundings> {
        let affine = rounded.affine(self);
        if rounded.inputs[0].boxes().is_none() {
            return Some(affine);
        }
        let gamma = rounded.precision.gamma(4);
        let ends = self.interval(rounded.inputs).interval();
        let error = |end: AnyTensor| {
            let size = end.abs().add_scalar(self.0.abs());
            size.mul_scalar(gamma)
                .add_scalar(4.0 * rounded.precision.tiny)
        };
        Some(Roundings {
            value: Some(ends.map(error)),
            ..affine
        })
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().add_scalar(self.0)
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let region = &inputs[0];
        let like = region.like();
        region.shift(&AnyTensor::full(&vec![1; like.rank()], self.0, like))
    }

    fn linear(&self, coefficients: &[Option<Interval>], _step: &Step) -> Option<Interval> {
        Some(perturbed(coefficients, 0))
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let total = form.clone().sum_features().mul_scalar(self.0);
        let bias = total.reshape(&[step.batch, step.rows]);
        Contribution {
            forms: vec![Some(form)],
            bias: Some(bias),
        }
    }
}

impl Operator for MulScalar {
    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        Windowed::element_wise(window, operands)
    }

    fn terms(&self, shapes: &[&[usize]], output: &[usize]) -> usize {
        copies(shapes, output) + 8
    }

    fn adds_up(&self) -> bool {
        self.0 > 0.0
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().mul_scalar(self.0)
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        scale_by(&inputs[0], self.0)
    }

    fn linear(&self, coefficients: &[Option<Interval>], _step: &Step) -> Option<Interval> {
        homogeneous(self, coefficients)
    }

    fn backward(&self, form: AnyTensor, _step: &Step) -> Contribution {
        Contribution::unary(form.mul_scalar(self.0))
    }
}

fn scale_by(region: &Region, factor: f64) -> Region {
    let like = region.like();
    region.scale(&AnyTensor::full(&vec![1; like.rank()], factor, like))
}
