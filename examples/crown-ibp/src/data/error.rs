//! Why a dataset cannot be loaded.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{DatasetName, LoadError, Split};

/// Why a dataset could not be loaded.
#[derive(Debug, Error)]
pub enum DataError {
    /// A file is not what it should be.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file was not found, and nothing can be downloaded in its place.
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
        /// The files that were looked for.
        looked_for: Vec<PathBuf>,
    },
    /// A part without images, of which nothing could be said.
    #[error("there are no {split} images of {dataset} in its files")]
    Empty {
        /// The dataset.
        dataset: DatasetName,
        /// The part of it.
        split: Split,
    },
    /// A custom dataset did not load, or its images are not what it says.
    #[error("cannot load the {split} images of {dataset}: {reason}")]
    Custom {
        /// The dataset.
        dataset: DatasetName,
        /// The part of it.
        split: Split,
        /// Why.
        reason: LoadError,
    },
}

/// A file of a dataset that cannot be used.
#[derive(Debug, Error)]
#[error("{path}, at byte {offset}: {problem}")]
pub struct FileError {
    /// The file; a file in an archive is named below the archive.
    pub path: PathBuf,
    /// Where in the file. In a `.gz` file, bytes are counted after decompression; in a compressed
    /// array of a `.mat` file, this is where the array starts.
    pub offset: u64,
    /// What is wrong there.
    pub problem: FileProblem,
}

/// What is wrong in a file of a dataset.
#[derive(Debug, Error)]
pub enum FileProblem {
    /// Reading or decompressing failed.
    #[error("cannot read on: {0}; if the file was not fetched whole, fetch it again")]
    Read(#[from] io::Error),
    /// The data end too early.
    #[error("the data end here, but {0}; the file is truncated or damaged, fetch it again")]
    Truncated(String),
    /// The file has another type or another content than it should.
    #[error("{0}")]
    Format(String),
    /// There are data after what the file should hold.
    #[error("{0} end here, but more data follow")]
    Trailing(String),
    /// The label names no class.
    #[error("label {label}, of image {image}, is none of {dataset}, which are {labels}")]
    Label {
        /// The label found.
        label: u8,
        /// The number of its image in the file, from 0.
        image: usize,
        /// The dataset.
        dataset: &'static str,
        /// The labels that there are.
        labels: &'static str,
    },
}

/// An offset and what is wrong there.
pub(super) type Failure = (u64, FileProblem);

impl FileError {
    /// A failure in a file.
    pub(super) fn new(path: &Path, (offset, problem): Failure) -> Self {
        Self {
            path: path.into(),
            offset,
            problem,
        }
    }
}
