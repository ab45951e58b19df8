//! One model of an experiment, through Burn's training loop.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::data::dataset::Dataset;
use burn::module::Module;
use burn::tensor::Device;
use burn::train::{Interrupter, LearningResult, SupervisedTraining};
use burn_crown::train::{
    DataParallel, GradientExchange, LearnerError, RobustDataLoader, RobustLearner, RobustMetrics,
    RunGuard,
};
use flate2::Crc;
use serde_json::Value;

use super::checkpoint::{Checkpoint, Part, RunState};
use super::epoch::EpochFigures;
use super::identity::RunIdentity;
use super::log::TrainingLog;
use super::objective::{objective, verifies};
use super::optimizer::optimizer;
use super::recorder::{EveryEpoch, Recorder};
use super::{Images, TrainError, prepared};
use crate::config::{ModelEntry, ModelFiles};
use crate::data::ImageDataset;
use crate::learning_rate::EpochLearningRate;
use crate::models::Architecture;
use crate::progress::TrainingProgress;
use crate::quiet::Quiet;
use crate::storage::{StorageError, remove};
use crate::terminal::panic_message;
use crate::weights::{Choice, find_weights, load_weights};

/// The training of one model: what it is trained on, by what, and where its files are.
///
/// The same entry, images and seed give the same model on one `flex` device, also if training was
/// killed on the way and resumed.
#[derive(Clone, Debug)]
pub struct TrainingRun<'a, A> {
    entry: &'a ModelEntry<A>,
    images: &'a Images,
    files: ModelFiles,
    devices: Vec<Device>,
    exchange: GradientExchange,
    seed: u64,
    weights: Option<PathBuf>,
}

/// What there is on disk of a run.
pub enum Standing {
    /// Nothing but perhaps a log.
    Nothing,
    /// Models, but not the state that training could continue from.
    Models,
    /// A file of weights that another program made.
    Foreign(PathBuf),
    /// A run, after one of its epochs.
    Run(Box<RunState>),
}

impl<'a, A: Architecture> TrainingRun<'a, A> {
    /// The training of a model on these images, on the default device with the seed 2019.
    pub fn new(entry: &'a ModelEntry<A>, images: &'a Images, files: ModelFiles) -> Self {
        Self {
            entry,
            images,
            files,
            devices: vec![Device::default()],
            exchange: GradientExchange::default(),
            seed: 2019,
            weights: None,
        }
    }

    /// Trains on these devices: each computes a part of every step. None stands for the default.
    pub fn with_devices(mut self, devices: Vec<Device>) -> Self {
        if !devices.is_empty() {
            self.devices = devices;
        }
        self
    }

    /// Sets how several devices come to the same parameters.
    pub fn with_exchange(mut self, exchange: GradientExchange) -> Self {
        self.exchange = exchange;
        self
    }

    /// Draws weights, order and crops from this seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Begins from the weights in a file instead of random ones.
    pub fn with_weights(mut self, file: impl Into<PathBuf>) -> Self {
        self.weights = Some(file.into());
        self
    }

    /// The files of the model.
    pub fn files(&self) -> &ModelFiles {
        &self.files
    }

    /// What the result depends on.
    pub fn identity(&self) -> Result<RunIdentity, TrainError> {
        let json = |part: serde_json::Result<Value>| part.map_err(TrainError::Identity);
        let limit = self.entry.training_params.loader_params.num_examples;
        Ok(RunIdentity::from_parts([
            ("model_class", self.entry.model.class().into()),
            ("model", json(serde_json::to_value(&self.entry.model))?),
            (
                "training_params",
                json(serde_json::to_value(&self.entry.training_params))?,
            ),
            (
                "eval_params",
                json(serde_json::to_value(&self.entry.eval_params))?,
            ),
            ("training images", content(&self.images.train, limit).into()),
            ("test images", content(&self.images.test, limit).into()),
            ("seed", self.seed.into()),
            ("weights", json(serde_json::to_value(&self.weights))?),
        ]))
    }

    /// What there is on disk.
    ///
    /// # Errors
    ///
    /// If the checkpoint cannot be read or is damaged.
    pub fn standing(&self) -> Result<Standing, StorageError> {
        let ModelFiles {
            last,
            best,
            checkpoint,
            ..
        } = &self.files;
        Ok(if checkpoint.exists() {
            Standing::Run(Box::new(Checkpoint::load(checkpoint)?.state))
        } else if last.exists() || best.exists() {
            Standing::Models
        } else {
            let folder = last.parent().unwrap_or(Path::new("")).to_path_buf();
            match find_weights(&[folder], &self.entry.model_id, Choice::Best) {
                Ok(weights) => Standing::Foreign(weights),
                Err(_) => Standing::Nothing,
            }
        })
    }

    /// Trains from the beginning, in place of what there is on disk.
    ///
    /// # Errors
    ///
    /// [`TrainError`].
    pub fn start(&self) -> Result<A::Model, TrainError> {
        self.launch(None)
    }

    /// Continues the run that is on disk.
    ///
    /// # Errors
    ///
    /// [`TrainError`].
    pub fn resume(&self) -> Result<A::Model, TrainError> {
        self.launch(Some(Checkpoint::load(&self.files.checkpoint)?))
    }

    /// Writes the models of a finished run again: a kill right behind the last checkpoint keeps them
    /// from being written.
    ///
    /// # Errors
    ///
    /// If the checkpoint cannot be read, or the file system refuses.
    pub fn mend(&self) -> Result<(), StorageError> {
        Checkpoint::load(&self.files.checkpoint)?.write_models(&self.files)
    }

    fn launch(&self, checkpoint: Option<Checkpoint>) -> Result<A::Model, TrainError> {
        let ModelEntry {
            model_id,
            training_params: params,
            eval_params,
            ..
        } = self.entry;
        let loader_params = &params.loader_params;
        let [train, test] = [&self.images.train, &self.images.test]
            .map(|images| Arc::new(prepared(images, loader_params)));
        if train.is_empty() || test.is_empty() {
            return Err(TrainError::NoImages);
        }
        let epochs_done = checkpoint.as_ref().map_or(0, |saved| saved.state.epochs);
        let parallel = DataParallel::new(self.devices.clone())
            .with_exchange(self.exchange)
            .with_accumulation(params.method_params.batch_multiplier);
        let (shape, augmentation) = (train.shape(), train.augmentation());
        let (normalization, batcher) = (train.normalization(), train.batcher());
        let device = self.devices[0].clone().autodiff();
        let (example, _) = train.tensors(0..1, &device);

        let mut loader = parallel
            .deal(RobustDataLoader::new(
                train,
                batcher.clone(),
                loader_params.batch_size,
            )?)
            // The batch size is that of all devices, as in the reference program.
            .with_shared_batches()
            .with_start_epoch(epochs_done);
        if loader_params.train_random_transform {
            loader = loader.with_transform(self.seed, move |item, random| {
                augmentation.apply(item, shape, random)
            });
        }
        if loader_params.shuffle_train {
            loader = loader.with_shuffle(self.seed);
        }
        let steps_per_epoch = loader.steps_per_epoch();
        let test_loader = RobustDataLoader::new(test, batcher, loader_params.test_batch_size)?;

        device.seed(self.seed);
        let objective = objective(params, eval_params, &normalization, steps_per_epoch);
        let metrics = RobustMetrics::new(&objective);
        let model = match &self.weights {
            Some(file) if checkpoint.is_none() => load_weights(&self.entry.model, &device, file)?,
            _ => self.entry.init(&device),
        };
        let optimizer = optimizer(params);
        if let Some(checkpoint) = &checkpoint {
            checkpoint.check(&self.files.checkpoint, model.clone(), optimizer.clone())?;
        }
        let learner = RobustLearner::try_new(model, objective, example)?;

        let recorder = Arc::new(self.recorder(&learner.model().to_string(), checkpoint)?);
        let interrupter = Interrupter::new();
        let guard = RunGuard::new(interrupter.clone());
        let learner = learner.with_guard(guard.clone());
        let figures = EpochFigures::new(verifies(eval_params));
        let rates = (0..params.epochs).map(|epoch| params.learning_rate(epoch));
        let learner = learner.learner(optimizer, EpochLearningRate::new(rates, steps_per_epoch));
        let strategy = EveryEpoch {
            recorder: recorder.clone(),
            figures: figures.clone(),
        };
        let mut training = SupervisedTraining::new("", Arc::new(loader), Arc::new(test_loader))
            .with_interrupter(interrupter)
            .metrics(metrics)
            .renderer(Box::new(TrainingProgress::new(model_id, figures)))
            .with_metric_logger(Quiet)
            .with_application_logger(None)
            .with_custom_checkpointers(
                recorder.part(Part::Model),
                recorder.part(Part::Optimizer),
                recorder.part(Part::LearningRate),
            )
            .with_checkpointing_strategy(strategy)
            .num_epochs(params.epochs);
        if epochs_done > 0 {
            training = training.checkpoint(epochs_done);
        }
        training = parallel.set_up(training);
        // A worker of Burn's training loop may panic.
        let result = catch_unwind(AssertUnwindSafe(|| training.launch(learner)))
            .map_err(|panic| TrainError::Panicked(panic_message(panic.as_ref())))?;
        if let Some(failure) = recorder.failure() {
            return Err(failure);
        }
        if let Some(failure) = guard.take() {
            return Err(self.stopped(failure));
        }
        match result {
            LearningResult {
                error: Some(error), ..
            } => Err(TrainError::Stopped(error)),
            LearningResult { model, .. } => Ok(model.into_model().valid()),
        }
    }

    /// Why a step failed, with what is left of the run.
    fn stopped(&self, failure: LearnerError) -> TrainError {
        if !matches!(failure, LearnerError::NotFinite { .. }) {
            return failure.into();
        }
        let standing = match self.standing() {
            Ok(standing) => standing,
            Err(error) => return error.into(),
        };
        TrainError::Diverged {
            source: Box::new(failure),
            checkpoint: self.files.checkpoint.clone(),
            epoch: match standing {
                Standing::Run(state) => Some(state.epochs),
                Standing::Nothing | Standing::Models | Standing::Foreign(_) => None,
            },
        }
    }

    /// Takes the log of the run, and prepares its files.
    fn recorder(
        &self,
        model: &str,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Recorder, TrainError> {
        let run = self.identity()?;
        let mut log = TrainingLog::open(&self.files.train_log)?;
        if checkpoint.is_none() {
            // The checkpoint first: what is left of a run without it is told apart.
            remove(&self.files.checkpoint)?;
            remove(&self.files.last)?;
            remove(&self.files.best)?;
            log.begin(model, &run)
                .map_err(|source| StorageError::Open {
                    path: self.files.train_log.clone(),
                    source,
                })?;
        }
        let params = self.entry.training_params.clone();
        let recorder = Recorder::new(self.files.clone(), params, run, log);
        Ok(match checkpoint {
            Some(checkpoint) => recorder.resume(checkpoint)?,
            None => recorder,
        })
    }
}

/// How many images are used, and a sum of all their pixels and labels.
fn content(images: &ImageDataset, limit: Option<usize>) -> String {
    let count = limit.map_or(images.len(), |limit| limit.min(images.len()));
    let mut sum = Crc::new();
    (0..count).for_each(|index| sum.update(images.image(index)));
    sum.update(&images.labels()[..count]);
    format!("{count}, with the sum {:08x}", sum.sum())
}
