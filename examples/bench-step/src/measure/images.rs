//! The images that cases run on.

use crown_ibp::data::{DataSource, DatasetName, ImageDataset, Split, load_first};

use crate::arguments::Settings;
use crate::error::BenchError;

/// The first images to train on: embedded digits, of the form of MNIST's, for the time of a step
/// does not depend on what they show.
pub(super) fn to_train(count: usize) -> Result<ImageDataset, BenchError> {
    first(
        DatasetName::Digits,
        Split::Train,
        count,
        DataSource::new(None),
    )
}

/// The first test images of MNIST, where there is a folder of it, or of the embedded digits.
pub(super) fn to_verify(settings: &Settings, count: usize) -> Result<ImageDataset, BenchError> {
    let dataset = match settings.data_dir {
        Some(_) => DatasetName::Mnist,
        None => DatasetName::Digits,
    };
    let source = DataSource::new(settings.data_dir.clone());
    first(dataset, Split::Test, count, source)
}

fn first(
    dataset: DatasetName,
    split: Split,
    count: usize,
    source: DataSource,
) -> Result<ImageDataset, BenchError> {
    let images = load_first(dataset, split, Some(count), &source)?;
    match images.labels().len() {
        found if found < count => Err(BenchError::TooFewImages {
            wanted: count,
            found,
        }),
        _ => Ok(images),
    }
}
