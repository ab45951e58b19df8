//! Which neurons a backward pass is to bound.

use burn::tensor::TensorData;

use crate::tensor::AnyMask;

/// The open elements of a node, for each image.
pub(super) struct Open {
    /// Their places in the node's flattened features, in order.
    pub(super) images: Vec<Vec<usize>>,
    /// The largest number of an image.
    pub(super) width: usize,
    /// How many elements the node has for an image.
    pub(super) features: usize,
}

impl Open {
    /// Those of a mask `[B, ...]`.
    pub(super) fn read(mask: &AnyMask, batch: usize, features: usize) -> Self {
        let values = mask
            .clone()
            .reshape(&[batch, features])
            .into_tensor::<2>()
            .into_data();
        let values: Vec<bool> = values.iter::<bool>().collect();
        let of_image = |image: &[bool]| (0..features).filter(|&place| image[place]).collect();
        Self::of(values.chunks(features).map(of_image).collect(), features)
    }

    /// All elements.
    pub(super) fn all(batch: usize, features: usize) -> Self {
        Self::of(vec![(0..features).collect(); batch], features)
    }

    fn of(images: Vec<Vec<usize>>, features: usize) -> Self {
        Self {
            width: images.iter().map(Vec::len).max().unwrap_or(0),
            images,
            features,
        }
    }

    /// The elements `start..end` of each image's list, one past the last element where the list is
    /// shorter, and which of them are in the list.
    pub(super) fn columns(&self, start: usize, end: usize) -> (TensorData, TensorData) {
        let shape = [self.images.len(), end - start];
        let cells = || {
            let cells = |image: &Vec<usize>| -> Vec<Option<usize>> {
                (start..end).map(|at| image.get(at).copied()).collect()
            };
            self.images.iter().flat_map(cells)
        };
        let picked = cells().map(|cell| cell.unwrap_or(self.features) as i64);
        let valid = cells().map(|cell| if cell.is_some() { 1.0 } else { 0.0 });
        (
            TensorData::new(picked.collect::<Vec<i64>>(), shape),
            TensorData::new(valid.collect::<Vec<f64>>(), shape),
        )
    }
}
