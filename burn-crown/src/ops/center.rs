//! Deviations from the mean.

use super::region::power_norm_scaled;
use super::{Contribution, Interval, Operand, Operator, Refusal, Region, Step, homogeneous};
use crate::tensor::AnyTensor;

/// `x − mean(x)` over the last dim.
///
/// As one operator, an element's own share in the mean cancels, where the interval of a difference
/// would count it twice.
#[derive(Debug)]
pub(crate) struct Center;

impl Center {
    fn apply(x: AnyTensor) -> AnyTensor {
        let (last, count) = last_dim(&x);
        let mean = x.clone().sum_dims(&[last]).div_scalar(count);
        x.sub(mean)
    }

    /// `(Σ_j (|L_ij| r_j)^q)^(1/q)`: an element has the weight `1 − 1/n` on itself, and `1/n` on
    /// each other one.
    fn dual_norm(radius: AnyTensor, q: f64) -> AnyTensor {
        let (last, count) = last_dim(&radius);
        let (own, other) = (1.0 - 1.0 / count, 1.0 / count);
        if q.is_infinite() {
            let largest = radius.clone().max_dim(last).mul_scalar(other);
            let shape = radius.shape();
            return radius.mul_scalar(own).max(largest.expand(&shape));
        }
        let one = AnyTensor::full(&vec![1; radius.rank()], 1.0, &radius);
        let own = one.clone().mul_scalar(own);
        let weights = AnyTensor::cat(vec![own, one.clone().mul_scalar(other)], last);
        power_norm_scaled(
            weights,
            || one,
            radius,
            q,
            |weights, radius| {
                let all = radius.clone().sum_dims(&[last]);
                let mut others = all.sub(radius.clone());
                if q != 1.0 {
                    // Rounding is not to put a negative number under the root.
                    others = others.clamp_min(0.0);
                }
                let weight = |index: usize| {
                    let mut ranges = vec![(0, 1); last];
                    ranges.push((index, index + 1));
                    weights.clone().slice(&ranges)
                };
                radius.mul(weight(0)).add(others.mul(weight(1)))
            },
        )
    }
}

fn last_dim(x: &AnyTensor) -> (usize, f64) {
    let last = x.rank() - 1;
    (last, x.shape()[last] as f64)
}

impl Operator for Center {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        (operands[0].perturbed && operands[0].shape.len() < 2)
            .then(|| Refusal::mixes_batch("the batch is averaged over"))
    }

    fn terms(&self, shapes: &[&[usize]], _output: &[usize]) -> usize {
        shapes[0][shapes[0].len() - 1] + 16
    }

    fn magnitude(&self, inputs: &[Region]) -> AnyTensor {
        let largest = inputs[0].interval().upper;
        let (last, count) = last_dim(&largest);
        let mean = largest.clone().sum_dims(&[last]).div_scalar(count);
        largest.add(mean)
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        Self::apply(inputs[0].clone())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        inputs[0].affine(Self::apply, Self::dual_norm)
    }

    fn linear(&self, coefficients: &[Option<Interval>], _step: &Step) -> Option<Interval> {
        homogeneous(self, coefficients)
    }

    fn backward(&self, form: AnyTensor, _step: &Step) -> Contribution {
        // The map is its own adjoint.
        Contribution::unary(Self::apply(form))
    }
}
