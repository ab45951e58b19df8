//! Images in memory.

use std::ops::Range;

use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// An image with its label.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageItem {
    /// The pixels in `[0, 1]`, channel by channel, row by row: `C · H · W` values.
    pub pixels: Vec<f32>,
    /// The class.
    pub label: u8,
}

/// Images of one shape with their labels, one byte a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDataset {
    images: Vec<u8>,
    labels: Vec<u8>,
    shape: [usize; 3],
}

impl ImageDataset {
    /// Joins pixels and labels.
    ///
    /// # Arguments
    /// - `images`: the pixels of all images, `[N, C, H, W]`; 255 stands for 1.
    /// - `labels`: one class an image, `[N]`.
    /// - `shape`: `[C, H, W]`.
    ///
    /// # Panics
    ///
    /// If the number of pixels is not that of the labels times that of the shape.
    pub fn new(images: Vec<u8>, labels: Vec<u8>, shape: [usize; 3]) -> Self {
        assert_eq!(
            images.len(),
            labels.len() * shape.iter().product::<usize>(),
            "{} labels and images of shape {shape:?}",
            labels.len(),
        );
        Self {
            images,
            labels,
            shape,
        }
    }

    /// Channels, height and width of the images.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The classes of all images.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The bytes of one image, channel by channel, row by row.
    ///
    /// # Panics
    ///
    /// If there is no such image.
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.shape.iter().product::<usize>();
        &self.images[index * size..][..size]
    }

    /// Images `[B, C, H, W]` in `[0, 1]` and labels `[B]` of a range of the dataset.
    ///
    /// # Panics
    ///
    /// If the range reaches past the end.
    pub fn tensors(&self, range: Range<usize>, device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
        let pixels = range.clone().flat_map(|index| self.image(index));
        let pixels = pixels.map(|&byte| f32::from(byte) / 255.0).collect();
        batch_tensors(pixels, &self.labels[range], self.shape, device)
    }

    /// The first `count` images, or all if there are fewer.
    #[must_use]
    pub fn take(mut self, count: usize) -> Self {
        self.labels.truncate(count);
        self.images
            .truncate(self.labels.len() * self.shape.iter().product::<usize>());
        self
    }
}

/// Pixels of images one after the other, and their labels, as tensors `[B, C, H, W]` and `[B]`.
pub(crate) fn batch_tensors(
    pixels: Vec<f32>,
    labels: &[u8],
    [channels, height, width]: [usize; 3],
    device: &Device,
) -> (Tensor<4>, Tensor<1, Int>) {
    let count = labels.len();
    let labels: Vec<i64> = labels.iter().map(|&label| label.into()).collect();
    (
        Tensor::from_data(
            TensorData::new(pixels, [count, channels, height, width]),
            device,
        ),
        Tensor::from_data(TensorData::new(labels, [count]), device),
    )
}

impl Dataset<ImageItem> for ImageDataset {
    fn get(&self, index: usize) -> Result<ImageItem, DatasetError> {
        let pixels = self
            .image(index)
            .iter()
            .map(|&byte| f32::from(byte) / 255.0)
            .collect();
        Ok(ImageItem {
            pixels,
            label: self.labels[index],
        })
    }

    fn len(&self) -> usize {
        self.labels.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn dataset() -> ImageDataset {
        ImageDataset::new(vec![0, 255, 51, 102, 1, 2], vec![7, 3, 9], [1, 1, 2])
    }

    #[test]
    fn items_are_scaled_to_the_unit_range() {
        let dataset = dataset();
        assert_eq!(dataset.len(), 3);
        assert_eq!(
            dataset.get(0).unwrap(),
            ImageItem {
                pixels: vec![0.0, 1.0],
                label: 7
            }
        );
        assert_eq!(
            dataset.get(1).unwrap(),
            ImageItem {
                pixels: vec![0.2, 0.4],
                label: 3
            }
        );
    }

    #[test]
    fn take_keeps_the_first_images() {
        let taken = dataset().take(2);
        assert_eq!(
            taken,
            ImageDataset::new(vec![0, 255, 51, 102], vec![7, 3], [1, 1, 2])
        );
        assert_eq!(dataset().take(9), dataset());
        assert_eq!(dataset().take(0).len(), 0);
    }

    #[test]
    #[should_panic(expected = "2 labels and images of shape [1, 1, 2]")]
    fn pixels_must_fit_the_labels() {
        ImageDataset::new(vec![0, 1, 2], vec![0, 1], [1, 1, 2]);
    }
}
