//! Copies of elements to other places of the same image, and sums of elements that go to one place.

use burn::tensor::{Int, Tensor, TensorData};

use super::region::power_norm;
use super::{Contribution, Interval, Operator, Region, Step, Window, Windowed, homogeneous};
use crate::tensor::AnyTensor;

/// Each output element of an image is one input element of it.
#[derive(Debug)]
pub(crate) struct Pick(Places);

/// Each input element of an image is added to one output element of it; all others are zero.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    /// The shape of the output, without the batch.
    features: Vec<usize>,
}

/// For each of some elements of an image, a place in features of another shape.
#[derive(Debug)]
struct Places {
    /// One list for all images, or one an image; places in flattened features.
    indices: Vec<Vec<usize>>,
    /// The shape of the elements, without the batch.
    elements: Vec<usize>,
    /// Whether no place is there twice.
    distinct: bool,
}

impl Places {
    fn new(indices: Vec<Vec<usize>>, elements: Vec<usize>) -> Self {
        let distinct = |places: &Vec<usize>| {
            let mut sorted = places.clone();
            sorted.sort_unstable();
            sorted.windows(2).all(|pair| pair[0] != pair[1])
        };
        Self {
            distinct: indices.iter().all(distinct),
            indices,
            elements,
        }
    }

    /// The places as a tensor beside `like`, in one row or in a row for each of its images, which
    /// may be there several times in a row.
    fn tensor(&self, like: &AnyTensor) -> Tensor<2, Int> {
        let times = match self.indices.len() {
            1 => 1,
            images => like.shape()[0] / images,
        };
        let rows = self.indices.iter();
        let rows = rows.flat_map(|row| std::iter::repeat_n(row, times));
        let places: Vec<i64> = rows.flatten().map(|&place| place as i64).collect();
        let data = TensorData::new(places, [self.indices.len() * times, self.count()]);
        Tensor::from_data(data, &like.device().inner())
    }

    /// How many times the place that is there most often is there, of so many places.
    fn most_copies(&self, places: usize) -> usize {
        let of_image = |indices: &Vec<usize>| {
            let mut counts = vec![0; places];
            indices.iter().for_each(|&place| counts[place] += 1);
            counts.into_iter().max().unwrap_or(0)
        };
        self.indices.iter().map(of_image).max().unwrap_or(0)
    }

    fn count(&self) -> usize {
        self.elements.iter().product()
    }

    /// The elements `[B, ...]` at the places in features `[B, ...]`.
    fn read(&self, features: AnyTensor) -> AnyTensor {
        let shape = [&features.shape()[..1], &self.elements].concat();
        let places = self.tensor(&features);
        let flat = features.flatten_features();
        let read = if self.indices.len() == 1 {
            flat.select(1, places.flatten(0, 1))
        } else {
            flat.gather(places)
        };
        read.reshape(&shape)
    }

    /// Zeros of `shape` with the elements `[B, ...]` added at the places.
    fn add(&self, elements: AnyTensor, shape: &[usize]) -> AnyTensor {
        let zeros = AnyTensor::zeros(shape, &elements).flatten_features();
        let places = self.tensor(&elements);
        let flat = elements.flatten_features();
        let sums = if self.indices.len() == 1 {
            zeros.select_add(1, places.flatten(0, 1), flat)
        } else {
            zeros.scatter_add(places, flat)
        };
        sums.reshape(shape)
    }
}

impl Pick {
    /// The elements of each image at `indices` in its flattened features, as features of `shape`;
    /// one list of indices for all images, or one for each.
    pub(crate) fn new(indices: Vec<Vec<usize>>, shape: Vec<usize>) -> Self {
        Self(Places::new(indices, shape))
    }
}

impl Operator for Pick {
    fn window(&self, window: &Window, output: &[usize], operands: &[&[usize]]) -> Option<Windowed> {
        let [indices] = self.0.indices.as_slice() else {
            return None;
        };
        let places = window.places(output).map(|element| indices[element]);
        let places: Vec<usize> = places.collect();
        let input = operands[0];
        let read = Window::around(&places, input)?;
        let inside = places.iter().map(|&place| read.place(place, input));
        let features = window.shape(1)[1..].to_vec();
        let pick = Self::new(vec![inside.collect()], features);
        Some(Windowed::by(pick, vec![Some(read)]))
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn terms(&self, shapes: &[&[usize]], _output: &[usize]) -> usize {
        // As many as there are copies of one element.
        self.0.most_copies(shapes[0][1..].iter().product())
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        self.0.read(inputs[0].clone())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        if self.0.distinct {
            return inputs[0].rearrange(|x| self.0.read(x));
        }
        // A ball with an element twice is no ball.
        Region::Box(inputs[0].interval().map(|bound| self.0.read(bound)))
    }

    fn linear(&self, coefficients: &[Option<Interval>], _step: &Step) -> Option<Interval> {
        homogeneous(self, coefficients)
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        Contribution::unary(self.0.add(form, &step.form_shape(0)))
    }
}

impl Place {
    /// Elements of `shape` to `indices` in flattened `features`; one list of indices for all
    /// images, or one for each.
    pub(crate) fn new(indices: Vec<Vec<usize>>, shape: Vec<usize>, features: Vec<usize>) -> Self {
        Self {
            places: Places::new(indices, shape),
            features,
        }
    }

    fn place(&self, x: AnyTensor) -> AnyTensor {
        let shape = [&x.shape()[..1], &self.features].concat();
        self.places.add(x, &shape)
    }
}

impl Operator for Place {
    fn terms(&self, _shapes: &[&[usize]], output: &[usize]) -> usize {
        self.places.most_copies(output[1..].iter().product()) + 8
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        self.place(inputs[0].clone())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        if self.places.distinct {
            return inputs[0].rearrange(|x| self.place(x));
        }
        inputs[0].affine(
            |x| self.place(x),
            |radius, q| {
                // No element is larger than the sum of all.
                if q.is_infinite() {
                    return self.place(radius);
                }
                let ones = AnyTensor::full(&vec![1; radius.rank()], 1.0, &radius);
                power_norm(ones, radius, q, |one, radius| self.place(radius.mul(one)))
            },
        )
    }

    fn linear(&self, coefficients: &[Option<Interval>], _step: &Step) -> Option<Interval> {
        homogeneous(self, coefficients)
    }

    fn backward(&self, form: AnyTensor, _step: &Step) -> Contribution {
        Contribution::unary(self.places.read(form))
    }
}
