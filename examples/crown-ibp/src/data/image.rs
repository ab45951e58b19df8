//! Images in memory.

use std::ops::Range;
use std::sync::Arc;

use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::{Device, Int, Tensor};

use super::{Augmentation, ImageBatcher, Normalization};

/// An image with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageItem {
    /// The pixels, channel by channel, row by row: `C · H · W` bytes; 255 stands for 1.
    pub pixels: Vec<u8>,
    /// The class.
    pub label: u8,
}

/// Images of one shape with their labels, one byte a pixel.
///
/// Copies share the pixels, so a copy, or a part of a dataset, costs next to nothing.
#[derive(Clone, Debug)]
pub struct ImageDataset {
    /// The pixels of at least as many images as there are labels.
    images: Arc<Vec<u8>>,
    labels: Vec<u8>,
    shape: [usize; 3],
    /// The figures by which the images are normalised where that is asked for.
    statistics: Normalization,
    normalized: bool,
    augmentation: Augmentation,
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
            images: Arc::new(images),
            labels,
            shape,
            statistics: Normalization::identity(),
            normalized: false,
            augmentation: Augmentation::default(),
        }
    }

    /// Sets the mean and deviation of the dataset's pixels, by which
    /// [`normalized`](Self::normalized) tensors are made. Without them, normalising changes
    /// nothing.
    ///
    /// # Panics
    ///
    /// If the figures are for another number of channels.
    #[must_use]
    pub fn with_statistics(mut self, statistics: Normalization) -> Self {
        assert!(
            statistics.fits(self.shape[0]),
            "{statistics:?} for images of shape {:?}",
            self.shape
        );
        self.statistics = statistics;
        self
    }

    /// Whether tensors of the images are normalised: `normalize_input` of an experiment file. The
    /// pixels themselves stay as they are.
    #[must_use]
    pub fn normalized(mut self, normalized: bool) -> Self {
        self.normalized = normalized;
        self
    }

    /// Sets how training images may be changed at random: what `train_random_transform` of an
    /// experiment file turns on. The dataset itself gives its images unchanged.
    #[must_use]
    pub fn with_augmentation(mut self, augmentation: Augmentation) -> Self {
        self.augmentation = augmentation;
        self
    }

    /// How training images may be changed at random.
    pub fn augmentation(&self) -> Augmentation {
        self.augmentation
    }

    /// What is done to pixels in tensors of the images.
    pub fn normalization(&self) -> Normalization {
        match self.normalized {
            true => self.statistics.clone(),
            false => Normalization::identity(),
        }
    }

    /// What makes tensors of the images.
    pub fn batcher(&self) -> ImageBatcher {
        ImageBatcher::new(self.shape, &self.normalization())
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
        assert!(index < self.labels.len(), "there is no image {index}");
        let size = self.image_size();
        &self.images[index * size..][..size]
    }

    /// Images `[B, C, H, W]`, normalised if [set so](Self::normalized) and else in `[0, 1]`, and
    /// labels `[B]` of a range of the dataset.
    ///
    /// # Panics
    ///
    /// If the range reaches past the end.
    pub fn tensors(&self, range: Range<usize>, device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
        let labels = self.labels[range.clone()].iter().copied();
        self.batcher()
            .tensors(range.map(|index| self.image(index)), labels, device)
    }

    /// The values of one image as [`tensors`](Self::tensors) have them, in `f64`.
    ///
    /// # Panics
    ///
    /// If there is no such image.
    pub fn values(&self, index: usize) -> Vec<f64> {
        let [channels, height, width] = self.shape;
        let normalization = self.normalization();
        let planes = self.image(index).chunks_exact(height * width);
        (0..channels)
            .zip(planes)
            .flat_map(|(channel, bytes)| {
                let table = normalization.table(channel);
                bytes
                    .iter()
                    .map(move |&byte| f64::from(table[usize::from(byte)]))
            })
            .collect()
    }

    /// The first `count` images, or all if there are fewer.
    #[must_use]
    pub fn take(mut self, count: usize) -> Self {
        self.labels.truncate(count);
        self
    }

    fn image_size(&self) -> usize {
        self.shape.iter().product()
    }

    /// The bytes of all images.
    fn pixels(&self) -> &[u8] {
        &self.images[..self.labels.len() * self.image_size()]
    }
}

impl PartialEq for ImageDataset {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape
            && self.labels == other.labels
            && self.normalization() == other.normalization()
            && self.pixels() == other.pixels()
    }
}

impl Dataset<ImageItem> for ImageDataset {
    fn get(&self, index: usize) -> Result<ImageItem, DatasetError> {
        Ok(ImageItem {
            pixels: self.image(index).to_vec(),
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
    use burn::data::dataloader::batcher::Batcher;

    fn dataset() -> ImageDataset {
        ImageDataset::new(vec![0, 255, 51, 102, 1, 2], vec![7, 3, 9], [1, 1, 2])
    }

    fn values(dataset: &ImageDataset, range: Range<usize>) -> Vec<f32> {
        let (images, labels) = dataset.tensors(range.clone(), &Device::flex());
        assert_eq!(images.dims()[0], range.len());
        let expected: Vec<i64> = range.map(|index| dataset.labels()[index].into()).collect();
        assert_eq!(
            labels.into_data().iter::<i64>().collect::<Vec<_>>(),
            expected
        );
        images.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn items_are_the_bytes_and_tensors_the_unit_range() {
        let dataset = dataset();
        assert_eq!(dataset.len(), 3);
        assert_eq!(
            dataset.get(1).unwrap(),
            ImageItem {
                pixels: vec![51, 102],
                label: 3
            }
        );
        assert_eq!(values(&dataset, 0..2), [0.0, 1.0, 0.2, 0.4]);
    }

    #[test]
    fn tensors_are_normalised_where_that_is_set() {
        let statistics = Normalization::new([0.2], [0.4]);
        let dataset = dataset().with_statistics(statistics.clone());
        assert_eq!(values(&dataset, 0..1), [0.0, 1.0]);
        assert!(dataset.normalization().is_identity());
        let normalized = dataset.clone().normalized(true);
        assert_eq!(normalized.normalization(), statistics);
        assert_eq!(values(&normalized, 0..1), [-0.5, 2.0]);
        assert_eq!(
            normalized.image(0),
            dataset.image(0),
            "the pixels stay as they are"
        );
        let (batch, _) = normalized.batcher().batch(
            vec![normalized.get(0).unwrap(), normalized.get(1).unwrap()],
            &Device::flex(),
        );
        assert_eq!(
            batch.into_data().try_to_vec::<f32>().unwrap(),
            values(&normalized, 0..2)
        );
    }

    #[test]
    fn take_keeps_the_first_images() {
        let taken = dataset().take(2);
        assert_eq!(
            taken,
            ImageDataset::new(vec![0, 255, 51, 102], vec![7, 3], [1, 1, 2])
        );
        assert_ne!(taken, dataset());
        assert_eq!(dataset().take(9), dataset());
        assert_eq!(dataset().take(0).len(), 0);
    }

    #[test]
    #[should_panic(expected = "there is no image 2")]
    fn no_image_past_the_last_one_taken() {
        dataset().take(2).image(2);
    }

    #[test]
    #[should_panic(expected = "2 labels and images of shape [1, 1, 2]")]
    fn pixels_must_fit_the_labels() {
        ImageDataset::new(vec![0, 1, 2], vec![0, 1], [1, 1, 2]);
    }

    #[test]
    #[should_panic(expected = "for images of shape [1, 1, 2]")]
    fn statistics_must_fit_the_channels() {
        let _ = dataset().with_statistics(Normalization::new([0.0; 3], [1.0; 3]));
    }
}
