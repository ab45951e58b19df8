//! A tensor with a part replaced.

use burn::backend;

use super::slice::Slice;
use super::{Contribution, Interval, Operand, Operator, Refusal, Region, Step};
use crate::tensor::AnyTensor;

/// The first operand with the second in place of a part of it.
///
/// What is replaced is never read: it may be memory that nothing was written to.
#[derive(Debug)]
pub(crate) struct SliceAssign {
    part: Slice,
}

impl SliceAssign {
    /// Replaces the `ranges` of a tensor of `shape`.
    pub(crate) fn new(ranges: &[backend::Slice], shape: &[usize]) -> Self {
        Self {
            part: Slice::new(ranges, shape),
        }
    }
}

impl Operator for SliceAssign {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        (!self.part.takes_all_rows(operands[0].shape[0]))
            .then(|| Refusal::mixes_batch("it replaces a part of the batch, or reverses it"))
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        0
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        self.part.assign(inputs[0].clone(), inputs[1].clone())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let [target, value] = [0, 1].map(|index| inputs[index].interval());
        Region::Box(Interval {
            lower: self.part.assign(target.lower, value.lower),
            upper: self.part.assign(target.upper, value.upper),
        })
    }

    fn linear(&self, coefficients: &[Option<Interval>], step: &Step) -> Option<Interval> {
        let part = |index: usize, bound: fn(&Interval) -> &AnyTensor| match &coefficients[index] {
            Some(interval) => bound(interval).clone(),
            None => step.zeros(index),
        };
        let assigned = |bound| self.part.assign_to_rows(part(0, bound), part(1, bound));
        Some(Interval {
            lower: assigned(|interval| &interval.lower),
            upper: assigned(|interval| &interval.upper),
        })
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let value = self.part.of_rows(form.clone());
        let target = self.part.without(form);
        let mut forms = Vec::with_capacity(2);
        let mut bias: Option<AnyTensor> = None;
        for (index, form) in [target, value].into_iter().enumerate() {
            if step.is_perturbed(index) {
                forms.push(Some(form));
                continue;
            }
            forms.push(None);
            step.dot(form, self.known(index, step)).added_to(&mut bias);
        }
        Contribution { forms, bias }
    }
}

impl SliceAssign {
    /// The fixed operand, zero where the other one takes its place.
    fn known(&self, index: usize, step: &Step) -> AnyTensor {
        let fixed = step.fixed(index);
        if index == 0 {
            self.part.without(fixed)
        } else {
            fixed
        }
    }
}
