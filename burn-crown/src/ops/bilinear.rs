//! Matrix products of two values that both depend on the perturbed input.

use std::sync::Arc;

use super::lines::rows;
use super::matmul::{Matmul, norm_right, transpose};
use super::precision::copies;
use super::product::{Mixture, PLANE, Plane, alike, plane_above, plane_below, range};
use super::{
    Ball, Contribution, Interval, Operand, Operator, Precision, Refusal, Region, Rounded,
    Roundings, Step,
};
use crate::tensor::{AnyTensor, Factors};

/// `left · right`, `[B, ..., m, k]` by `[B, ..., k, n]`, both perturbed, with the dims in between
/// broadcast.
///
/// Each of the `m · k · n` products of two numbers is bounded as an element-wise product is.
#[derive(Debug)]
pub(crate) struct Bilinear;

/// How many arrays of the size of the terms a backward step has alive at its worst: the intervals of
/// both factors, the planes below, and those above while their mixture is chosen.
const ARRAYS: usize = 16;

impl Operator for Bilinear {
    fn for_several(&self) -> Option<Arc<dyn Operator>> {
        Some(Arc::new(Self))
    }

    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        operands
            .iter()
            .any(|operand| operand.shape.len() < 3)
            .then(|| {
                Refusal::mixes_batch(
                    "the batch is summed over: it is the first dim of the right factor",
                )
            })
    }

    fn is_affine(&self) -> bool {
        false
    }

    /// The sums of a step are over `k` for the bias, over `n` for the left factor's coefficients and
    /// over `m` for the right one's, and over the copies that broadcasting makes.
    fn terms(&self, shapes: &[&[usize]], output: &[usize]) -> usize {
        let [left, right] = [0, 1].map(|index| shapes[index]);
        let between = |shape: &[usize]| [&shape[..shape.len() - 2], &[1, 1]].concat();
        let [left_between, right_between] = [left, right].map(between);
        let copied = copies(&[&left_between, &right_between], &between(output));
        let [m, k] = [2, 1].map(|at| left[left.len() - at]);
        let n = right[right.len() - 1];
        m.max(n) * copied + k + PLANE
    }

    fn accounts_for_rounding(&self) -> bool {
        true
    }

    /// As for a product of two numbers, with `m_x m_y` summed over the terms; a ball's centre and
    /// dual norm are sums of the same size.
    fn roundings(&self, rounded: &Rounded) -> Option<Roundings> {
        let precision = rounded.precision;
        let terms = self.terms(rounded.shapes, rounded.output);
        let size = rounded.magnitude(0).matmul(rounded.magnitude(1));
        let error = |terms: usize| size.clone().mul_scalar(precision.gamma(terms));
        let norm_terms = rounded.inputs.iter().map(Precision::norm_terms).max();
        let value = error(terms + norm_terms.unwrap_or(0));
        Some(Roundings {
            constant: Some(size.clone().mul_scalar(4.0 * precision.outward(terms))),
            ..rounded.nonlinear_sum(Some(Interval::of(value)), error(terms), terms)
        })
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().matmul(inputs[1].clone())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let [x, y] = terms([0, 1].map(|index| inputs[index].interval()));
        let mut product = range(&x, &y).map(sum_terms);
        if let Region::Ball(ball) = &inputs[1] {
            product = product.intersect(by_ball(&inputs[0], ball));
        }
        if let Region::Ball(ball) = &inputs[0] {
            // `(left · right)ᵀ = rightᵀ · leftᵀ`.
            let turned = by_ball(&inputs[1].rearrange(transpose), &ball.map(transpose));
            product = product.intersect(turned.map(transpose));
        }
        Region::Box(product)
    }

    fn workspace(&self, operands: &[&[usize]]) -> usize {
        let (left, right) = (operands[0], operands[1]);
        let pairs = left.iter().zip(right).take(left.len() - 2);
        let between: usize = pairs.map(|(left, right)| *left.max(right)).product();
        let matrices: usize = left[left.len() - 2..].iter().product();
        between * matrices * right[right.len() - 1] * ARRAYS
    }

    fn alternatives(&self) -> usize {
        Mixture::ALL.len()
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let mixture = Mixture::ALL[step.alternative];
        let [x, y] = terms([0, 1].map(|index| step.interval(index)));
        let form = rows(form, step);
        let sizes = Sizes::of(&x.lower, step);
        let (below, above) = (plane_below(&x, &y, mixture), plane_above(&x, &y, mixture));
        let bias = form.clone().signed_sum(Factors::new(
            sum_terms(below.intercept.clone()),
            sum_terms(above.intercept.clone()),
        ));
        let [positive, negative] = form.split_by_sign();
        let low = sizes.pull_back(positive, below);
        let high = sizes.pull_back(negative, above);
        let total = |index: usize, low: AnyTensor, high: AnyTensor| {
            let shape = step.form_shape(index);
            Some(sizes.unfold(low.add(high), &shape).sum_to(&shape))
        };
        Contribution {
            forms: vec![
                total(0, low.left, high.left),
                total(1, low.right, high.right),
            ],
            bias: Some(bias),
        }
    }
}

/// The product of a region with a ball on its right.
///
/// `x · (c + δ) = x · c + x · δ`, and by Hölder's inequality no element of `x · δ` is larger than
/// the dual norm of the largest `|x|` times the radii. The ball's box alone gives their sum.
fn by_ball(x: &Region, ball: &Ball) -> Interval {
    let center = Region::Fixed(ball.center.clone());
    let Interval { lower, upper } = Matmul.interval(&[x.clone(), center]).interval();
    let ends = x.interval();
    let largest = ends.lower.abs().max(ends.upper.abs());
    let deviation = norm_right(largest, ball.radius.clone(), ball.dual);
    Interval {
        lower: lower.sub(deviation.clone()),
        upper: upper.add(deviation),
    }
}

/// The factors of every term, `[B, ..., m, k, n]` both.
fn terms([x, y]: [Interval; 2]) -> [Interval; 2] {
    let with_one = |interval: Interval, at: usize| {
        interval.map(|bound| {
            let mut shape = bound.shape();
            shape.insert(shape.len() - at, 1);
            bound.reshape(&shape)
        })
    };
    alike([with_one(x, 0), with_one(y, 2)])
}

/// The sum of the terms over `k`: `[B, ..., m, k, n]` to `[B, ..., m, n]`.
fn sum_terms(terms: AnyTensor) -> AnyTensor {
    let mut shape = terms.shape();
    let dim = shape.len() - 2;
    shape.remove(dim);
    terms.sum_dims(&[dim]).reshape(&shape)
}

/// The sizes of a product, its dims in between merged into one.
struct Sizes {
    batch: usize,
    rows: usize,
    /// The dims in between, after broadcasting.
    between: Vec<usize>,
    m: usize,
    k: usize,
    n: usize,
}

/// The part of a backward step that the coefficients of one sign give.
struct Pulled {
    /// `[B, S, H, m, k]`, `H` for the dims in between.
    left: AnyTensor,
    /// `[B, S, H, k, n]`.
    right: AnyTensor,
}

impl Sizes {
    /// From the factors of every term, `[B, ..., m, k, n]`.
    fn of(terms: &AnyTensor, step: &Step) -> Self {
        let shape = terms.shape();
        let (between, last) = shape[1..].split_at(shape.len() - 4);
        Self {
            batch: step.batch,
            rows: step.rows,
            between: between.to_vec(),
            m: last[0],
            k: last[1],
            n: last[2],
        }
    }

    /// The coefficients, `[B, S, ..., m, n]`, times the planes of the terms. The sums are matrix
    /// products, so that nothing is as large as the terms of every row.
    fn pull_back(&self, form: AnyTensor, plane: Plane) -> Pulled {
        let Self {
            batch,
            rows,
            m,
            k,
            n,
            ..
        } = *self;
        let heads: usize = self.between.iter().product();
        let form = form.reshape(&[batch, rows, heads, m, n]);
        let slopes = |slope: AnyTensor, axes: &[usize], shape: &[usize]| {
            let slope = slope.reshape(&[batch, heads, m, k, n]);
            slope.permute(axes).reshape(shape)
        };
        // For each image, head and row of `m`, the rows of the form over `n` by `[n, k]`.
        let count = batch * heads * m;
        let left = form
            .clone()
            .permute(&[0, 2, 3, 1, 4])
            .reshape(&[count, rows, n])
            .matmul(slopes(plane.x_slope, &[0, 1, 2, 4, 3], &[count, n, k]))
            .reshape(&[batch, heads, m, rows, k])
            .permute(&[0, 3, 1, 2, 4]);
        // For each image, head and column of `n`, the rows of the form over `m` by `[m, k]`.
        let count = batch * heads * n;
        let right = form
            .permute(&[0, 2, 4, 1, 3])
            .reshape(&[count, rows, m])
            .matmul(slopes(plane.y_slope, &[0, 1, 4, 2, 3], &[count, m, k]))
            .reshape(&[batch, heads, n, rows, k])
            .permute(&[0, 3, 1, 4, 2]);
        Pulled { left, right }
    }

    /// A form `[B, S, H, a, b]` as `[B·S, ..., a, b]`; `shape` has its last two dims.
    fn unfold(&self, form: AnyTensor, shape: &[usize]) -> AnyTensor {
        let matrix = &shape[shape.len() - 2..];
        form.reshape(&[&[self.batch * self.rows], self.between.as_slice(), matrix].concat())
    }
}
