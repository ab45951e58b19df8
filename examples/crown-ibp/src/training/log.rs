//! The log of a training run: a table with a row for each epoch.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use super::epoch::{EpochSummary, SplitSummary};
use super::identity::RunIdentity;
use crate::storage::StorageError;

/// The columns, separated by tabs. Errors and unstable neurons are in %.
const COLUMNS: &[&str] = &[
    "epoch",
    "learning_rate",
    "epsilon",
    "kappa",
    "beta",
    "train_loss",
    "train_natural_loss",
    "train_clean_error",
    "train_verified_error",
    "train_unstable",
    "test_loss",
    "test_natural_loss",
    "test_clean_error",
    "test_verified_error",
    "seconds",
    "total_seconds",
];

/// The log file of a run, which only one program at a time can hold.
///
/// Lines that begin with `#` are remarks; the rest is a table with tabs between its columns.
#[derive(Debug)]
pub(super) struct TrainingLog {
    file: File,
}

impl TrainingLog {
    /// Takes the log for a run; what is in it stays for the moment.
    ///
    /// # Errors
    ///
    /// If another program holds it, or the file system refuses.
    pub(super) fn open(path: &Path) -> Result<Self, StorageError> {
        let open = || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).read(true).write(true);
            options.open(path)
        };
        let file = open().map_err(|source| StorageError::Open {
            path: path.into(),
            source,
        })?;
        // The system frees the lock however the program ends. A file system without locks gives
        // another error, and no protection.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(StorageError::InUse { path: path.into() });
        }
        Ok(Self { file })
    }

    /// Begins anew.
    pub(super) fn begin(&mut self, model: &str, run: &RunIdentity) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "# crown-ibp {}", env!("CARGO_PKG_VERSION"))?;
        writeln!(self.file, "# run: {}", serde_json::to_string(run)?)?;
        for line in model.lines() {
            writeln!(self.file, "# {line}")?;
        }
        writeln!(self.file, "{}", COLUMNS.join("\t"))
    }

    /// Continues behind the first `length` bytes, after the epoch of this number.
    pub(super) fn resume(&mut self, length: u64, epochs: usize) -> io::Result<()> {
        // A log that somebody has cut is not made longer by zeros.
        let length = length.min(self.file.metadata()?.len());
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::End(0))?;
        writeln!(self.file, "# resumed after epoch {epochs}")
    }

    /// Adds a row, and gives the length of the log with it.
    pub(super) fn add(
        &mut self,
        epoch: &EpochSummary,
        learning_rate: f64,
        total_seconds: f64,
    ) -> io::Result<u64> {
        let split =
            |split: &SplitSummary| [split.loss, split.natural_loss, split.clean, split.verified];
        let mut row = vec![epoch.epoch.to_string(), learning_rate.to_string()];
        let figures = [epoch.epsilon, epoch.kappa, epoch.beta]
            .into_iter()
            .chain(split(&epoch.train))
            .chain([epoch.train.unstable])
            .chain(split(&epoch.test))
            .chain([Some(epoch.seconds), Some(total_seconds)]);
        row.extend(figures.map(|figure| figure.map_or_else(|| "nan".into(), short)));
        writeln!(self.file, "{}", row.join("\t"))?;
        self.file.sync_data()?;
        self.file.stream_position()
    }
}

/// A figure with eight decimals at most.
fn short(figure: f64) -> String {
    let text = format!("{figure:.8}");
    let text = text.trim_end_matches('0');
    text.trim_end_matches('.').into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn summary(epoch: usize) -> EpochSummary {
        let split = SplitSummary {
            loss: Some(0.5),
            natural_loss: Some(0.25),
            clean: Some(12.0),
            verified: None,
            unstable: Some(3.25),
        };
        EpochSummary {
            epoch,
            epsilon: Some(0.1),
            kappa: Some(0.0),
            beta: Some(1.0),
            train: split,
            test: split,
            seconds: 2.0,
        }
    }

    #[test]
    fn a_resumed_log_has_every_epoch_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/run.log");
        let mut log = TrainingLog::open(&path).unwrap();
        let run = RunIdentity::from_parts([("seed", 1)]);
        log.begin("net {\n}", &run).unwrap();
        let length = log.add(&summary(1), 0.001, 2.0).unwrap();
        log.add(&summary(2), 0.001, 4.0).unwrap();
        drop(log);

        let mut log = TrainingLog::open(&path).unwrap();
        log.resume(length, 1).unwrap();
        log.add(&summary(2), 0.0005, 4.0).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let rows: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(rows.len(), 3, "{text}");
        let columns: Vec<_> = rows.iter().map(|row| row.split('\t').count()).collect();
        assert_eq!(columns, [COLUMNS.len(); 3]);
        assert_eq!(
            rows[2],
            "2\t0.0005\t0.1\t0\t1\t0.5\t0.25\t12\tnan\t3.25\t0.5\t0.25\t12\tnan\t2\t4"
        );
        assert!(text.contains("# resumed after epoch 1"), "{text}");
    }

    #[test]
    fn a_log_belongs_to_one_program_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.log");
        let first = TrainingLog::open(&path).unwrap();
        let second = TrainingLog::open(&path).unwrap_err();
        assert!(second.to_string().contains("run.log"), "{second}");
        drop(first);
        assert!(TrainingLog::open(&path).is_ok());
    }
}
