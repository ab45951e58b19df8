//! Rearrangements of elements.

use super::precision::copies;
use super::{
    Contribution, Interval, Operand, Operator, Refusal, Region, Step, Window, Windowed,
    homogeneous, perturbed,
};
use crate::tensor::AnyTensor;

/// Another shape for the same elements in the same order.
#[derive(Debug)]
pub(crate) struct Reshape {
    pub(crate) shape: Vec<usize>,
}

/// The dims in another order.
#[derive(Debug)]
pub(crate) struct Permute {
    pub(crate) axes: Vec<usize>,
}

/// Dims of size 1 repeated.
#[derive(Debug)]
pub(crate) struct Expand {
    pub(crate) shape: Vec<usize>,
}

impl Reshape {
    /// The window of the input, where the two shapes differ by dims of size 1 alone.
    fn same_dims(window: &Window, output: &[usize], input: &[usize]) -> Option<Window> {
        let long = |shape: &[usize]| -> Vec<usize> {
            let dims = 1..shape.len();
            dims.filter(|&dim| shape[dim] != 1).collect()
        };
        let (from, to) = (long(output), long(input));
        let sizes = |shape: &[usize], dims: &[usize]| -> Vec<usize> {
            dims.iter().map(|&dim| shape[dim]).collect()
        };
        let alike = sizes(output, &from) == sizes(input, &to);
        let pairs = from.into_iter().zip(to);
        alike.then(|| {
            pairs.fold(Window::whole(input), |read, (from, to)| {
                read.with(to, window.range(from))
            })
        })
    }
}

impl Operator for Reshape {
    fn window(&self, window: &Window, output: &[usize], operands: &[&[usize]]) -> Option<Windowed> {
        Self::same_dims(window, output, operands[0])
            .map(|read| Windowed::same(vec![Some(read)]))
            .or_else(|| Windowed::whole(window, output, operands))
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        0
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().reshape(&self.shape)
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let reshaped = |x: AnyTensor| x.reshape(&self.shape);
        if inputs[0].like().shape().last() == self.shape.last() {
            inputs[0].rearrange_rows(reshaped)
        } else {
            inputs[0].rearrange(reshaped)
        }
    }

    fn linear(&self, coefficients: &[Option<Interval>], step: &Step) -> Option<Interval> {
        let shape = step.with_rows(&self.shape);
        Some(perturbed(coefficients, 0).map(|bound| bound.reshape(&shape)))
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        Contribution::unary(form.reshape(&step.form_shape(0)))
    }
}

impl Operator for Permute {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        (operands[0].perturbed && self.axes[0] != 0)
            .then(|| Refusal::mixes_batch("the batch dim is moved"))
    }

    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        _operands: &[&[usize]],
    ) -> Option<Windowed> {
        let mut read = window.clone();
        for (to, &from) in self.axes.iter().enumerate().skip(1) {
            read = read.with(from, window.range(to));
        }
        Some(Windowed::same(vec![Some(read)]))
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        0
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().permute(&self.axes)
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        inputs[0].rearrange(|x| x.permute(&self.axes))
    }

    fn linear(&self, coefficients: &[Option<Interval>], _step: &Step) -> Option<Interval> {
        homogeneous(self, coefficients)
    }

    fn backward(&self, form: AnyTensor, _step: &Step) -> Contribution {
        let mut inverse = vec![0; self.axes.len()];
        for (to, &from) in self.axes.iter().enumerate() {
            inverse[from] = to;
        }
        Contribution::unary(form.permute(&inverse))
    }
}

impl Operator for Expand {
    fn refuse(&self, operands: &[Operand]) -> Option<Refusal> {
        let input = &operands[0];
        (input.perturbed
            && (input.shape.len() != self.shape.len() || input.shape[0] != self.shape[0]))
            .then(|| Refusal::mixes_batch("the batch dim is repeated"))
    }

    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        Windowed::element_wise(window, operands)
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn terms(&self, shapes: &[&[usize]], output: &[usize]) -> usize {
        copies(shapes, output)
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().expand(&self.shape)
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        // A ball whose elements are copied is no ball of the copies; its box is.
        Region::Box(inputs[0].interval().map(|bound| bound.expand(&self.shape)))
    }

    fn linear(&self, coefficients: &[Option<Interval>], step: &Step) -> Option<Interval> {
        let shape = step.with_rows(&self.shape);
        Some(perturbed(coefficients, 0).map(|bound| bound.expand(&shape)))
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        Contribution::unary(form.sum_to(&step.form_shape(0)))
    }
}
