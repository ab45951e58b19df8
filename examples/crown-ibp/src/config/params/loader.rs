//! `loader_params`.

use serde::Serialize;

use crate::config::keys;
use crate::config::section::Section;
use crate::data::{Augmentation, DatasetName};

/// `loader_params`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoaderParams {
    /// Images in a training batch, at least 1.
    pub batch_size: usize,
    /// Images in a test batch; those of a training batch if the file does not say.
    pub test_batch_size: usize,
    /// Whether training batches are shuffled.
    pub shuffle_train: bool,
    /// Whether test batches are shuffled. No figure depends on it.
    pub shuffle_test: bool,
    /// Whether training images are changed at random, for datasets with an
    /// [augmentation](DatasetName::augmentation).
    pub train_random_transform: bool,
    /// Whether images are normalised by the dataset's mean and standard deviation, channel by
    /// channel. Grey images stay in `[0, 1]` whatever this says.
    pub normalize_input: bool,
    /// Use only so many images, the first, of training and test set.
    pub num_examples: Option<usize>,
}

impl LoaderParams {
    pub(super) fn read(section: &Section<'_>, dataset: Option<DatasetName>) -> Option<Self> {
        section.allow(keys::LOADER);
        let batch_size = section.positive("batch_size");
        let test_batch_size = section.positive_or_null("test_batch_size");
        let shuffle_train = section.get_or("shuffle_train", true);
        let shuffle_test = section.get_or("shuffle_test", false);
        let train_random_transform = section.get_or("train_random_transform", false);
        if let (Some(true), Some(dataset)) = (train_random_transform, dataset) {
            let words = format!("must be false: images of {dataset} are not cropped or flipped");
            // Whether images of a custom dataset can be changed, they know themselves.
            let custom = matches!(dataset, DatasetName::Custom(_));
            let changed = custom || dataset.augmentation() != Augmentation::default();
            section.ensure("train_random_transform", &words, changed);
        }
        let normalize_input = section.get_or("normalize_input", false);
        let num_examples = section.positive_or_null("num_examples");
        Some(Self {
            batch_size: batch_size?,
            test_batch_size: test_batch_size?.or(batch_size)?,
            shuffle_train: shuffle_train?,
            shuffle_test: shuffle_test?,
            train_random_transform: train_random_transform?,
            normalize_input: normalize_input?,
            num_examples: num_examples?,
        })
    }
}
