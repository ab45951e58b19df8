//! The images that cases run on.

use crown_ibp::data::{DataSource, DatasetName, ImageDataset, Split, load_first};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::arguments::Settings;
use crate::error::BenchError;

/// Images to train on, with pixels and labels drawn at random: the time of a step does not depend on
/// what they show.
pub(super) fn to_train(count: usize, seed: u64) -> ImageDataset {
    let shape = DatasetName::Digits.shape();
    let mut random = StdRng::seed_from_u64(seed);
    let mut pixels = vec![0; count * shape.iter().product::<usize>()];
    random.fill(&mut pixels[..]);
    let labels = (0..count).map(|_| random.random_range(0..10)).collect();
    ImageDataset::new(pixels, labels, shape)
}

/// The dataset whose images are verified: MNIST, where there is a folder of it, else the embedded
/// digits.
pub(super) fn verified(settings: &Settings) -> DatasetName {
    match settings.data_dir {
        Some(_) => DatasetName::Mnist,
        None => DatasetName::Digits,
    }
}

/// The first of its test images.
pub(super) fn to_verify(settings: &Settings, count: usize) -> Result<ImageDataset, BenchError> {
    let dataset = verified(settings);
    let source = DataSource::new(settings.data_dir.clone());
    let images = load_first(dataset, Split::Test, Some(count), &source)?;
    match images.labels().len() {
        found if found < count => Err(BenchError::TooFewImages {
            wanted: count,
            found,
        }),
        _ => Ok(images),
    }
}
