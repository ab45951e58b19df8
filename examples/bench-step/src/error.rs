//! What can go wrong.

use std::path::PathBuf;
use std::process::ExitStatus;

use burn_crown::BoundError;
use burn_crown::train::{LearnerError, LoaderError};
use crown_ibp::data::DataError;
use crown_ibp::device::UnknownDevice;
use crown_ibp::weights::WeightsError;

/// Why the program stopped.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// No case has such a name.
    #[error("there is no case `{name}`; `bench-step run --list` shows them")]
    NoCase {
        /// What was asked for.
        name: String,
    },
    /// The environment gives another number of threads than the command line.
    #[error("{variable} is {found}, but the case wants {wanted}; set it, or use `bench-step run`")]
    Threads {
        /// The variable of the environment.
        variable: &'static str,
        /// Its value.
        found: String,
        /// The value that it should have.
        wanted: String,
    },
    /// This build has no such device.
    #[error(transparent)]
    Device(#[from] UnknownDevice),
    /// The images cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A case wants more images than there are.
    #[error("the case wants {wanted} images, and there are {found}; ask for fewer")]
    TooFewImages {
        /// The images that are wanted.
        wanted: usize,
        /// Those that there are.
        found: usize,
    },
    /// The weights cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The model cannot be trained.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// The batches cannot be made.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// The model cannot be bounded.
    #[error(transparent)]
    Bound(#[from] BoundError),
    /// The device failed.
    #[error("the device failed: {0}")]
    Execution(String),
    /// Burn's training loop ended with an error.
    #[error("training ended: {0}")]
    Training(String),
    /// The program could not start itself.
    #[error("cannot start a process for a case: {0}")]
    Start(#[source] std::io::Error),
    /// Cases failed in their processes, which have said why.
    #[error("{}", failed(.0))]
    Failed(Vec<(String, ExitStatus)>),
    /// A record cannot be printed.
    #[error("cannot write JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is no record.
    #[error("{}, line {line}: {source}; give lines that `bench-step run` has printed", .path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A file holds no expected ratios.
    #[error("{}: {source}; write it anew with `bench-step check --write`", .path.display())]
    Ratios {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// No ratio could be made or compared.
    #[error(
        "nothing can be compared: the records have no case together with the natural step of its \
         network, on a backend and with threads of which something is expected"
    )]
    NothingCompared,
    /// Ratios have grown, or are missing.
    #[error("{count} of the ratios above are too large or missing")]
    Regression {
        /// How many.
        count: usize,
    },
}

fn failed(cases: &[(String, ExitStatus)]) -> String {
    let lines = cases
        .iter()
        .map(|(case, status)| format!("{case} ({status})"));
    format!("failed: {}", lines.collect::<Vec<_>>().join(", "))
}
