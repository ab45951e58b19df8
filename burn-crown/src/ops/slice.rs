//! Parts of a tensor.

use burn::backend;

use super::{
    Contribution, Interval, Operand, Operator, Refusal, Region, Step, Window, Windowed, perturbed,
};
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

    /// The elements of a window.
    pub(crate) fn of_window(window: &Window, shape: &[usize]) -> Self {
        let ranges = (1..shape.len()).map(|dim| {
            let (start, end) = window.range(dim);
            backend::Slice::new(start as isize, Some(end as isize), 1)
        });
        let whole = backend::Slice::full();
        Self {
            ranges: std::iter::once(whole).chain(ranges).collect(),
        }
    }

    /// The ranges for another first dim, of which all is taken.
    fn of_features(&self) -> Vec<backend::Slice> {
        [&[backend::Slice::full()], &self.ranges[1..]].concat()
    }

    /// Whether all of a first dim of that size is taken as it is.
    pub(super) fn takes_all_rows(&self, rows: usize) -> bool {
        let range = &self.ranges[0];
        range.to_range(rows) == (0..rows) && range.step() == 1
    }

    /// The part of each row of a tensor, whatever their number.
    pub(super) fn of_rows(&self, x: AnyTensor) -> AnyTensor {
        x.slice_by(&self.of_features())
    }

    /// Each row with zeros in place of the part.
    pub(super) fn without(&self, x: AnyTensor) -> AnyTensor {
        let zeros = AnyTensor::zeros(&self.of_rows(x.clone()).shape(), &x);
        self.assign_to_rows(x, zeros)
    }

    /// Each row with `values` in place of the part.
    pub(super) fn assign_to_rows(&self, x: AnyTensor, values: AnyTensor) -> AnyTensor {
        x.slice_assign(&self.of_features(), values)
    }

    /// The tensor with `values` in place of the part.
    pub(super) fn assign(&self, x: AnyTensor, values: AnyTensor) -> AnyTensor {
        x.slice_assign(&self.ranges, values)
    }
}

impl Operator for Slice {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        (operands[0].perturbed && !self.takes_all_rows(operands[0].shape[0]))
            .then(|| Refusal::mixes_batch("it takes a part of the batch, or reverses it"))
    }

    fn window(&self, window: &Window, output: &[usize], operands: &[&[usize]]) -> Option<Windowed> {
        let mut read = window.clone();
        for (dim, range) in self.ranges.iter().enumerate().skip(1) {
            if range.step() != 1 {
                return Windowed::whole(window, output, operands);
            }
            let first = range.to_range(operands[0][dim]).start;
            let (start, end) = window.range(dim);
            read = read.with(dim, (first + start, first + end));
        }
        let none_left_out = Self::new(&[], output);
        Some(Windowed::by(none_left_out, vec![Some(read)]))
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        0
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().slice_by(&self.ranges)
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        inputs[0].rearrange_rows(|x| x.slice_by(&self.ranges))
    }

    fn linear(&self, coefficients: &[Option<Interval>], _step: &Step) -> Option<Interval> {
        Some(perturbed(coefficients, 0).map(|bound| self.of_rows(bound)))
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let whole = AnyTensor::zeros(&step.form_shape(0), &form);
        Contribution::unary(whole.slice_assign(&self.of_features(), form))
    }
}
