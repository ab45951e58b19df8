//! The regression check: ratios of one run against those that were written down.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::arguments::Figure;
use crate::case::Case;
use crate::error::BenchError;
use crate::ratio::{base, times};
use crate::record::{OURS, Record};

/// The ratios to hold, and by which factor they may grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratios {
    /// A ratio that is larger than expected by more than this factor is a regression.
    pub factor: f64,
    /// The expected ratios.
    pub ratios: Vec<Expected>,
}

impl Default for Ratios {
    fn default() -> Self {
        Self {
            factor: 1.5,
            ratios: Vec::new(),
        }
    }
}

/// The ratio of a case's time to that of the natural step of its network; of a step on several
/// workers to the same on one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// The name of the case.
    pub case: String,
    /// The images of a step, or those that were verified.
    pub batch: usize,
    /// The device.
    pub backend: String,
    /// The threads of each worker.
    pub threads: usize,
    /// How many times as long as its base the case takes.
    pub ratio: f64,
}

impl Expected {
    fn is_of(&self, record: &Record) -> bool {
        record.program == OURS
            && (&self.case, &self.backend) == (&record.case, &record.backend)
            && (self.batch, self.threads) == (record.batch, record.threads)
    }
}

/// What became of an expected ratio.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What is expected.
    pub expected: Expected,
    /// The factor by which it may grow.
    pub factor: f64,
    /// The ratio; none where the case was timed without that with which it is compared.
    pub found: Option<f64>,
}

impl Finding {
    /// Whether the ratio has grown too much, or is missing.
    pub fn is_failure(&self) -> bool {
        // Not `found > …`, which lets NaN pass.
        !self
            .found
            .is_some_and(|found| found <= self.expected.ratio * self.factor)
    }

    /// Whether the ratio has shrunk so much that the file should be written anew.
    pub fn is_better(&self) -> bool {
        self.found
            .is_some_and(|found| found * self.factor < self.expected.ratio)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Expected {
            case,
            backend,
            threads,
            ratio,
            ..
        } = &self.expected;
        let verdict = match (self.is_failure(), self.is_better()) {
            (true, _) => "FAILED",
            (false, true) => "better",
            (false, false) => "ok",
        };
        write!(f, "{verdict:<6} {case}, {backend}, {threads} threads: ")?;
        match self.found {
            Some(found) => write!(f, "{found:.3}, expected {ratio:.3}")?,
            None => write!(f, "not timed together with what it is compared with")?,
        }
        if self.is_better() {
            write!(f, "; write the new ratio down with --write")?;
        }
        Ok(())
    }
}

impl Ratios {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or holds something else.
    pub fn read(path: &Path) -> Result<Self, BenchError> {
        let text = std::fs::read_to_string(path).map_err(|source| BenchError::Read {
            path: path.into(),
            source,
        })?;
        serde_json::from_str(&text).map_err(|source| BenchError::Ratios {
            path: path.into(),
            source,
        })
    }

    /// Writes a file.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), BenchError> {
        let text = serde_json::to_string_pretty(self).map_err(BenchError::Json)? + "\n";
        std::fs::write(path, text).map_err(|source| BenchError::Write {
            path: path.into(),
            source,
        })
    }

    /// The ratios with those of some records in place of their own.
    ///
    /// # Errors
    ///
    /// If the records give no ratio.
    pub fn with(mut self, records: &[Record], by: Figure) -> Result<Self, BenchError> {
        let ours = records.iter().filter(|record| record.program == OURS);
        let with_base = ours.filter_map(|record| Some((record, base(record, records)?)));
        let new: Vec<(&Record, f64)> = with_base
            .map(|(record, base)| (record, times(record, base, by)))
            .collect();
        if new.is_empty() {
            return Err(BenchError::NothingCompared);
        }
        for (record, ratio) in new {
            self.ratios.retain(|expected| !expected.is_of(record));
            self.ratios.push(Expected {
                case: record.case.clone(),
                batch: record.batch,
                backend: record.backend.clone(),
                threads: record.threads,
                // Further digits are noise.
                ratio: (1e3 * ratio).round() / 1e3,
            });
        }
        let cases: Vec<String> = Case::all().iter().map(Case::to_string).collect();
        self.ratios.sort_by_key(|expected| {
            let place = cases.iter().position(|case| *case == expected.case);
            (expected.backend.clone(), expected.threads, place)
        });
        Ok(self)
    }

    /// What became of the expected ratios whose cases were timed.
    ///
    /// # Errors
    ///
    /// If there are none.
    pub fn compare(&self, records: &[Record], by: Figure) -> Result<Vec<Finding>, BenchError> {
        let findings: Vec<Finding> = self
            .ratios
            .iter()
            .filter_map(|expected| {
                let record = records.iter().find(|record| expected.is_of(record))?;
                let found = base(record, records).map(|base| times(record, base, by));
                Some(Finding {
                    expected: expected.clone(),
                    factor: self.factor,
                    found,
                })
            })
            .collect();
        match findings.is_empty() {
            true => Err(BenchError::NothingCompared),
            false => Ok(findings),
        }
    }
}
