//! The logarithm of the softmax.

use burn::tensor::TensorData;

use super::exp_chords::ExpChords;
use super::lines::rows;
use super::log_sum_rounding::{PlaneRoundings, of_ends, of_planes};
use super::{Contribution, Interval, Operand, Operator, Refusal, Region, Rounded, Roundings, Step};
use crate::tensor::{AnyTensor, Factors};

/// `x_i − log Σ_j exp(x_j)` over a dim.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogSoftmax {
    pub(crate) dim: usize,
}

/// The share of the sum that makes an element dominant.
const DOMINANT: f64 = 0.51;

impl LogSoftmax {
    /// `[before, n, after]` around the dim.
    fn split(&self, shape: &[usize]) -> [usize; 3] {
        let count = |dims: &[usize]| dims.iter().product();
        [
            count(&shape[..self.dim]),
            shape[self.dim],
            count(&shape[self.dim + 1..]),
        ]
    }

    /// `log Σ exp(x)` over the dim, which stays with size 1.
    fn log_sum(&self, x: AnyTensor) -> AnyTensor {
        log_sum_exp(x, self.dim)
    }

    /// The value for `own_i` among the others `others_j`.
    fn extreme(&self, own: AnyTensor, others: AnyTensor) -> AnyTensor {
        let shape = own.shape();
        let [before, n, after] = self.split(&shape);
        let ahead = others
            .reshape(&[before, 1, n, after])
            .sub(own.reshape(&[before, n, 1, after]));
        // An element is not ahead of itself.
        let apart = (0..n * n).map(|at| if at % (n + 1) == 0 { 0.0 } else { 1.0 });
        let apart = TensorData::new(apart.collect::<Vec<f64>>(), [1, n, n, 1]);
        let apart = AnyTensor::from_data_like(apart, &ahead);
        log_sum_exp(ahead.mul(apart), 2).neg().reshape(&shape)
    }

    /// The height, in the middle of the box of `x`, of the planes below the elements.
    pub(super) fn in_middle(&self, x: &Interval) -> AnyTensor {
        self.above(&self.shifted(x)).depth
    }

    /// A plane below `log Σ exp(x)`, which is convex: its tangent in the middle of the box.
    pub(super) fn below(&self, input: &Interval) -> Plane {
        let center = input.center();
        let height = self.log_sum(center.clone());
        let depth = center.sub(height);
        let slope = depth.clone().exp();
        Plane { slope, depth }
    }

    /// A plane above `log Σ exp(x)` on a box: the one of [`chords`](Self::chords) around `x`, or
    /// around the differences from a dominant element, whichever is lower in the middle.
    ///
    /// With `k` dominant, `log Σ_j exp(x_j) = x_k + log Σ_j exp(x_j − x_k)`: the element itself is
    /// not relaxed then, while the intervals of the others grow.
    pub(super) fn above(&self, input: &Interval) -> Plane {
        let center = input.center();
        let (height, slope) = self.chords(input);
        let share = center.clone().sub(self.log_sum(center.clone())).exp();
        // At most one element has more than half, but rounding may give it to two that are equal.
        let zeros = AnyTensor::zeros(&share.shape(), &share);
        let dominant = zeros.mask_fill(share.greater_scalar(DOMINANT), 1.0);
        let others = dominant.clone().neg().add_scalar(1.0);
        let at_dominant = |x: &AnyTensor| x.clone().mul(dominant.clone()).sum_dims(&[self.dim]);
        let apart =
            |x: &AnyTensor, from: &AnyTensor| x.clone().sub(at_dominant(from)).mul(others.clone());
        let (other_height, rest) = self.chords(&Interval {
            lower: apart(&input.lower, &input.upper),
            upper: apart(&input.upper, &input.lower),
        });
        let other_height = other_height.add(at_dominant(&center));
        let rest = rest.mul(others);
        let remaining = rest.clone().sum_dims(&[self.dim]).neg().add_scalar(1.0);
        let other_slope = rest.add(dominant.clone().mul(remaining));
        let lower = other_height.clone().lower(height.clone());
        // Where no element is dominant, or several are by rounding, the plane is the one around `x`.
        let count = dominant.sum_dims(&[self.dim]);
        let found = count.clone().greater_scalar(0.5);
        let found = found.and(count.lower_scalar(1.5));
        let better = lower.and(found);
        let like = AnyTensor::zeros(&height.shape(), &height).mask_fill(better.clone(), 1.0);
        let everywhere = like.expand(&slope.shape()).greater_scalar(0.5);
        Plane {
            slope: slope.mask_where(everywhere, other_slope),
            depth: center.sub(height.mask_where(better, other_height)),
        }
    }

    /// The height in the middle and the slope of a plane above `log Σ exp(x)` on a box: chords above
    /// the exponentials, and a tangent above the logarithm of their sum.
    fn chords(&self, input: &Interval) -> (AnyTensor, AnyTensor) {
        // Whatever is taken off all elements here and added to the logarithm changes nothing; with
        // the largest, no exponential overflows and their sum does not vanish.
        let shift = input.upper.clone().detach().max_dim(self.dim);
        let ExpChords { height, slope } = ExpChords::new(input, &shift);
        let sum = height.sum_dims(&[self.dim]);
        let height = sum.clone().log().add(shift);
        (height, slope.div(sum))
    }

    /// The input less the largest element of each group. The operator does not change with that,
    /// and elements of any size, such as the fill of a mask, keep their differences.
    pub(super) fn shifted(&self, input: &Interval) -> Interval {
        let largest = input.upper.clone().detach().max_dim(self.dim);
        input.clone().map(|bound| bound.sub(largest.clone()))
    }
}

/// A plane around the logarithm of the sum. What is needed of its height is the difference from
/// each element.
pub(super) struct Plane {
    pub(super) slope: AnyTensor,
    /// The middle of each element's interval less the height of the plane in the middle of the box.
    pub(super) depth: AnyTensor,
}

/// `log Σ exp(x)` over a dim, which stays with size 1; large elements do not overflow.
pub(super) fn log_sum_exp(x: AnyTensor, dim: usize) -> AnyTensor {
    let largest = x.clone().detach().max_dim(dim);
    let sum = x.sub(largest.clone()).exp().sum_dims(&[dim]);
    sum.log().add(largest)
}

impl Operator for LogSoftmax {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        (operands[0].perturbed && self.dim == 0)
            .then(|| Refusal::mixes_batch("it normalizes over the batch"))
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

    fn roundings(&self, rounded: &Rounded) -> Option<Roundings> {
        let precision = rounded.precision;
        let count = rounded.shapes[0][self.dim];
        let given = rounded.inputs[0].interval();
        let ends = of_ends(self.interval(rounded.inputs).interval(), count, precision);
        let PlaneRoundings {
            group,
            own,
            rise,
            size,
            ..
        } = of_planes(*self, &given, precision);
        Some(Roundings {
            constant: Some(size.add(rise)),
            ..rounded.nonlinear_sum(Some(ends), own.add(group), count)
        })
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        let x = inputs[0].clone();
        let largest = x.clone().detach().max_dim(self.dim);
        let x = x.sub(largest);
        x.clone().sub(self.log_sum(x))
    }

    /// Exact: an element is smallest where it is and the others are largest.
    fn interval(&self, inputs: &[Region]) -> Region {
        let Interval { lower, upper } = inputs[0].interval();
        Region::Box(Interval {
            lower: self.extreme(lower.clone(), upper.clone()),
            upper: self.extreme(upper, lower),
        })
    }

    /// The same planes around the logarithm of the sum serve all elements: a form's coefficients of
    /// one sign meet them by their sum alone.
    ///
    /// With the slopes `a` for the elements in the end, the bound is `Σ form · depth + a · (x −
    /// center)`. Elements that do not vary are left out of the second sum: their slopes cancel, but
    /// what rounding leaves of them would be multiplied by a mask's fill.
    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let given = step.interval(0);
        let input = self.shifted(&given);
        let shape = form.shape();
        let [before, n, after] = self.split(&input.lower.shape());
        let groups = [step.batch, step.rows, before / step.batch, n, after];
        let form = rows(form, step);
        let (above, below) = (self.above(&input), self.below(&input));
        let depths = Factors::new(above.depth, below.depth);
        let depths = form.clone().signed_sum(depths);
        let [positive, negative] = form.clone().split_by_sign();
        let over_rows = |x: AnyTensor| x.reshape(&[step.batch, 1, before / step.batch, n, after]);
        let mut slopes = form.reshape(&groups);
        for (part, slope) in [(positive, above.slope), (negative, below.slope)] {
            // The logarithm is subtracted.
            let total = part.reshape(&groups).sum_dims(&[3]).neg();
            slopes = slopes.add(total.mul(over_rows(slope)));
        }
        let varies = given.upper.clone().greater(given.lower.clone());
        let zeros = AnyTensor::zeros(&given.lower.shape(), &given.lower);
        slopes = slopes.mul(over_rows(zeros.mask_fill(varies, 1.0)));
        let flat = [step.batch, step.rows, before / step.batch * n * after];
        let center = given.center().reshape(&[step.batch, flat[2], 1]);
        let at_center = slopes.clone().reshape(&flat).matmul(center);
        let at_center = at_center.reshape(&flat[..2]);
        Contribution {
            forms: vec![Some(slopes.reshape(&shape))],
            bias: Some(depths.sub(at_center)),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;

    /// The middles are so large that `log 2` is lost beside them: each element seems to have all of
    /// the sum.
    #[test]
    fn a_plane_around_elements_that_rounding_makes_dominant_is_above() {
        const WIDTH: f32 = 6e7;
        let tensor = |x| AnyTensor::new(Tensor::<2>::from_data([x], &Device::flex()));
        let input = Interval {
            lower: tensor([-WIDTH, -WIDTH]),
            upper: tensor([0.0, 0.0]),
        };
        let plane = LogSoftmax { dim: 1 }.above(&input);
        let center = input.center();
        let height = center.clone().sub(plane.depth).values()[0];
        let slopes = plane.slope.values();
        for corner in [[0.0, 0.0], [0.0, -WIDTH], [-WIDTH, 0.0], [-WIDTH, -WIDTH]] {
            let run = tensor(corner).sub(center.clone()).values();
            let rise: f64 = run
                .iter()
                .zip(&slopes)
                .map(|(run, slope)| run * slope)
                .sum();
            let sum = log_sum_exp(tensor(corner), 1).values()[0];
            // Rounding of numbers of this size is 4.
            assert!(
                height + rise >= sum - 16.0,
                "{corner:?}: {} below {sum}",
                height + rise
            );
        }
    }
}
