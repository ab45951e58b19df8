//! Where the weights of an experiment's models are.

use std::path::{Path, PathBuf};

use super::ProgramError;
use crate::config::{ExperimentConfig, ModelEntry};
use crate::models::Architecture;
use crate::weights::{Choice, WeightsError, find_weights};

/// The file of a model's weights: what `--weights` gives, a file or a folder; else the file that
/// training, or the reference program's, left below the experiment's `path_prefix`.
///
/// # Errors
///
/// If there is none, if one file is given for several models, or if the last model of a file is
/// asked for.
pub(super) fn weights_file<A: Architecture>(
    experiment: &ExperimentConfig<A>,
    entry: &ModelEntry<A>,
    choice: Choice,
    given: Option<&Path>,
) -> Result<PathBuf, ProgramError> {
    let models = experiment.models.len();
    match given {
        Some(folder) if folder.is_dir() => {
            let folders = [folder.join(&experiment.models_path), folder.into()];
            Ok(find_weights(&folders, &entry.model_id, choice)?)
        }
        Some(file) if models > 1 => Err(ProgramError::OneFile {
            file: file.into(),
            models,
        }),
        Some(file) if choice == Choice::Last => Err(ProgramError::LastOfFile { file: file.into() }),
        Some(file) => Ok(file.into()),
        None => {
            let folder = experiment.path_prefix.join(&experiment.models_path);
            find_weights(&[folder], &entry.model_id, choice).map_err(|error| match error {
                WeightsError::NotFound { model, .. } => ProgramError::NotTrained {
                    model,
                    path: experiment.files(entry).last,
                },
                other => other.into(),
            })
        }
    }
}
