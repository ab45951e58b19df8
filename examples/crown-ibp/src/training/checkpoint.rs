//! The state of a training run after an epoch, in one file.
//!
//! Burn's own checkpointer writes a file each for the model, the optimizer and the learning rate,
//! one after the other and in place: a kill between or within these writes leaves a checkpoint that
//! is newest but not whole. Here all of them, and what the program itself has to remember, are one
//! file that [`write_atomically`] puts in place at once. A sum at its end tells a damaged one.

use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::optim::lr_scheduler::LrSchedulerRecord;
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::Bytes;
use flate2::Crc;
use serde::{Deserialize, Serialize};

use super::identity::RunIdentity;
use super::panic::message;
use crate::config::ModelFiles;
use crate::storage::{StorageError, write_atomically, write_bytes};

/// The first bytes of a checkpoint file; the number is that of the format.
const MAGIC: &[u8] = b"crown-ibp checkpoint 1\n";

/// A training run after an epoch.
pub struct Checkpoint {
    /// What the program remembers.
    pub state: RunState,
    /// What Burn's learner remembers.
    pub records: Records,
}

/// A part of the state of Burn's learner, which has a record of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The parameters of the model.
    Model,
    /// The state of the optimizer.
    Optimizer,
    /// The state of the learning rate.
    LearningRate,
}

impl Part {
    /// All parts, in the order in which the file has them.
    pub const ALL: [Self; 3] = [Self::Model, Self::Optimizer, Self::LearningRate];
}

/// The state of Burn's learner, each part as Burn writes it.
pub type Records = BTreeMap<Part, Bytes>;

/// The state of a run besides that of Burn's learner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Which run it is.
    pub run: RunIdentity,
    /// The epochs that are done.
    pub epochs: usize,
    /// The best epoch since the end of the ramp, if there was one.
    pub best: Option<BestEpoch>,
    /// The length of the log, in bytes: what comes behind is of the epoch under way.
    pub log_length: u64,
    /// How long the epochs that are done took together.
    pub seconds: f64,
}

/// The epoch with the smallest error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestEpoch {
    /// Its number, from 1.
    pub epoch: usize,
    /// Its verified error in %; of natural training, its clean error.
    pub error: f64,
}

impl Checkpoint {
    /// Writes the file; the one that was there before stays until the new one is whole on disk.
    ///
    /// # Errors
    ///
    /// If the file system refuses.
    pub fn save(&self, path: &Path) -> Result<(), StorageError> {
        let state = serde_json::to_vec(&self.state).map_err(|source| StorageError::Write {
            path: path.into(),
            source: source.into(),
        })?;
        write_atomically(path, |file| {
            let mut sum = Crc::new();
            let mut put = |bytes: &[u8]| {
                sum.update(bytes);
                file.write_all(bytes)
            };
            put(MAGIC)?;
            let records = self.records.values().map(|record| &record[..]);
            for part in std::iter::once(&state[..]).chain(records) {
                put(&(part.len() as u64).to_le_bytes())?;
                put(part)?;
            }
            file.write_all(&sum.sum().to_le_bytes())
        })
    }

    /// Reads a file that [`save`](Self::save) wrote.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is damaged, or is no checkpoint.
    pub fn load(path: &Path) -> Result<Self, StorageError> {
        let bytes = std::fs::read(path).map_err(|source| StorageError::Read {
            path: path.into(),
            source,
        })?;
        Self::from_bytes(&bytes).map_err(|reason| StorageError::Damaged {
            path: path.into(),
            reason,
        })
    }

    /// Writes the model as the run's last one, and as its best one if its epoch is.
    ///
    /// # Errors
    ///
    /// If the file system refuses.
    pub fn write_models(&self, files: &ModelFiles) -> Result<(), StorageError> {
        let Some(model) = self.records.get(&Part::Model) else {
            return Ok(());
        };
        write_bytes(&files.last, model)?;
        match self.state.best {
            Some(best) if best.epoch == self.state.epochs => write_bytes(&files.best, model),
            _ => Ok(()),
        }
    }

    /// Whether Burn's learner, with this model and this optimizer, can take the records. Its training
    /// loop panics where it cannot, once the files of the run are open.
    ///
    /// # Errors
    ///
    /// Why not, in the words of a damaged file.
    pub(super) fn check<M: Module>(
        &self,
        path: &Path,
        model: M,
        optimizer: ModuleOptimizer,
    ) -> Result<(), StorageError> {
        let record = |part| match self.records.get(&part) {
            Some(record) => record.clone(),
            None => Bytes::from_bytes_vec(Vec::new()),
        };
        let load = || {
            model.try_load_record(ModuleRecord::from_bytes(record(Part::Model))?)?;
            optimizer.from_bytes(record(Part::Optimizer))?;
            LrSchedulerRecord::from_bytes(record(Part::LearningRate))?;
            Ok::<(), RecordError>(())
        };
        // Burn looks at the shapes of a record, and panics at a type that the model does not have.
        let reason = match catch_unwind(AssertUnwindSafe(load)) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => message(panic.as_ref()),
        };
        Err(StorageError::Damaged {
            path: path.into(),
            reason,
        })
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let short = "it is cut short";
        let body = bytes
            .strip_prefix(MAGIC)
            .ok_or(match MAGIC.starts_with(bytes) {
                true => short,
                false => "it does not begin as a checkpoint of this version does",
            })?;
        let mut rest = body;
        let mut part = || {
            let (length, behind) = rest.split_first_chunk::<8>().ok_or(short)?;
            let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| short)?;
            let (part, behind) = behind.split_at_checked(length).ok_or(short)?;
            rest = behind;
            Ok::<_, &str>(part)
        };
        let state = part()?;
        let records = [part()?, part()?, part()?];
        let Ok(sum) = <[u8; 4]>::try_from(rest) else {
            return Err(match rest.len() {
                0..4 => short,
                _ => "more follows behind its end",
            }
            .into());
        };
        let mut crc = Crc::new();
        crc.update(&bytes[..bytes.len() - sum.len()]);
        if crc.sum() != u32::from_le_bytes(sum) {
            return Err("its sum is not that of its content".into());
        }
        let state: RunState = serde_json::from_slice(state).map_err(|error| error.to_string())?;
        if state.epochs == 0 {
            return Err("it is of no epoch".into());
        }
        let record = |bytes: &[u8]| Bytes::from_bytes_vec(bytes.to_vec());
        let records = Part::ALL.into_iter().zip(records.map(record)).collect();
        Ok(Self { state, records })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn checkpoint() -> Checkpoint {
        let part = |byte, count| Bytes::from_bytes_vec(vec![byte; count]);
        Checkpoint {
            state: RunState {
                run: RunIdentity::from_parts([("seed", 3)]),
                epochs: 7,
                best: Some(BestEpoch {
                    epoch: 5,
                    error: 12.1,
                }),
                log_length: 99,
                seconds: 1.5,
            },
            records: Records::from([
                (Part::Model, part(1, 100)),
                (Part::Optimizer, part(2, 0)),
                (Part::LearningRate, part(3, 10)),
            ]),
        }
    }

    #[test]
    fn a_checkpoint_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.checkpoint");
        let saved = checkpoint();
        saved.save(&path).unwrap();
        let loaded = Checkpoint::load(&path).unwrap();
        assert_eq!(loaded.state, saved.state);
        for part in Part::ALL {
            assert_eq!(&loaded.records[&part][..], &saved.records[&part][..]);
        }
    }

    #[test]
    fn a_damaged_checkpoint_is_refused_wherever_the_damage_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.checkpoint");
        checkpoint().save(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            assert!(
                Checkpoint::from_bytes(&whole[..length]).is_err(),
                "{length}"
            );
        }
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0x10;
            assert!(Checkpoint::from_bytes(&changed).is_err(), "{place}");
        }
        std::fs::write(&path, &whole[..50]).unwrap();
        let message = Checkpoint::load(&path).err().unwrap().to_string();
        assert!(message.contains("run.checkpoint"), "{message}");
    }
}
