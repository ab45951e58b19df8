//! The operators, one file a family.
//!
//! An operator has three faces: its value, its interval, and its linear relaxation, applied
//! backward to a linear form on its output. Forward, the relaxation is that of
//! [`Operator::linear`] or [`Operator::lines`]; without one, the backward step serves. Bound methods
//! work on these faces alone; no method knows an operator, and no operator a method.
//!
//! Shapes: `B` is the batch, `S` the number of specification rows. A node's value is `[B, ...]`, a
//! linear form on it `A` is `[B·S, ...]` with the rows of an image side by side, a bias `[B, S]`.
//! Linear functions of the inputs' `D` elements, whose value is a node's, have coefficients
//! `[B·D, ...]`.

mod batch_norm;
mod bilinear;
mod cat;
mod center;
mod compare;
mod conv;
mod curve;
mod elementwise;
mod exp_chords;
mod hull;
mod kernel;
mod leaky_relu;
mod lines;
mod log_softmax;
mod log_sum_exp;
mod log_sum_rounding;
mod matmul;
mod maximum;
mod pad;
mod pick;
mod piecewise_linear;
mod pool;
mod precision;
mod product;
mod reduce;
mod region;
mod relu;
mod rounding;
mod select;
mod shape;
mod slice;
mod slice_assign;
mod softmax;
mod substitution;
mod window;
mod within;

pub(crate) use batch_norm::BatchNorm;
pub(crate) use bilinear::Bilinear;
pub(crate) use cat::Cat;
pub(crate) use center::Center;
pub(crate) use compare::{Compare, Comparison};
pub(crate) use curve::{
    Abs, ArcSinh, ArcTan, ArcTanh, Clamp, Cosh, Curve, Elementwise, Elu, Erf, Exp, Gelu,
    GeluApproximate, HardSwish, Log, Log1p, LogSigmoid, Mish, Power, Recip, Sigmoid, Silu, Sine,
    Sinh, Softplus, Softsign, Sqrt, Tan, Tanh, Tanhshrink,
};
pub(crate) use elementwise::{Add, AddScalar, Div, Mul, MulScalar, Neg, Sub};
pub(crate) use exp_chords::ExpChords;
pub(crate) use kernel::{Kernel, Movement};
pub(crate) use leaky_relu::LeakyRelu;
pub(crate) use lines::{Line, Lines};
pub(crate) use log_softmax::LogSoftmax;
pub(crate) use log_sum_exp::LogSumExp;
pub(crate) use matmul::Matmul;
pub(crate) use maximum::Maximum;
pub(crate) use pad::Pad;
pub(crate) use pick::{Pick, Place};
pub(crate) use piecewise_linear::PiecewiseLinear;
pub(crate) use pool::AvgPool;
pub(crate) use precision::{Precision, Rounded, Roundings};
pub(crate) use product::Product;
pub(crate) use reduce::Reduce;
pub(crate) use region::{Ball, Interval, Region, power_norm_scaled};
pub(crate) use relu::Relu;
pub(crate) use rounding::Rounding;
pub(crate) use select::Select;
pub(crate) use shape::{Expand, Permute, Reshape};
pub(crate) use slice::Slice;
pub(crate) use slice_assign::SliceAssign;
pub(crate) use softmax::Softmax;
pub(crate) use substitution::Substitution;
pub(crate) use window::{Window, Windowed};
pub(crate) use within::Within;

use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::Arc;

use crate::bound::LowerSlope;
use crate::tensor::{AnyMask, AnyTensor};

/// An operator of the graph.
pub(crate) trait Operator: Debug + Send + Sync {
    /// Why the operator cannot be bounded with these operands, if it cannot.
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        let _ = operands;
        None
    }

    /// For an operator of which any operand may be the perturbed one: the operator for several
    /// perturbed operands.
    fn for_several(&self) -> Option<Arc<dyn Operator>> {
        None
    }

    /// Whether the output is an affine function of the perturbed inputs, so that the backward step
    /// is exact.
    fn is_affine(&self) -> bool {
        true
    }

    /// The output for given inputs.
    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor;

    /// A region that holds the output for all inputs in the given regions; at least one of them is
    /// not fixed.
    fn interval(&self, inputs: &[Region]) -> Region;

    /// From the linear form `A · output`, a linear form on the perturbed inputs that is nowhere
    /// above it: `Σ Aᵢ · inputᵢ + bias ≤ A · output`. An operator that has [`lines`](Self::lines)
    /// needs no other one.
    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let lines = step.lines(|| self.lines(step));
        let lines = lines.expect("an operator has lines, or a backward step of its own");
        lines.backward(form, step)
    }

    /// For an affine operator: what its linear part, the one without the constant, makes of a pair
    /// of linear bounds, given by their coefficients `[B·D, ...]` (`step.rows` is `D`) on each
    /// perturbed operand. The pair bounds from below and from above, as the two ends of an interval
    /// do, but its ends need not be in order.
    fn linear(&self, coefficients: &[Option<Interval>], step: &Step) -> Option<Interval> {
        let _ = (coefficients, step);
        None
    }

    /// For an operator that is not affine and works on its first operand element by element: lines
    /// around it on the operand's interval.
    fn lines(&self, step: &Step) -> Option<Lines> {
        let _ = step;
        None
    }

    /// What makes a window of the output alone, of windows of the operands: for operators on images,
    /// whose elements depend on those around the same place. It is asked for its backward step, of
    /// any number of images, each of which may be there several times, and gives the coefficients
    /// and, for an operator that is not affine, the relaxation that this operator has there. None
    /// where the window can be made with the rest of the output only, or the operator treats some
    /// images unlike others.
    fn window(&self, window: &Window, output: &[usize], operands: &[&[usize]]) -> Option<Windowed> {
        let _ = (window, output, operands);
        None
    }

    /// How many relaxations the operator has, of which none is the tightest in every network.
    fn alternatives(&self) -> usize {
        1
    }

    /// How many elements a backward step has alive beside those of the linear forms, of whatever
    /// number of rows, for operands of these shapes. Arrays of a node's size do not count.
    fn workspace(&self, operands: &[&[usize]]) -> usize {
        let _ = operands;
        0
    }

    /// Whether the output consists of elements of the operands, or of constants, as they are.
    fn is_exact(&self) -> bool {
        false
    }

    /// How many roundings lie on the way to one element of the output, or back to one coefficient,
    /// at most: the length of the sum and a few. By default all that it could be.
    fn terms(&self, shapes: &[&[usize]], output: &[usize]) -> usize {
        let features = |shape: &[usize]| shape.iter().product::<usize>();
        let operands: usize = shapes.iter().map(|shape| features(shape)).sum();
        operands + features(output) + 8
    }

    /// For an affine operator and boxes around zero: the sum of the absolute values of all that is
    /// added up on the way to each element of the output, of its shape.
    fn magnitude(&self, inputs: &[Region]) -> AnyTensor {
        let Interval { lower, upper } = self.interval(inputs).interval();
        lower.abs().max(upper.abs())
    }

    /// For an affine operator: whether it adds up elements of its one operand with weights that are
    /// not negative, without a constant.
    fn adds_up(&self) -> bool {
        false
    }

    /// How far rounding takes the operator's results; none where it is not accounted for.
    fn roundings(&self, rounded: &Rounded) -> Option<Roundings> {
        self.is_affine().then(|| rounded.affine(self))
    }

    /// Whether [`roundings`](Self::roundings) knows.
    fn accounts_for_rounding(&self) -> bool {
        self.is_affine()
    }

    /// For an operator on one input that is not affine and works element by element: parallel lines
    /// around it on an interval, if it has such a relaxation.
    fn band(&self, input: &Interval) -> Option<Band> {
        let _ = input;
        None
    }

    /// For an operator that is not affine: which elements of its input the relaxation is not
    /// exact on, given their interval. Full CROWN tightens these alone.
    fn open(&self, input: &Interval) -> AnyMask {
        input.upper.clone().greater(input.lower.clone())
    }

    /// How many elements of each image are [open](Self::open), `[B]`; without gradient.
    fn count_open(&self, input: &Interval) -> AnyTensor {
        self.open(input).ones(&input.lower).sum_features()
    }
}

/// Parallel lines around an operator: `slope ∘ x + intercept` with the intercept's two bounds.
pub(crate) struct Band {
    pub(crate) slope: AnyTensor,
    pub(crate) intercept: Interval,
}

/// Why an operator cannot be bounded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// It has no relaxation, at least for these operands.
    Unsupported(String),
    /// It computes one image's output from another image.
    MixesBatch(String),
}

impl Refusal {
    pub(crate) fn unsupported(reason: &str) -> Self {
        Self::Unsupported(reason.into())
    }

    pub(crate) fn mixes_batch(reason: &str) -> Self {
        Self::MixesBatch(reason.into())
    }
}

/// What the graph knows of an operand when it is built.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub(crate) shape: Vec<usize>,
    pub(crate) perturbed: bool,
}

/// The surroundings of one step with linear forms.
pub(crate) struct Step<'a> {
    /// What is known of the operands: the values of fixed ones, and for an operator that is not
    /// affine the bounds of the others.
    pub(crate) regions: &'a [Option<&'a Region>],
    /// Which operands depend on a perturbed input.
    pub(crate) perturbed: &'a [bool],
    /// The shapes of the operands, as recorded.
    pub(crate) shapes: &'a [&'a [usize]],
    /// `B`.
    pub(crate) batch: usize,
    /// The rows of an image: `S` backward, `D` forward.
    pub(crate) rows: usize,
    /// The lower slope of relaxations that have a choice.
    pub(crate) slope: LowerSlope,
    /// Which of its relaxations the operator takes, below its number of
    /// [`alternatives`](Operator::alternatives).
    pub(crate) alternative: usize,
    /// The lines that the operator had in an earlier step, with their slope.
    pub(crate) lines: &'a RefCell<Option<(LowerSlope, Lines)>>,
}

impl Step<'_> {
    /// The operator's lines, found once for all steps with the same bounds of its operands.
    fn lines(&self, find: impl FnOnce() -> Option<Lines>) -> Option<Lines> {
        let mut found = self.lines.borrow_mut();
        if !matches!(&*found, Some((slope, _)) if *slope == self.slope) {
            *found = find().map(|lines| (self.slope, lines));
        }
        found.as_ref().map(|(_, lines)| lines.clone())
    }

    /// The value of a fixed operand.
    pub(crate) fn fixed(&self, index: usize) -> AnyTensor {
        self.region(index).fixed()
    }

    /// The bounds of a perturbed operand, for an operator that is not affine.
    pub(crate) fn interval(&self, index: usize) -> Interval {
        self.region(index).interval()
    }

    fn region(&self, index: usize) -> &Region {
        self.regions[index].expect("a method provides the operands that an operator reads")
    }

    /// Whether the operand depends on a perturbed input.
    pub(crate) fn is_perturbed(&self, index: usize) -> bool {
        self.perturbed[index]
    }

    /// The shape of a linear form on an operand: `[B·S, ...]`.
    pub(crate) fn form_shape(&self, index: usize) -> Vec<usize> {
        self.with_rows(self.shapes[index])
    }

    /// A shape `[B, ...]` with the rows of a form in place of the batch.
    pub(crate) fn with_rows(&self, shape: &[usize]) -> Vec<usize> {
        [&[self.batch * self.rows], &shape[1..]].concat()
    }

    /// The coefficients `[B·D, ...]` on a fixed operand: none.
    fn zeros(&self, index: usize) -> AnyTensor {
        AnyTensor::zeros(&self.form_shape(index), &self.fixed(index))
    }

    /// A fixed operand as one that broadcasts over the rows of a form.
    fn fixed_over_rows(&self, index: usize) -> Region {
        Region::Fixed(self.over_rows(self.fixed(index)))
    }

    /// A fixed tensor `[1 or B, ...]` as one that broadcasts over the rows of a form.
    pub(crate) fn over_rows(&self, fixed: AnyTensor) -> AnyTensor {
        if fixed.shape()[0] == 1 {
            fixed
        } else {
            fixed.repeat_rows(self.rows)
        }
    }

    /// `A · c` for a fixed `c` that broadcasts to the shape of the form: `[B, S]`.
    pub(crate) fn dot(&self, form: AnyTensor, constant: AnyTensor) -> AnyTensor {
        let mut shape = constant.shape();
        let per_image = shape[0] == self.batch && self.batch > 1;
        shape[0] = self.batch * self.rows;
        let form = form.sum_to(&shape);
        let features: usize = shape[1..].iter().product();
        let (left, right) = if per_image {
            (
                vec![self.batch, self.rows, features],
                vec![self.batch, features, 1],
            )
        } else {
            (
                vec![1, self.batch * self.rows, features],
                vec![1, features, 1],
            )
        };
        form.reshape(&left)
            .matmul(constant.reshape(&right))
            .reshape(&[self.batch, self.rows])
    }
}

/// What a backward step gives: a form for each perturbed input, and a bias `[B, S]`.
pub(crate) struct Contribution {
    pub(crate) forms: Vec<Option<AnyTensor>>,
    pub(crate) bias: Option<AnyTensor>,
}

impl Contribution {
    /// For an operator with one input.
    pub(crate) fn unary(form: AnyTensor) -> Self {
        Self {
            forms: vec![Some(form)],
            bias: None,
        }
    }
}

/// The coefficients on an operand that depends on a perturbed input.
fn perturbed(coefficients: &[Option<Interval>], index: usize) -> Interval {
    coefficients[index]
        .clone()
        .expect("a method provides the coefficients of perturbed operands")
}

/// The image of the coefficients on the first operand under an operator that maps zero to zero.
fn homogeneous(operator: &dyn Operator, coefficients: &[Option<Interval>]) -> Option<Interval> {
    let region = Region::Box(perturbed(coefficients, 0));
    Some(operator.interval(&[region]).interval())
}
