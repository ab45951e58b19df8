//! The digits, each with the scores of another reader.

use burn::tensor::{Device, Int, Tensor, TensorData};
use crown_ibp::data::ImageDataset;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// How much further a score may change than a pixel.
const SCORES_BY: f64 = 5.0;

/// The radius of the scores, where that of the pixels is `epsilon`.
pub(super) fn scores_radius(epsilon: f64) -> f64 {
    SCORES_BY * epsilon
}

/// The images, and the scores that the other reader gives.
pub(super) struct Readings {
    images: ImageDataset,
    /// `10` scores an image, from 0 to 1.
    scores: Vec<f32>,
}

impl Readings {
    /// The other reader's scores are random ones below 0.5, but for one digit with 0.8 or more: the
    /// right one in 7 of 10 cases.
    pub(super) fn new(images: ImageDataset, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut scores = Vec::with_capacity(10 * images.labels().len());
        for &label in images.labels() {
            let chosen = match random.random_bool(0.7) {
                true => label,
                false => random.random_range(0..10),
            };
            for digit in 0..10 {
                let range = if digit == chosen { 0.8..1.0 } else { 0.0..0.5 };
                scores.push(random.random_range(range));
            }
        }
        Self { images, scores }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.images.labels().len()
    }

    /// Images, scores and labels of these indices.
    pub(super) fn tensors(
        &self,
        indices: &[usize],
        device: &Device,
    ) -> (Tensor<4>, Tensor<2>, Tensor<1, Int>) {
        let (mut images, mut labels, mut scores) = (Vec::new(), Vec::new(), Vec::new());
        for &index in indices {
            let (image, label) = self.images.tensors(index..index + 1, device);
            images.push(image);
            labels.push(label);
            scores.extend_from_slice(&self.scores[10 * index..][..10]);
        }
        let scores = TensorData::new(scores, [indices.len(), 10]);
        (
            Tensor::cat(images, 0),
            Tensor::from_data(scores, device),
            Tensor::cat(labels, 0),
        )
    }
}
