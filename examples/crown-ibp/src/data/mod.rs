//! The datasets of experiment files, held in memory.
//!
//! | dataset | comes from |
//! | --- | --- |
//! | `mnist` | four idx files, or a download with Burn |
//! | `fashion-mnist` | four idx files |
//! | `cifar` | the six files of the binary version of CIFAR-10, or their archive |
//! | `svhn` | `train_32x32.mat` and `test_32x32.mat` |
//! | `digits` | drawn by code, without a file |
//!
//! Pixels are kept as bytes, as the files have them. [`ImageBatcher`] makes tensors of them, and
//! normalises; [`Augmentation`] changes training images at random.

mod augmentation;
mod batcher;
mod cifar;
mod custom;
mod digits;
mod download;
mod error;
mod idx;
mod image;
mod mat;
mod mnist;
mod normalization;
mod source;
mod svhn;

use std::fmt;

use serde::{Serialize, Serializer};

pub use augmentation::Augmentation;
pub use batcher::ImageBatcher;
pub use custom::{CustomDataset, LoadError};
pub use digits::Digits;
pub use error::{DataError, FileError, FileProblem};
pub use image::{ImageDataset, ImageItem};
pub use normalization::Normalization;
pub use source::DataSource;

/// A dataset that an experiment file can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatasetName {
    /// Handwritten digits, 28 × 28 grey: 60,000 to train and 10,000 to test.
    Mnist,
    /// Clothes, in the form of MNIST.
    FashionMnist,
    /// CIFAR-10, ten kinds of things, 32 × 32 in colour: 50,000 to train and 10,000 to test.
    Cifar,
    /// Street view house numbers, cropped digits, 32 × 32 in colour: 73,257 to train and 26,032 to
    /// test.
    Svhn,
    /// Handwritten-looking digits drawn by code, 28 × 28 grey: 6,000 to train and 1,000 to test.
    Digits,
    /// A dataset of another program.
    Custom(&'static CustomDataset),
}

impl DatasetName {
    /// All datasets of this program.
    pub const ALL: [Self; 5] = [
        Self::Mnist,
        Self::FashionMnist,
        Self::Cifar,
        Self::Svhn,
        Self::Digits,
    ];

    /// The name in experiment files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Cifar => "cifar",
            Self::Svhn => "svhn",
            Self::Digits => "digits",
            Self::Custom(dataset) => dataset.name,
        }
    }

    /// Channels, height and width of the images.
    pub fn shape(self) -> [usize; 3] {
        match self {
            Self::Mnist | Self::FashionMnist | Self::Digits => [1, 28, 28],
            Self::Cifar | Self::Svhn => [3, 32, 32],
            Self::Custom(dataset) => dataset.shape,
        }
    }

    /// The number of classes.
    pub fn classes(self) -> usize {
        match self {
            Self::Custom(dataset) => dataset.classes,
            _ => 10,
        }
    }

    /// How `train_random_transform` changes training images: crops of CIFAR-10 and SVHN, and flips
    /// of CIFAR-10, as in the reference program. A custom dataset sets it on its images.
    pub fn augmentation(self) -> Augmentation {
        match self {
            Self::Mnist | Self::FashionMnist | Self::Digits | Self::Custom(_) => {
                Augmentation::default()
            }
            Self::Cifar => Augmentation::default().with_crop(4).with_flip(),
            // A mirrored digit is another one, or none.
            Self::Svhn => Augmentation::default().with_crop(4),
        }
    }

    /// Mean and deviation of the pixels, by which `normalize_input` normalises.
    ///
    /// They are those of the reference program, which leaves grey images in `[0, 1]`. A custom
    /// dataset sets them on its images.
    pub fn statistics(self) -> Normalization {
        match self {
            Self::Mnist | Self::FashionMnist | Self::Digits | Self::Custom(_) => {
                Normalization::identity()
            }
            Self::Cifar => Normalization::new([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]),
            Self::Svhn => Normalization::new(
                [0.437_682_06, 0.443_769_72, 0.472_804_34],
                [0.198_030_14, 0.201_015_64, 0.197_036_15],
            ),
        }
    }
}

impl Serialize for DatasetName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
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

/// Loads a part of a dataset.
///
/// # Errors
///
/// [`DataError::NotFound`] says which files were looked for where; [`DataError::File`] names a
/// damaged file and the offset in it, [`DataError::Empty`] a part without images.
pub fn load(
    dataset: DatasetName,
    split: Split,
    source: &DataSource,
) -> Result<ImageDataset, DataError> {
    load_first(dataset, split, None, source)
}

/// Loads the first `count` images of a part of a dataset, or all; files that only hold further
/// images are not needed.
///
/// # Errors
///
/// As [`load`]; for a `count` of 0 there is no error.
pub fn load_first(
    dataset: DatasetName,
    split: Split,
    count: Option<usize>,
    source: &DataSource,
) -> Result<ImageDataset, DataError> {
    if count == Some(0) {
        return Ok(ImageDataset::new(Vec::new(), Vec::new(), dataset.shape()));
    }
    let images = match dataset {
        DatasetName::Digits => match split {
            Split::Train => Digits::train(),
            Split::Test => Digits::test(),
        },
        DatasetName::Mnist | DatasetName::FashionMnist => mnist::load(source, dataset, split)?,
        DatasetName::Cifar => cifar::load(source.folder(), split, count)?,
        DatasetName::Svhn => svhn::load(source.folder(), split)?,
        DatasetName::Custom(custom) => custom.images(split, source)?,
    };
    if images.labels().is_empty() {
        return Err(DataError::Empty { dataset, split });
    }
    let images = match count {
        Some(count) => images.take(count),
        None => images,
    };
    Ok(match dataset {
        DatasetName::Custom(_) => images,
        _ => images
            .with_statistics(dataset.statistics())
            .with_augmentation(dataset.augmentation()),
    })
}
