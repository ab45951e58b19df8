//! The records of a run: after each epoch a row of the log, the checkpoint, the last model and the
//! best one.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::train::checkpoint::{
    Checkpoint as Record, Checkpointer, CheckpointerError, CheckpointingAction,
    CheckpointingStrategy,
};
use burn::train::metric::store::EventStoreClient;

use super::TrainError;
use super::checkpoint::{BestEpoch, Checkpoint, Part, Records, RunState};
use super::epoch::{EpochFigures, EpochSummary};
use super::identity::RunIdentity;
use super::log::TrainingLog;
use crate::config::{ModelFiles, TrainingMethod, TrainingParams};
use crate::storage::StorageError;

/// Writes down a run, epoch by epoch.
///
/// Burn hands over the records of its model, optimizer and learning rate one by one, each on a
/// thread of its own; when an epoch has all three, its files are written:
///
/// 1. the row of the log,
/// 2. the checkpoint, with everything,
/// 3. the last model, and if it is the best one, the best model.
///
/// The checkpoint decides: a kill before it is in place loses the epoch, and a resumed run cuts the
/// log back; a kill behind it loses nothing, and a resumed run writes the models again.
pub(super) struct Recorder {
    files: ModelFiles,
    params: TrainingParams,
    run: RunIdentity,
    /// Why the run was stopped, in more words than Burn's training loop has for it.
    failure: Mutex<Option<TrainError>>,
    /// The records that Burn asks for when it resumes.
    resumed: Mutex<Records>,
    state: Mutex<State>,
}

struct State {
    log: TrainingLog,
    best: Option<BestEpoch>,
    seconds: f64,
    /// The epochs of which not everything is there yet.
    pending: BTreeMap<usize, Pending>,
}

#[derive(Default)]
struct Pending {
    summary: Option<EpochSummary>,
    records: Records,
}

impl Recorder {
    /// The recorder of a run that begins.
    pub(super) fn new(
        files: ModelFiles,
        params: TrainingParams,
        run: RunIdentity,
        log: TrainingLog,
    ) -> Self {
        Self {
            files,
            params,
            run,
            failure: Mutex::new(None),
            resumed: Mutex::new(Records::new()),
            state: Mutex::new(State {
                log,
                best: None,
                seconds: 0.0,
                pending: BTreeMap::new(),
            }),
        }
    }

    /// The recorder of a run that continues after a checkpoint.
    ///
    /// Writes the models that a kill right behind the checkpoint kept from being written.
    ///
    /// # Errors
    ///
    /// If the file system refuses.
    pub(super) fn resume(self, checkpoint: Checkpoint) -> Result<Self, StorageError> {
        checkpoint.write_models(&self.files)?;
        let Checkpoint { state, records } = checkpoint;
        let mut own = self.lock();
        own.log
            .resume(state.log_length, state.epochs)
            .map_err(|source| self.log_error(source))?;
        // Whoever removes the best model wants another one.
        own.best = state.best.filter(|_| self.files.best.exists());
        own.seconds = state.seconds;
        drop(own);
        Ok(Self {
            resumed: Mutex::new(records),
            ..self
        })
    }

    /// What Burn's training loop takes for the checkpointer of one of its records.
    pub(super) fn part<R>(self: &Arc<Self>, part: Part) -> PartRecorder<R> {
        PartRecorder {
            recorder: self.clone(),
            part,
            record: PhantomData,
        }
    }

    /// Takes in a part of an epoch, and writes the epoch once it is whole.
    fn receive(&self, epoch: usize, put: impl FnOnce(&mut Pending)) -> Result<(), StorageError> {
        let mut state = self.lock();
        let mut pending = state.pending.remove(&epoch).unwrap_or_default();
        put(&mut pending);
        match pending.summary {
            Some(summary) if pending.records.len() == Part::ALL.len() => {
                self.write(&mut state, summary, pending.records)
            }
            _ => {
                state.pending.insert(epoch, pending);
                Ok(())
            }
        }
    }

    fn write(
        &self,
        state: &mut State,
        summary: EpochSummary,
        records: Records,
    ) -> Result<(), StorageError> {
        let rate = self.params.learning_rate(summary.epoch - 1);
        state.seconds += summary.seconds;
        let log_length = state
            .log
            .add(&summary, rate, state.seconds)
            .map_err(|source| self.log_error(source))?;
        if let Some(error) = self.error(&summary)
            && state.best.is_none_or(|best| error <= best.error)
        {
            let epoch = summary.epoch;
            state.best = Some(BestEpoch { epoch, error });
        }
        let checkpoint = Checkpoint {
            state: RunState {
                run: self.run.clone(),
                epochs: summary.epoch,
                best: state.best,
                log_length,
                seconds: state.seconds,
            },
            records,
        };
        checkpoint.save(&self.files.checkpoint)?;
        checkpoint.write_models(&self.files)
    }

    /// The error by which the best model is chosen, once the ramp is over.
    fn error(&self, summary: &EpochSummary) -> Option<f64> {
        if summary.epoch <= self.params.first_best_epoch() {
            return None;
        }
        let error = match self.params.method {
            TrainingMethod::Natural => summary.test.clean,
            _ => summary.test.verified,
        };
        error.filter(|error| !error.is_nan())
    }

    fn log_error(&self, source: std::io::Error) -> StorageError {
        StorageError::Open {
            path: self.files.train_log.clone(),
            source,
        }
    }

    /// Why the run was stopped, if the recorder stopped it.
    pub(super) fn failure(&self) -> Option<TrainError> {
        self.lock_failure().take()
    }

    fn fail(&self, failure: impl Into<TrainError>) {
        // What follows from the first failure says less.
        self.lock_failure().get_or_insert_with(|| failure.into());
    }

    fn lock_failure(&self) -> MutexGuard<'_, Option<TrainError>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has every epoch recorded.
pub(super) struct EveryEpoch {
    pub(super) recorder: Arc<Recorder>,
    pub(super) figures: EpochFigures,
}

impl CheckpointingStrategy for EveryEpoch {
    fn checkpointing(
        &mut self,
        epoch: usize,
        _store: &EventStoreClient,
    ) -> Vec<CheckpointingAction> {
        // Burn has the epoch's metrics worked off before it asks.
        let summary = self.figures.summary(epoch);
        let mut state = self.recorder.lock();
        state.pending.entry(epoch).or_default().summary = Some(summary);
        vec![CheckpointingAction::Save]
    }
}

/// Records one part of Burn's learner.
pub(super) struct PartRecorder<R> {
    recorder: Arc<Recorder>,
    part: Part,
    record: PhantomData<fn(R)>,
}

impl<R: Record> Checkpointer<R> for PartRecorder<R> {
    fn save(&self, epoch: usize, record: R) -> Result<(), CheckpointerError> {
        let bytes = record
            .checkpoint_into_bytes()
            .map_err(CheckpointerError::Record)?;
        self.recorder
            .receive(epoch, |pending| {
                pending.records.insert(self.part, bytes);
            })
            .map_err(|error| {
                let words = error.to_string();
                self.recorder.fail(error);
                CheckpointerError::Unknown(words)
            })
    }

    /// There is one checkpoint, and the next one takes its place.
    fn delete(&self, _epoch: usize) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn restore(&self, epoch: usize) -> Result<R, CheckpointerError> {
        let resumed = &self.recorder.resumed;
        let mut resumed = resumed.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = || CheckpointerError::Unknown(format!("there is no checkpoint of {epoch}"));
        let bytes = resumed.remove(&self.part).ok_or_else(missing)?;
        R::checkpoint_from_bytes(bytes).map_err(CheckpointerError::Record)
    }
}
