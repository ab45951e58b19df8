//! `training_params`.

use burn_crown::Norm;
use serde::Serialize;

use super::{LoaderParams, MethodParams};
use crate::config::choices::{Initialization, Optimizer, ScheduleType, TrainingMethod};
use crate::config::keys;
use crate::config::section::Section;
use crate::data::DatasetName;

/// More epochs than anybody trains: there is a learning rate for each.
const MOST_EPOCHS: usize = 1_000_000;

/// `training_params`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainingParams {
    /// The loss.
    pub method: TrainingMethod,
    /// The number of epochs, from 1 to a million.
    pub epochs: usize,
    /// The learning rate before it decays, above 0.
    pub lr: f64,
    /// After how many epochs past the ramp the learning rate decays, again and again. Goes before
    /// the milestones.
    pub lr_decay_step: Option<usize>,
    /// By what the learning rate is multiplied, in `(0, 1]`.
    pub lr_decay_factor: f64,
    /// The epochs at which the learning rate decays, if there is no step.
    pub lr_decay_milestones: Vec<usize>,
    /// The L2 penalty of the optimizer, not negative.
    pub weight_decay: f64,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// ε before the ramp, in pixel units.
    pub starting_epsilon: f64,
    /// ε at the end of the ramp, in pixel units; not below the starting one.
    pub epsilon: f64,
    /// The epoch, from 0 to a million, at whose beginning the ramp starts.
    pub schedule_start: usize,
    /// One more than the epochs that the ramp lasts, from 1 to a million.
    pub schedule_length: usize,
    /// The shape of the ramp.
    pub schedule_type: ScheduleType,
    /// The norm of the perturbation.
    pub norm: Norm,
    /// Whether bounds are computed and reported in natural training too.
    pub verbose: bool,
    /// Whether to train on all devices of the kind that the program was told to use.
    pub multi_gpu: bool,
    /// How the weights start. The reference program has no such key.
    pub init: Initialization,
    /// Whether every training step computes the model's outputs at the images themselves, for the
    /// clean error and the natural loss of the training images, also where nothing else asks for
    /// them. The reference program has no such key.
    pub clean_outputs: bool,
    /// Batches and images.
    pub loader_params: LoaderParams,
    /// Options of the bound and of the loss.
    pub method_params: MethodParams,
}

impl TrainingParams {
    /// The first epoch at whose beginning ε has reached its target.
    pub fn ramp_end(&self) -> usize {
        self.schedule_start + self.schedule_length - 1
    }

    /// The first epoch of which the best model is kept: the reference waits one epoch more than
    /// the ramp.
    pub fn first_best_epoch(&self) -> usize {
        self.schedule_start + self.schedule_length
    }

    /// The learning rate of an epoch, counted from 0.
    pub fn learning_rate(&self, epoch: usize) -> f64 {
        let decays = match self.lr_decay_step {
            Some(step) => epoch.saturating_sub(self.ramp_end()) / step,
            None => self
                .lr_decay_milestones
                .iter()
                .filter(|&&at| at <= epoch)
                .count(),
        };
        self.lr * self.lr_decay_factor.powf(decays as f64)
    }

    pub(in crate::config) fn read(
        section: &Section<'_>,
        dataset: Option<DatasetName>,
    ) -> Option<Self> {
        section.allow(keys::TRAINING);
        let method = section.get("method");
        let epochs = section.count("epochs", MOST_EPOCHS);
        let lr = section.get_if("lr", "must be above 0", |&lr: &f64| lr > 0.0);
        let lr_decay_step =
            section.get_if("lr_decay_step", "must be at least 1, or null", |step| {
                *step != Some(0)
            });
        let lr_decay_factor = section.get_if(
            "lr_decay_factor",
            "must be above 0 and at most 1",
            |&factor: &f64| factor > 0.0 && factor <= 1.0,
        );
        let lr_decay_milestones = section.get_if(
            "lr_decay_milestones",
            "must grow from epoch to epoch",
            |at: &Option<Vec<usize>>| {
                at.iter()
                    .flat_map(|at| at.windows(2))
                    .all(|two| two[0] < two[1])
            },
        );
        if let (Some(None), Some(milestones)) = (&lr_decay_step, &lr_decay_milestones) {
            let some = milestones
                .as_ref()
                .is_some_and(|milestones| !milestones.is_empty());
            section.ensure(
                "lr_decay_step",
                "must be set if lr_decay_milestones is not",
                some,
            );
        }
        let weight_decay = section.not_negative("weight_decay");
        let optimizer = section.get("optimizer");
        let starting_epsilon = section.not_negative("starting_epsilon");
        let epsilon = section.not_negative("epsilon");
        if let (Some(starting), Some(target)) = (starting_epsilon, epsilon) {
            section.ensure(
                "starting_epsilon",
                "must not be above epsilon",
                starting <= target,
            );
        }
        let schedule_start = match section.raw("schedule_start") {
            Some(_) => {
                let words = format!("must be at most {MOST_EPOCHS}");
                section.get_if("schedule_start", &words, |&start| start <= MOST_EPOCHS)
            }
            None => Some(0),
        };
        let schedule_length = section.count("schedule_length", MOST_EPOCHS);
        let schedule_type = section.get("schedule_type");
        let norm = section.get("norm");
        let verbose = section.get("verbose");
        let multi_gpu = section.get("multi_gpu");
        let init = section.get_or("init", Initialization::Default);
        let clean_outputs = section.get_or("clean_outputs", true);
        let loader_params = LoaderParams::read(&section.section("loader_params"), dataset);
        let bounded = verbose != Some(false) || method != Some(TrainingMethod::Natural);
        let method_section = section.section("method_params");
        let method_params = MethodParams::read(&method_section, norm, bounded);
        if let (Some(method), Some(params)) = (method, &method_params) {
            params.ensure_loss_fits(&method_section, method);
        }
        Some(Self {
            method: method?,
            epochs: epochs?,
            lr: lr?,
            lr_decay_step: lr_decay_step?,
            lr_decay_factor: lr_decay_factor?,
            lr_decay_milestones: lr_decay_milestones?.unwrap_or_default(),
            weight_decay: weight_decay?,
            optimizer: optimizer?,
            starting_epsilon: starting_epsilon?,
            epsilon: epsilon?,
            schedule_start: schedule_start?,
            schedule_length: schedule_length?,
            schedule_type: schedule_type?,
            norm: norm?,
            verbose: verbose?,
            multi_gpu: multi_gpu?,
            init: init?,
            clean_outputs: clean_outputs?,
            loader_params: loader_params?,
            method_params: method_params?,
        })
    }
}
