//! Comparisons of fixed values with a number.

use super::{Contribution, Operand, Operator, Refusal, Region, Step};
use crate::tensor::AnyTensor;

/// What is compared with a number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Comparison {
    Greater,
    GreaterEqual,
    Lower,
    LowerEqual,
    Equal,
    NotEqual,
}

/// 1 where a fixed value compares so with `value`, else 0: a mask.
#[derive(Debug)]
pub(crate) struct Compare {
    pub(crate) comparison: Comparison,
    pub(crate) value: f64,
}

impl Operator for Compare {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        operands[0].perturbed.then(|| {
            Refusal::unsupported(
                "it compares a value that depends on the perturbed input, and has no relaxation; \
                 rectifiers, maxima and clamps have one",
            )
        })
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        0
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        let x = inputs[0].clone().detach();
        let number = |mask| AnyTensor::zeros(&x.shape(), &x).mask_fill(mask, 1.0);
        let greater = || number(x.clone().greater_scalar(self.value));
        let greater_equal = || number(x.clone().greater_equal_scalar(self.value));
        let lower = || number(x.clone().lower_scalar(self.value));
        // Nothing but the number itself is at least as large, and not larger.
        let equal = || greater_equal().sub(greater());
        match self.comparison {
            Comparison::Greater => greater(),
            Comparison::GreaterEqual => greater_equal(),
            Comparison::Lower => lower(),
            Comparison::LowerEqual => lower().add(equal()),
            Comparison::Equal => equal(),
            Comparison::NotEqual => equal().neg().add_scalar(1.0),
        }
    }

    fn interval(&self, _inputs: &[Region]) -> Region {
        unreachable!("a comparison of a perturbed value is refused")
    }

    fn backward(&self, _form: AnyTensor, _step: &Step) -> Contribution {
        unreachable!("a comparison of a perturbed value is refused")
    }
}
