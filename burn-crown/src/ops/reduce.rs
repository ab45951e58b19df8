//! Sums and means over dims.

use super::region::power_norm;
use super::{
    Contribution, Interval, Operand, Operator, Refusal, Region, Step, Window, Windowed, homogeneous,
};
use crate::tensor::AnyTensor;

/// `factor · Σ x` over dims, which stay with size 1: a sum for factor 1, a mean for `1/n`.
#[derive(Debug)]
pub(crate) struct Reduce {
    pub(crate) dims: Vec<usize>,
    pub(crate) factor: f64,
}

impl Operator for Reduce {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        (operands[0].perturbed && self.dims.contains(&0))
            .then(|| Refusal::mixes_batch("the batch is summed over"))
    }

    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        let size = |&dim: &usize| (dim, (0, operands[0][dim]));
        let read = self.dims.iter().map(size);
        let read = read.fold(window.clone(), |read, (dim, all)| read.with(dim, all));
        Some(Windowed::same(vec![Some(read)]))
    }

    fn terms(&self, shapes: &[&[usize]], _output: &[usize]) -> usize {
        let reduced = self.dims.iter().map(|&dim| shapes[0][dim]);
        reduced.product::<usize>() + 8
    }

    fn adds_up(&self) -> bool {
        self.factor > 0.0
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0]
            .clone()
            .sum_dims(&self.dims)
            .mul_scalar(self.factor)
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        inputs[0].affine(
            |x| self.evaluate(&[x]),
            |radius, q| {
                if q.is_infinite() {
                    // The largest weight is the factor; the largest radius bounds the product.
                    return max_dims(radius, &self.dims).mul_scalar(self.factor);
                }
                power_norm(
                    AnyTensor::full(&vec![1; radius.rank()], self.factor, &radius),
                    radius,
                    q,
                    |weight, radius| radius.mul(weight).sum_dims(&self.dims),
                )
            },
        )
    }

    fn linear(&self, coefficients: &[Option<Interval>], _step: &Step) -> Option<Interval> {
        homogeneous(self, coefficients)
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        Contribution::unary(form.mul_scalar(self.factor).expand(&step.form_shape(0)))
    }
}

fn max_dims(x: AnyTensor, dims: &[usize]) -> AnyTensor {
    dims.iter().fold(x, |x, &dim| x.max_dim(dim))
}
