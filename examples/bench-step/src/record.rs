//! The line of JSON that a case gives.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::BenchError;

/// The program name of this program's records; those of the yardstick have another.
pub const OURS: &str = "burn-crown";

/// What was measured of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What computed: [`OURS`], or `pytorch` for the yardstick.
    pub program: String,
    /// Its version.
    pub version: String,
    /// The name of the case.
    pub case: String,
    /// The name of the network.
    pub model: String,
    /// The training loss, or the bound method.
    pub method: String,
    /// The device as the command line names it.
    pub backend: String,
    /// The images of a step, or those that were verified.
    pub batch: usize,
    /// The threads of each worker.
    pub threads: usize,
    /// The data-parallel workers.
    pub workers: usize,
    /// The seconds of a step, or of verifying all images.
    pub seconds: Seconds,
    /// The number of times that were measured.
    pub repeats: usize,
    /// The largest memory of the process in bytes, where the system tells it.
    pub peak_bytes: Option<u64>,
    /// The seed of the weights.
    pub seed: u64,
    /// The radius, where something was bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// The share of CROWN-IBP in the bounds that were trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// The share of the natural loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kappa: Option<f64>,
    /// Whether a robust step made the outputs at the images themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean_outputs: Option<bool>,
    /// The dataset of the images that were verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<String>,
    /// The number of images that were certified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certified: Option<usize>,
    /// The file of the weights; none where they were drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
}

/// Two figures of several times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// The median.
    pub median: f64,
    /// The smallest, which other load on the machine disturbs least.
    pub min: f64,
}

impl Seconds {
    /// The figures of some times; none of no time.
    pub fn of(mut times: Vec<f64>) -> Option<Self> {
        times.sort_by(f64::total_cmp);
        let middle = times.len() / 2;
        let median = match times.len() % 2 {
            0 => 0.5 * (times.get(middle.wrapping_sub(1))? + times.get(middle)?),
            _ => *times.get(middle)?,
        };
        let min = *times.first()?;
        Some(Self { median, min })
    }
}

/// Reads files of records, one after another. A record takes the place of an earlier one of the
/// same case on the same backend, threads and batch.
///
/// # Errors
///
/// If a file cannot be read, or a line is no record.
pub fn read(paths: &[impl AsRef<Path>]) -> Result<Vec<Record>, BenchError> {
    let mut records: Vec<Record> = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| BenchError::Read {
            path: path.into(),
            source,
        })?;
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let record: Record =
                serde_json::from_str(line).map_err(|source| BenchError::Record {
                    path: path.into(),
                    line: index + 1,
                    source,
                })?;
            records.retain(|earlier| !earlier.measures_the_same(&record));
            records.push(record);
        }
    }
    Ok(records)
}

impl Record {
    fn measures_the_same(&self, other: &Self) -> bool {
        let what = |record: &Self| {
            let Self {
                program,
                case,
                backend,
                ..
            } = record;
            (program.clone(), case.clone(), backend.clone())
        };
        let size = |record: &Self| (record.batch, record.threads);
        what(self) == what(other) && size(self) == size(other)
    }
}
