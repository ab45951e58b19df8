//! What can go wrong in an example.

use burn_crown::BoundError;
use burn_crown::train::{LearnerError, LoaderError};

/// Why an example stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExampleError {
    /// The model and the objective do not go together.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// A batch could not be read.
    #[error(transparent)]
    Data(#[from] burn::data::dataset::DatasetError),
    /// The batches cannot be made.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// The model cannot be bounded.
    #[error(transparent)]
    Bound(#[from] BoundError),
}
