//! Parts of a tensor.

use burn::backend;

use super::{Contribution, Operand, Operator, Refusal, Region, Step};
use crate::tensor::AnyTensor;

/// A range of each dim, with a step that may be negative.
#[derive(Debug)]
pub(crate) struct Slice {
    ranges: Vec<backend::Slice>,
}

impl Slice {
    /// `ranges` of a tensor of `shape`; dims without a range are taken whole.
    pub(crate) fn new(ranges: &[backend::Slice], shape: &[usize]) -> Self {
        let whole = backend::Slice::full();
        Self {
            ranges: (0..shape.len())
                .map(|dim| ranges.get(dim).copied().unwrap_or(whole))
                .collect(),
        }
    }

    /// The ranges for another first dim, of which all is taken.
    fn of_features(&self) -> Vec<backend::Slice> {
        [&[backend::Slice::full()], &self.ranges[1..]].concat()
    }
}

impl Operator for Slice {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        let (rows, range) = (operands[0].shape[0], &self.ranges[0]);
        let whole = range.to_range(rows) == (0..rows) && range.step() == 1;
        (operands[0].perturbed && !whole)
            .then(|| Refusal::mixes_batch("it takes a part of the batch, or reverses it"))
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().slice_by(&self.ranges)
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        inputs[0].rearrange(|x| x.slice_by(&self.ranges))
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let whole = AnyTensor::zeros(&step.form_shape(0), &form);
        Contribution::unary(whole.slice_assign(&self.of_features(), form))
    }
}
