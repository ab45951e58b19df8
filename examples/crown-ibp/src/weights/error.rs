//! Why weights could not be loaded or saved.

use std::fmt::Write;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::WeightsForm;
use crate::storage::StorageError;

/// Why weights could not be loaded or saved.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// The file is missing, or may not be read.
    #[error("cannot open the weights {path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// The file system's error.
        source: io::Error,
    },
    /// The file begins like none of the known forms.
    #[error(
        "{path} holds no weights: {found}. Give a PyTorch checkpoint or state dict (.pth), a \
         safetensors file, or a model file of this program (.bpk)"
    )]
    Unknown {
        /// The file.
        path: PathBuf,
        /// What the file begins with, in words.
        found: &'static str,
    },
    /// The file is of a known form, but damaged, cut off, or without weights.
    #[error(
        "cannot read {path} as {form}: {message}; the file may be damaged, cut off, or of another \
         kind"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The form that the file begins like.
        form: WeightsForm,
        /// What the reader says.
        message: String,
    },
    /// The file holds the weights of another model.
    #[error(
        "{path} does not fit the model; check its model_class and model_params:{}",
        lines(.problems)
    )]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// One line for each tensor that does not fit, with the file's key, the model's layer and
        /// both shapes.
        problems: Vec<String>,
    },
    /// The file holds numbers that would become infinite in the model.
    #[error(
        "{path}: `{key}` is {found}, and holds numbers that are too large for the model's {wanted}"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The file's key of the tensor.
        key: String,
        /// The type of the file's numbers.
        found: &'static str,
        /// The type of the model's.
        wanted: &'static str,
    },
    /// A folder holds no file of a model.
    #[error(
        "{model}: there are no weights of this model in {}; its file is named {model}_best or \
         {model}, and ends in .bpk, .safetensors, .pth or .pt",
        .folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(" or ")
    )]
    NotFound {
        /// The model's name.
        model: String,
        /// The folders that were looked at.
        folders: Vec<PathBuf>,
    },
    /// The tensors cannot be written in the safetensors form.
    #[error("cannot turn the model into a safetensors file {path}: {message}")]
    Encode {
        /// The destination.
        path: PathBuf,
        /// What the writer says.
        message: String,
    },
    /// The file system refused to write.
    #[error(transparent)]
    Write(#[from] StorageError),
}

/// The most problems that a message lists: the first ones say what is wrong, and a file of a large
/// foreign network would give hundreds.
const LISTED: usize = 20;

fn lines(problems: &[String]) -> String {
    let mut text = String::new();
    for problem in problems.iter().take(LISTED) {
        text.push_str("\n  ");
        text.push_str(problem);
    }
    if let Some(more) = problems.len().checked_sub(LISTED).filter(|&more| more > 0) {
        // Writing to a string does not fail.
        let _ = write!(text, "\n  and {more} more");
    }
    text
}
