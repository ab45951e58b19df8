//! The logarithm of a sum of exponentials.

use super::lines::{Line, rows};
use super::log_softmax::{LogSoftmax, Plane, log_sum_exp};
use super::log_sum_rounding::{PlaneRoundings, of_ends, of_planes};
use super::{Contribution, Interval, Operand, Operator, Refusal, Region, Rounded, Roundings, Step};
use crate::tensor::{AnyTensor, Factors};

/// `log Σ_j exp(x_j)` over a dim, which stays with size 1.
#[derive(Debug)]
pub(crate) struct LogSumExp {
    pub(crate) dim: usize,
}

impl Operator for LogSumExp {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        (operands[0].perturbed && self.dim == 0)
            .then(|| Refusal::mixes_batch("it sums over the batch"))
    }

    fn is_affine(&self) -> bool {
        false
    }

    fn terms(&self, shapes: &[&[usize]], _output: &[usize]) -> usize {
        8 * shapes[0][self.dim] + 512
    }

    fn accounts_for_rounding(&self) -> bool {
        true
    }

    /// Beside the planes, the sum of the slopes times the middles is off by `γ_n` of its size, and
    /// what is added to it, the height and the largest element, by a few roundings of all three.
    fn roundings(&self, rounded: &Rounded) -> Option<Roundings> {
        let precision = rounded.precision;
        let count = rounded.shapes[0][self.dim];
        let given = rounded.inputs[0].interval();
        let ends = of_ends(self.interval(rounded.inputs).interval(), count, precision);
        let planes = LogSoftmax { dim: self.dim };
        let PlaneRoundings {
            group,
            rise,
            height,
            ..
        } = of_planes(planes, &given, precision);
        let shift = given.upper.max_dim(self.dim).abs();
        let size = height.add(shift).add(rise);
        let step = group.add(size.clone().mul_scalar(precision.gamma(count + 32)));
        Some(Roundings {
            constant: Some(size),
            ..rounded.nonlinear_sum(Some(ends), step, count)
        })
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        log_sum_exp(inputs[0].clone(), self.dim)
    }

    /// Exact: it rises with each element.
    fn interval(&self, inputs: &[Region]) -> Region {
        Region::Box(
            inputs[0]
                .interval()
                .map(|bound| log_sum_exp(bound, self.dim)),
        )
    }

    /// The planes of the log-softmax, which subtracts this.
    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let input = step.interval(0);
        let shape = step.form_shape(0);
        let planes = LogSoftmax { dim: self.dim };
        let shifted = planes.shifted(&input);
        let below = self.line(&input, &shifted, planes.below(&shifted));
        let above = self.line(&input, &shifted, planes.above(&shifted));
        let intercepts = Factors::new(below.intercept, above.intercept);
        let bias = rows(form.clone(), step).signed_sum(intercepts);
        let slopes = Factors::new(below.slope, above.slope);
        let form = rows(form.expand(&shape), step).signed(slopes);
        Contribution {
            forms: vec![Some(form.reshape(&shape))],
            bias: Some(bias),
        }
    }
}

impl LogSumExp {
    /// A plane around the function of the shifted input, as slopes and an intercept for the input.
    fn line(&self, input: &Interval, shifted: &Interval, plane: Plane) -> Line {
        // The largest element is the one whose depth is the largest; its height suffers least from
        // rounding, where others are far below.
        let largest = |x: AnyTensor| x.max_dim(self.dim);
        let shift = largest(input.upper.clone()).sub(largest(shifted.upper.clone()));
        let height = largest(shifted.center()).sub(largest(plane.depth));
        // Elements that do not vary are where they are: of a mask's fill, the product with a slope
        // would be rounding alone.
        let fixed = input.upper.clone().greater(input.lower.clone()).not();
        let slope = plane.slope.mask_fill(fixed, 0.0);
        let rise = slope.clone().mul(input.center()).sum_dims(&[self.dim]);
        Line {
            intercept: height.add(shift).sub(rise),
            slope,
        }
    }
}
