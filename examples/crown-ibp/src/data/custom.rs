//! Datasets of other programs.

use std::error::Error;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::{DataError, DataSource, DatasetName, ImageDataset, Split};

/// A dataset that a program of your own brings, to be named in its experiment files.
///
/// ```
/// use crown_ibp::data::{CustomDataset, ImageDataset, Split};
///
/// static SHADES: CustomDataset = CustomDataset {
///     name: "shades",
///     shape: [1, 2, 2],
///     classes: 2,
///     load: |split, _| {
///         let count = if split == Split::Train { 100 } else { 20 };
///         let labels: Vec<u8> = (0..count).map(|index| index % 2).collect();
///         let pixels = labels.iter().flat_map(|&label| [200 * label; 4]).collect();
///         Ok(ImageDataset::new(pixels, labels, [1, 2, 2]))
///     },
/// };
/// ```
pub struct CustomDataset {
    /// The name in experiment files, another one than those of this crate.
    pub name: &'static str,
    /// Channels, height and width of the images.
    pub shape: [usize; 3],
    /// The number of classes.
    pub classes: usize,
    /// Loads a part of the dataset, maybe from [the folder that the user
    /// named](DataSource::folder). Normalisation and augmentation are set on the images.
    pub load: fn(Split, &DataSource) -> Result<ImageDataset, LoadError>,
}

impl CustomDataset {
    /// A part of the dataset, checked.
    pub(super) fn images(
        &'static self,
        split: Split,
        source: &DataSource,
    ) -> Result<ImageDataset, DataError> {
        let failed = |reason| DataError::Custom {
            dataset: DatasetName::Custom(self),
            split,
            reason,
        };
        let images = (self.load)(split, source).map_err(failed)?;
        let (found, wanted) = (images.shape(), self.shape);
        if found != wanted {
            let reason = format!("they have the shape {found:?}, the dataset says {wanted:?}");
            return Err(failed(reason.into()));
        }
        let mut labels = images.labels().iter();
        if let Some(label) = labels.find(|label| usize::from(**label) >= self.classes) {
            let reason = format!("an image has the label {label} of {} classes", self.classes);
            return Err(failed(reason.into()));
        }
        Ok(images)
    }
}

/// Any error of a [`CustomDataset`].
pub type LoadError = Box<dyn Error + Send + Sync>;

impl fmt::Debug for CustomDataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Datasets are told apart by their names.
impl PartialEq for CustomDataset {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for CustomDataset {}

impl Hash for CustomDataset {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::data::load;
    use burn::data::dataset::Dataset;

    fn dataset(
        shape: [usize; 3],
        classes: usize,
        load: fn(Split, &DataSource) -> Result<ImageDataset, LoadError>,
    ) -> DatasetName {
        DatasetName::Custom(Box::leak(Box::new(CustomDataset {
            name: "shades",
            shape,
            classes,
            load,
        })))
    }

    fn shades(split: Split, _: &DataSource) -> Result<ImageDataset, LoadError> {
        match split {
            Split::Train => Ok(ImageDataset::new(vec![0, 200], vec![0, 1], [1, 1, 1])),
            Split::Test => Err("the disk is empty".into()),
        }
    }

    #[test]
    fn images_are_loaded_and_checked() {
        let source = DataSource::new(None);
        let found = load(dataset([1, 1, 1], 2, shades), Split::Train, &source).unwrap();
        assert_eq!((found.len(), found.labels()), (2, [0, 1].as_slice()));
        for (shape, classes, split, words) in [
            (
                [1, 1, 1],
                2,
                Split::Test,
                "cannot load the test images of shades: the disk is empty",
            ),
            (
                [1, 2, 1],
                2,
                Split::Train,
                "cannot load the train images of shades: they have the shape [1, 1, 1], the \
                 dataset says [1, 2, 1]",
            ),
            (
                [1, 1, 1],
                1,
                Split::Train,
                "cannot load the train images of shades: an image has the label 1 of 1 classes",
            ),
        ] {
            let error = load(dataset(shape, classes, shades), split, &source).unwrap_err();
            assert_eq!(error.to_string(), words);
        }
    }
}
