//! Why the program ends without a result.

use std::path::{Path, PathBuf};

use burn_crown::BoundError;
use burn_crown::recheck::RecheckError;

use crate::config::{ConfigError, ModelEntry};
use crate::data::DataError;
use crate::device::UnknownDevice;
use crate::storage::StorageError;
use crate::training::{Difference, TrainError};
use crate::weights::WeightsError;

/// Why the program ends without a result.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The experiment file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The dataset.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The device.
    #[error(transparent)]
    Device(#[from] UnknownDevice),
    /// A model could not be trained.
    #[error("{model}: {source}")]
    Train {
        /// The model's name.
        model: String,
        /// Why.
        source: TrainError,
    },
    /// A model could not be bounded.
    #[error("{model}: {source}")]
    Bound {
        /// The model's name.
        model: String,
        /// Why.
        source: BoundError,
    },
    /// A model could not be bounded in double precision.
    #[error(
        "{model}: {source}\nWith --precision f64, weights and images are in f64. A forward pass that \
         makes tensors of its own in f32 cannot run on them: let it take the data type of its input"
    )]
    Precision {
        /// The model's name.
        model: String,
        /// Why.
        source: BoundError,
    },
    /// A statement about the network as it runs was asked for in a type that it does not run in.
    #[error(
        "--rounding as-run is about the network as it runs, in the f32 of its weights; leave out \
         --precision f64, or ask for --rounding sound"
    )]
    RunsInSinglePrecision,
    /// Certificates were asked for where nothing is bounded.
    #[error(
        "{model}: there is nothing to certify, for eval_params:method is \"natural\"; name a bound \
         with --method"
    )]
    NothingBounded {
        /// The model's name.
        model: String,
    },
    /// A model that the check of certificates cannot follow.
    #[error("{model}: {source}")]
    Recheck {
        /// The model's name.
        model: String,
        /// Why.
        source: RecheckError,
    },
    /// A file of certificates that says something that is not so.
    #[error("{file}: {wrong} of {lines} certificates are not confirmed")]
    NotConfirmed {
        /// The file.
        file: PathBuf,
        /// How many are not confirmed.
        wrong: usize,
        /// How many there are.
        lines: usize,
    },
    /// A file of certificates with none.
    #[error("{file} has no certificates")]
    NoCertificates {
        /// The file.
        file: PathBuf,
    },
    /// A model file.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file of weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// One file for several models.
    #[error(
        "{file} is one file, but there are {models} models; choose one with --model-subset, or give \
         a folder"
    )]
    OneFile {
        /// The file.
        file: PathBuf,
        /// How many models there are.
        models: usize,
    },
    /// A choice that one file does not leave.
    #[error("{file} is one file; --last chooses among the files of a folder, leave it out")]
    LastOfFile {
        /// The file.
        file: PathBuf,
    },
    /// A way of training together for a single device.
    #[error(
        "--exchange says how several devices train together, but every model trains on one; name \
         several with --devices, or leave it out"
    )]
    NothingToExchange,
    /// A model that was not trained yet.
    #[error(
        "{model}: there is no model file {path}, nor a .safetensors, .pth or .pt of the model beside \
         it; run `crown-ibp train` with the same --config, --path-prefix and overrides first, or \
         name other weights with --weights"
    )]
    NotTrained {
        /// The model's name.
        model: String,
        /// Where its file should be.
        path: PathBuf,
    },
    /// A model that is not trained, so that nothing is lost.
    #[error("{model}: {}", standstill.message(.file))]
    Standstill {
        /// The model's name.
        model: String,
        /// The file of its last model.
        file: PathBuf,
        /// Why.
        standstill: Standstill,
    },
    /// Several models of the experiment.
    #[error("{} of {models} models failed:{}", .failures.len(), listed(.failures))]
    Several {
        /// Why each one failed.
        failures: Vec<ProgramError>,
        /// How many models there are.
        models: usize,
    },
}

/// What is on disk that training would destroy, or cannot continue.
#[derive(Debug)]
pub enum Standstill {
    /// A run that has not come to its end.
    UnderWay {
        /// The epochs that are done.
        epochs: usize,
        /// The epochs that are asked for.
        asked: usize,
    },
    /// A run that has come to its end.
    Finished,
    /// A model without the state that training could continue from.
    NoCheckpoint,
    /// Weights of another program, which evaluation would not find any more.
    Foreign(PathBuf),
    /// A run of another model, or by other parameters.
    OtherRun(Vec<Difference>),
    /// A run that is longer than what is asked for.
    TooFewEpochs {
        /// The epochs that are done.
        epochs: usize,
        /// The epochs that are asked for.
        asked: usize,
    },
}

impl Standstill {
    fn message(&self, file: &Path) -> String {
        let file = file.display();
        let anew = "--restart to train anew and lose it, or --path-prefix FOLDER to keep both";
        match self {
            Self::UnderWay { epochs, asked } => format!(
                "{file} is of a run that has come to epoch {epochs} of {asked}; give --resume to \
                 continue it, {anew}"
            ),
            Self::Finished => format!(
                "is trained already, see {file}; give --resume to skip models that are, {anew}"
            ),
            Self::NoCheckpoint => format!(
                "there is a model already, {file}, but not the state that training could continue \
                 from; give {anew}"
            ),
            Self::Foreign(weights) => format!(
                "there are weights of the model already, {}, which stay, but evaluation would take \
                 {file} in their place; give --restart to train all the same, or --path-prefix \
                 FOLDER to train elsewhere",
                weights.display()
            ),
            Self::OtherRun(differences) => {
                let listed: String = differences
                    .iter()
                    .map(|difference| format!("\n    {difference}"))
                    .collect();
                format!(
                    "the run of {file} cannot be resumed, for it was begun otherwise:{listed}\n  \
                     Give the values of the run, {anew}"
                )
            }
            Self::TooFewEpochs { epochs, asked } => format!(
                "the run of {file} has {epochs} epochs already, more than the {asked} that are \
                 asked for; give {anew}"
            ),
        }
    }
}

impl ProgramError {
    pub(super) fn train<A>(entry: &ModelEntry<A>, source: TrainError) -> Self {
        Self::Train {
            model: entry.model_id.clone(),
            source,
        }
    }

    pub(super) fn bound<A>(entry: &ModelEntry<A>, source: BoundError) -> Self {
        Self::Bound {
            model: entry.model_id.clone(),
            source,
        }
    }

    /// All failures of an experiment with so many models as one error, if there are any.
    pub(super) fn all(mut failures: Vec<Self>, models: usize) -> Result<(), Self> {
        match failures.len() {
            0 => Ok(()),
            1 => Err(failures.swap_remove(0)),
            _ => Err(Self::Several { failures, models }),
        }
    }
}

fn listed(failures: &[ProgramError]) -> String {
    let line = |failure| format!("\n  {failure}");
    failures.iter().map(line).collect()
}
