//! Copies of elements to other places of the same image.

use burn::tensor::{Int, Tensor, TensorData};

use super::{Contribution, Interval, Operator, Region, Step, homogeneous};
use crate::tensor::AnyTensor;

/// Each output element of an image is one input element of it, the same for each image.
#[derive(Debug)]
pub(crate) struct Pick {
    /// For each output element, its place in the flattened features of the input.
    indices: Vec<usize>,
    /// The output's shape without the batch.
    shape: Vec<usize>,
    /// Whether no input element is taken twice.
    distinct: bool,
}

impl Pick {
    /// The elements at `indices` in the flattened features of an image, as features of `shape`.
    pub(crate) fn new(indices: Vec<usize>, shape: Vec<usize>) -> Self {
        let mut sorted = indices.clone();
        sorted.sort_unstable();
        let distinct = sorted.windows(2).all(|pair| pair[0] != pair[1]);
        Self {
            indices,
            shape,
            distinct,
        }
    }

    /// The places as a tensor beside `like`.
    fn places(&self, like: &AnyTensor) -> Tensor<1, Int> {
        let indices: Vec<i64> = self.indices.iter().map(|&index| index as i64).collect();
        let data = TensorData::new(indices, [self.indices.len()]);
        Tensor::from_data(data, &like.device().inner())
    }

    fn pick(&self, x: AnyTensor) -> AnyTensor {
        let shape = [&x.shape()[..1], &self.shape].concat();
        let places = self.places(&x);
        x.flatten_features().select(1, places).reshape(&shape)
    }
}

impl Operator for Pick {
    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        self.pick(inputs[0].clone())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        if self.distinct {
            return inputs[0].rearrange(|x| self.pick(x));
        }
        // A ball with an element twice is no ball.
        Region::Box(inputs[0].interval().map(|bound| self.pick(bound)))
    }

    fn linear(&self, coefficients: &[Option<Interval>], _step: &Step) -> Option<Interval> {
        homogeneous(self, coefficients)
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let shape = step.form_shape(0);
        let flat = form.flatten_features();
        let zeros = AnyTensor::zeros(&shape, &flat).flatten_features();
        let places = self.places(&flat);
        Contribution::unary(zeros.select_add(1, places, flat).reshape(&shape))
    }
}
