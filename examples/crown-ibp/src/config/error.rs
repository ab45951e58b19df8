//! What can be wrong with an experiment file.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// Why an experiment file cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the experiment file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The file system's error.
        source: std::io::Error,
    },
    /// The file is not JSON.
    #[error("{path} is not JSON: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why, by line and column.
        source: serde_json::Error,
    },
    /// An override goes below a value that is no section.
    #[error("the override {name} cannot be applied: {reason}")]
    Override {
        /// The path of the override.
        name: String,
        /// Why.
        reason: String,
    },
    /// Keys or values are wrong.
    #[error("{path} cannot be used:{}", list(.problems))]
    Problems {
        /// The file.
        path: PathBuf,
        /// All that is wrong, in the order of the file's sections.
        problems: Vec<Problem>,
    },
    /// A model number is out of range.
    #[error("there is no model {index}: {path} has {count} models, numbered from 0")]
    ModelSubset {
        /// The file.
        path: PathBuf,
        /// The number asked for.
        index: usize,
        /// How many models there are, without the ignored ones and with all repeats.
        count: usize,
    },
}

/// One thing that is wrong in an experiment file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// The path of the key, such as `training_params:epsilon`.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

fn list(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("\n  {problem}"))
        .collect()
}
