//! The datasets of experiment files, held in memory.
//!
//! [`load`] finds `mnist` and `fashion-mnist` as idx files, or downloads MNIST with Burn;
//! `digits` is drawn by code and needs no file.

mod digits;
mod download;
mod idx;
mod image;
mod source;

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use digits::Digits;
pub use idx::{IdxError, IdxProblem};
pub(crate) use image::batch_tensors;
pub use image::{ImageDataset, ImageItem};
pub use source::DataSource;

/// A dataset that an experiment file can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatasetName {
    /// Handwritten digits, 28 × 28 grey: 60,000 to train and 10,000 to test.
    Mnist,
    /// Clothes, in the form of MNIST.
    FashionMnist,
    /// Handwritten-looking digits drawn by code, 28 × 28 grey: 6,000 to train and 1,000 to test.
    Digits,
}

impl DatasetName {
    /// The name in experiment files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Digits => "digits",
        }
    }

    /// Channels, height and width of the images.
    pub fn shape(self) -> [usize; 3] {
        match self {
            Self::Mnist | Self::FashionMnist | Self::Digits => [1, 28, 28],
        }
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A part of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// The images to train on.
    Train,
    /// The images to test on.
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Test => "test",
        })
    }
}

/// Why a dataset could not be loaded.
#[derive(Debug, Error)]
pub enum DataError {
    /// A file is not what it should be.
    #[error(transparent)]
    Idx(#[from] IdxError),
    /// No file was found, and nothing can be downloaded in its place.
    #[error(
        "found no {split} images and labels of {dataset}: {reason}.\nlooked for{}",
        .looked_for.iter().map(|path| format!("\n  {}", path.display())).collect::<String>()
    )]
    NotFound {
        /// The dataset.
        dataset: DatasetName,
        /// The part of it.
        split: Split,
        /// What was tried, and what to do.
        reason: String,
        /// The files that were looked for, images then labels in each folder.
        looked_for: Vec<PathBuf>,
    },
}

/// Loads a part of a dataset.
///
/// # Errors
///
/// [`DataError::NotFound`] says which files were looked for where; [`DataError::Idx`] names a
/// damaged file and the offset in it.
pub fn load(
    dataset: DatasetName,
    split: Split,
    source: &DataSource,
) -> Result<ImageDataset, DataError> {
    match (dataset, split) {
        (DatasetName::Digits, Split::Train) => Ok(Digits::train()),
        (DatasetName::Digits, Split::Test) => Ok(Digits::test()),
        (DatasetName::Mnist | DatasetName::FashionMnist, _) => source.load(dataset, split),
    }
}
