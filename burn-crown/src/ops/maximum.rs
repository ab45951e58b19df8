//! The largest of several values.

use super::lines::rows;
use super::{
    Contribution, Interval, Operand, Operator, Refusal, Region, Rounded, Roundings, Step, Window,
    Windowed,
};
use crate::tensor::{AnyMask, AnyTensor, Factors};

/// The maxima over a dim, which stays with size 1.
#[derive(Debug)]
pub(crate) struct Maximum {
    pub(crate) dim: usize,
}

impl Maximum {
    fn largest(&self, x: AnyTensor) -> AnyTensor {
        x.max_dim(self.dim)
    }

    fn sum(&self, x: AnyTensor) -> AnyTensor {
        x.sum_dims(&[self.dim])
    }

    /// 1 at the largest elements, 0 elsewhere, without gradient.
    fn at_largest(&self, x: &AnyTensor) -> AnyTensor {
        let x = x.clone().detach();
        let largest = self.largest(x.clone()).expand(&x.shape());
        let below = x.clone().lower(largest);
        AnyTensor::full(&x.shape(), 1.0, &x).mask_fill(below, 0.0)
    }

    /// Slopes of a plane through zero that is nowhere above the maximum: those of one element, or
    /// the mean of several.
    ///
    /// It is the one with the largest lower bound, of these the one with the largest upper bound:
    /// behind a rectifier, many lower bounds are zero.
    fn lower_slope(&self, input: &Interval) -> AnyTensor {
        let candidates = self.at_largest(&input.lower);
        let others = candidates.clone().lower_scalar(0.5);
        let uppers = input.upper.clone().mask_fill(others, f64::NEG_INFINITY);
        let chosen = self.at_largest(&uppers).mul(candidates);
        let count = self.sum(chosen.clone());
        chosen.div(count)
    }

    /// Slopes and an intercept, of the shape of the output, of a plane that is nowhere below the
    /// maximum.
    ///
    /// For every threshold `t`, the maximum is at most `t + Σ max(xᵢ − t, 0)`, and each term at most
    /// its chord. For a threshold that no lower bound is above, the chord is `sᵢ (xᵢ − lᵢ)` with
    /// `sᵢ = max(uᵢ − t, 0) / (uᵢ − lᵢ)`. In the middle of the box the plane has the height
    /// `t + ½ Σ max(uᵢ − t, 0)`, which is least for the second largest upper bound; the plane is
    /// then nowhere in the box above the largest one. Where one element is above all others, its
    /// lower bound is the threshold, and the plane is that element.
    fn upper_plane(&self, input: &Interval) -> (AnyTensor, AnyTensor) {
        let Interval { lower, upper } = input;
        let threshold = self.largest(lower.clone()).max(self.second_largest(upper));
        let above = upper.clone().sub(threshold.clone()).relu();
        let outside = above.clone().greater_scalar(0.0).not();
        let width = upper.clone().sub(lower.clone()).mask_fill(outside, 1.0);
        let slope = above.div(width);
        let intercept = threshold.sub(self.sum(slope.clone().mul(lower.clone())));
        (slope, intercept)
    }

    /// The second largest element; the largest, where it is there twice.
    fn second_largest(&self, x: &AnyTensor) -> AnyTensor {
        let top = self.at_largest(x);
        let is_top = top.clone().greater_scalar(0.5);
        let rest = self.largest(x.clone().mask_fill(is_top, f64::NEG_INFINITY));
        let twice = self.sum(top).greater_scalar(1.5);
        rest.mask_where(twice, self.largest(x.clone()))
    }
}

impl Operator for Maximum {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        (operands[0].perturbed && self.dim == 0)
            .then(|| Refusal::mixes_batch("it takes an extreme over the batch"))
    }

    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        let read = window.clone().with(self.dim, (0, operands[0][self.dim]));
        Some(Windowed::same(vec![Some(read)]))
    }

    fn is_affine(&self) -> bool {
        false
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn terms(&self, shapes: &[&[usize]], _output: &[usize]) -> usize {
        shapes[0][self.dim] + 16
    }

    fn accounts_for_rounding(&self) -> bool {
        true
    }

    /// A slope above is a quotient of differences, off by `4 u` of itself, and so is the plane at
    /// the far end of each element, `4 u · 2 |x|`; slopes are at most 1, so the intercept is a sum
    /// of numbers below `|x|`. The slopes below are the inverse of a count.
    fn roundings(&self, rounded: &Rounded) -> Option<Roundings> {
        let terms = self.terms(rounded.shapes, rounded.output);
        let total = self.sum(rounded.magnitude(0)).mul_scalar(8.0);
        let step = total.clone().mul_scalar(rounded.precision.gamma(terms));
        Some(Roundings {
            constant: Some(total),
            ..rounded.nonlinear(None, step)
        })
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        self.largest(inputs[0].clone())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        Region::Box(inputs[0].interval().map(|bound| self.largest(bound)))
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let input = step.interval(0);
        let shape = step.form_shape(0);
        let (slope, intercept) = self.upper_plane(&input);
        let zeros = AnyTensor::zeros(&intercept.shape(), &intercept);
        let bias = rows(form.clone(), step).signed_sum(Factors::new(zeros, intercept));
        let slopes = Factors::new(self.lower_slope(&input), slope);
        let form = rows(form.expand(&shape), step).signed(slopes);
        Contribution {
            forms: vec![Some(form.reshape(&shape))],
            bias: Some(bias),
        }
    }

    /// The elements that can be the largest, where there are several.
    fn open(&self, input: &Interval) -> AnyMask {
        let shape = input.lower.shape();
        let surely = self.largest(input.lower.clone()).expand(&shape);
        let possible = input.upper.clone().greater(surely);
        let possible = AnyTensor::zeros(&shape, &input.upper).mask_fill(possible, 1.0);
        let count = self.sum(possible.clone()).expand(&shape);
        possible.mul(count).greater_scalar(1.5)
    }
}
