//! Tensors of images.

use std::sync::Arc;

use burn::data::dataloader::batcher::Batcher;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::{ImageItem, Normalization};

/// Turns images into normalised tensors `[B, C, H, W]` and their labels into `[B]`.
///
/// ```
/// use burn::data::dataloader::batcher::Batcher;
/// use burn::tensor::{Device, Tensor};
/// use crown_ibp::data::{ImageBatcher, ImageItem, Normalization};
///
/// // Two channels of one pixel each; a byte of 255 stands for 1.
/// let normalization = Normalization::new([0.5, 0.0], [0.5, 1.0]);
/// let batcher = ImageBatcher::new([2, 1, 1], &normalization);
/// let item = ImageItem { pixels: vec![255, 51], label: 3 };
/// let (images, labels) = batcher.batch(vec![item], &Device::flex());
/// assert_eq!(images.into_data().try_to_vec::<f32>().unwrap(), [1.0, 0.2]);
/// assert_eq!(labels.dims(), [1]);
/// ```
#[derive(Clone, Debug)]
pub struct ImageBatcher {
    shape: [usize; 3],
    /// The normalised value of each byte, for each channel.
    tables: Arc<[[f32; 256]]>,
}

impl ImageBatcher {
    /// A batcher for images of a shape `[C, H, W]`.
    ///
    /// # Panics
    ///
    /// If the normalisation is for another number of channels.
    pub fn new(shape: [usize; 3], normalization: &Normalization) -> Self {
        let [channels, ..] = shape;
        assert!(
            normalization.fits(channels),
            "{normalization:?} for {channels} channels"
        );
        Self {
            shape,
            tables: (0..channels)
                .map(|channel| normalization.table(channel))
                .collect(),
        }
    }

    /// The tensors of images, each given as `C · H · W` bytes, and of their labels.
    pub(super) fn tensors<'a>(
        &self,
        images: impl Iterator<Item = &'a [u8]>,
        labels: impl Iterator<Item = u8>,
        device: &Device,
    ) -> (Tensor<4>, Tensor<1, Int>) {
        let labels: Vec<i64> = labels.map(i64::from).collect();
        let [channels, height, width] = self.shape;
        let plane = height * width;
        let mut pixels = Vec::with_capacity(labels.len() * channels * plane);
        for image in images {
            for (bytes, table) in image.chunks_exact(plane).zip(self.tables.iter()) {
                pixels.extend(bytes.iter().map(|&byte| table[usize::from(byte)]));
            }
        }
        let count = labels.len();
        let shape = [count, channels, height, width];
        (
            Tensor::from_data(TensorData::new(pixels, shape), device),
            Tensor::from_data(TensorData::new(labels, [count]), device),
        )
    }
}

impl Batcher<ImageItem, (Tensor<4>, Tensor<1, Int>)> for ImageBatcher {
    fn batch(&self, items: Vec<ImageItem>, device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
        self.tensors(
            items.iter().map(|item| item.pixels.as_slice()),
            items.iter().map(|item| item.label),
            device,
        )
    }
}
