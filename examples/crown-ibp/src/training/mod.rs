//! The training of the models of an experiment, through Burn's training loop.

mod checkpoint;
mod epoch;
mod identity;
mod log;
mod objective;
mod optimizer;
mod panic;
mod recorder;
mod run;

use std::path::PathBuf;
use std::sync::Arc;

use burn::train::TrainingError;
use burn_crown::train::{LearnerError, LoaderError};

pub use checkpoint::{BestEpoch, Checkpoint, Part, Records, RunState};
pub use epoch::{EpochFigures, EpochSummary, Split, SplitSummary};
pub use identity::{Difference, RunIdentity};
pub use objective::{objective, verification};
pub use run::{Standing, TrainingRun};

use crate::config::LoaderParams;
use crate::data::ImageDataset;
use crate::storage::StorageError;
use crate::weights::WeightsError;

/// Why a model could not be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The model and the objective do not go together.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// The batches cannot be made.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// The training set is empty.
    #[error("there is no image to train on; check `loader_params:num_examples`")]
    NoImages,
    /// Burn's training loop stopped on an error.
    #[error("training stopped: {0}")]
    Stopped(Arc<TrainingError>),
    /// A step's numbers are not finite: there is nothing to be learned any more.
    #[error(
        "training diverged: {source}; {}. Try a smaller training_params:lr or a longer \
         training_params:schedule_length, and look at the images if they are at fault",
        match epoch {
            Some(epoch) => format!("{} still holds epoch {epoch}", checkpoint.display()),
            None => "no epoch was finished before, so there is no checkpoint".into(),
        }
    )]
    Diverged {
        /// What is not finite.
        source: Box<LearnerError>,
        /// The file of the last good checkpoint.
        checkpoint: PathBuf,
        /// The number of its epoch, from 1; none where there is no checkpoint.
        epoch: Option<usize>,
    },
    /// A step failed.
    #[error("training stopped: {0}")]
    Panicked(String),
    /// The run's files.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The weights to begin from.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The parameters cannot be written down.
    #[error("the run's parameters cannot be written as JSON: {0}")]
    Identity(serde_json::Error),
}

/// The images of an experiment.
#[derive(Clone, Debug)]
pub struct Images {
    /// The images to train on.
    pub train: Arc<ImageDataset>,
    /// The images to test on.
    pub test: Arc<ImageDataset>,
}

/// The images of a dataset that the parameters ask for, normalised if they say so.
pub(crate) fn prepared(images: &ImageDataset, params: &LoaderParams) -> ImageDataset {
    let images = images.clone().normalized(params.normalize_input);
    match params.num_examples {
        Some(count) => images.take(count),
        None => images,
    }
}
