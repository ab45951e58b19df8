//! `crown-ibp train`.

use std::path::PathBuf;

use burn::data::dataset::Dataset;
use burn::module::Module;
use clap::Args;

use super::ProgramError;
use super::arguments::{Experiment, Parallel};
use super::error::Standstill;
use super::evaluate::Otherwise;
use super::session::Session;
use super::weights::weights_file;
use crate::config::ModelEntry;
use crate::models::Architecture;
use crate::report::report;
use crate::terminal::{complain, say};
use crate::training::{RunState, Standing, TrainingRun};
use crate::weights::Choice;

/// What `train` takes.
#[derive(Debug, Args)]
pub(super) struct TrainArguments {
    #[command(flatten)]
    pub(super) experiment: Experiment,
    #[command(flatten)]
    pub(super) parallel: Parallel,
    /// The seed of weights and shuffling; the same seed gives the same model on `flex`
    #[arg(long, default_value_t = 2019)]
    seed: u64,
    /// Continue runs that were stopped, skip finished ones, begin those that are missing
    #[arg(long, conflicts_with = "restart")]
    resume: bool,
    /// Train anew, in place of the models and runs that are there
    #[arg(long)]
    restart: bool,
    /// Begin from the weights in this file, or in the files of a folder, one for each model:
    /// PyTorch's (.pth, the reference program's too), safetensors, or this program's
    #[arg(long, value_name = "FILE|FOLDER")]
    weights: Option<PathBuf>,
}

/// What is to be done with a model.
enum Plan {
    Start,
    Resume(Box<RunState>),
    Skip(Box<RunState>),
}

impl<A: Architecture> Session<A> {
    /// Trains the models, saves them, and prints their errors.
    ///
    /// Nothing runs before it is clear for every model what is to be done. A model that fails then
    /// does not keep the others from being trained.
    pub(super) fn train(&self, arguments: &TrainArguments) -> Result<(), ProgramError> {
        let models = &self.experiment.models;
        let runs: Vec<_> = models
            .iter()
            .map(|entry| {
                let run = TrainingRun::new(entry, &self.images, self.experiment.files(entry))
                    .with_devices(self.devices(entry))
                    .with_exchange(self.exchange)
                    .with_seed(arguments.seed);
                let Some(weights) = &arguments.weights else {
                    return Ok(run);
                };
                let file = weights_file(&self.experiment, entry, Choice::Best, Some(weights))?;
                Ok(run.with_weights(file))
            })
            .collect::<Result<_, ProgramError>>()?;
        let mut plans = Vec::new();
        let mut failures = Vec::new();
        for (entry, run) in models.iter().zip(&runs) {
            match plan(entry, run, arguments) {
                Ok(plan) => plans.push(plan),
                Err(failure) => failures.push(failure),
            }
        }
        ProgramError::all(failures, models.len())?;

        let mut rows = Vec::new();
        let mut failures = Vec::new();
        for ((entry, run), plan) in models.iter().zip(&runs).zip(plans) {
            let trained = self
                .train_one(entry, run, plan)
                .and_then(|()| weights_file(&self.experiment, entry, Choice::Best, None))
                .and_then(|file| self.evaluate_one(entry, &file, Otherwise::default(), None));
            match trained {
                Ok(row) => rows.push(row),
                Err(failure) => {
                    if models.len() > 1 {
                        complain(format!("error: {failure}"));
                    }
                    failures.push(failure);
                }
            }
        }
        if !rows.is_empty() {
            say(report(&rows));
        }
        ProgramError::all(failures, models.len())
    }

    fn train_one(
        &self,
        entry: &ModelEntry<A>,
        run: &TrainingRun<'_, A>,
        plan: Plan,
    ) -> Result<(), ProgramError> {
        let ModelEntry {
            model_id,
            training_params: params,
            ..
        } = entry;
        let epochs = params.epochs;
        let trained = match plan {
            Plan::Skip(state) => {
                say(format!(
                    "{model_id}: is trained already, {} epochs",
                    state.epochs
                ));
                return Ok(run.mend()?);
            }
            Plan::Start => {
                say(format!(
                    "{model_id}: {} with {} parameters, {} images of {}{}",
                    entry.model.class(),
                    entry.model.init(&self.device).num_params(),
                    self.images.train.len(),
                    self.experiment.dataset,
                    self.on_several(entry),
                ));
                run.start()
            }
            Plan::Resume(state) => {
                say(format!(
                    "{model_id}: continues after epoch {} of {epochs}{}",
                    state.epochs,
                    self.on_several(entry),
                ));
                run.resume()
            }
        };
        trained.map_err(|source| ProgramError::train(entry, source))?;
        let files = run.files();
        say(format!("{model_id}: saved to {}", files.last.display()));
        if files.best.exists() {
            say(format!(
                "{model_id}: the best epoch's to {}",
                files.best.display()
            ));
        } else if epochs <= params.first_best_epoch() {
            say(format!(
                "{model_id}: no best model is chosen before epoch {}, when ε has reached its target",
                params.first_best_epoch() + 1
            ));
        }
        Ok(())
    }

    /// The number of devices that train a model, to be said if there are several.
    fn on_several(&self, entry: &ModelEntry<A>) -> String {
        match self.devices(entry).len() {
            0 | 1 => String::new(),
            devices => format!(", on {devices} devices"),
        }
    }
}

/// What is to be done with a model, by what is on disk and what the user asks for.
fn plan<A: Architecture>(
    entry: &ModelEntry<A>,
    run: &TrainingRun<'_, A>,
    arguments: &TrainArguments,
) -> Result<Plan, ProgramError> {
    let asked = entry.training_params.epochs;
    let refuse = |standstill| {
        Err(ProgramError::Standstill {
            model: entry.model_id.clone(),
            file: run.files().last.clone(),
            standstill,
        })
    };
    if arguments.restart {
        return Ok(Plan::Start);
    }
    match run.standing()? {
        Standing::Nothing => Ok(Plan::Start),
        Standing::Models => refuse(Standstill::NoCheckpoint),
        Standing::Foreign(weights) => refuse(Standstill::Foreign(weights)),
        Standing::Run(state) if !arguments.resume => refuse(match state.epochs < asked {
            true => Standstill::UnderWay {
                epochs: state.epochs,
                asked,
            },
            false => Standstill::Finished,
        }),
        Standing::Run(state) => {
            let now = run
                .identity()
                .map_err(|source| ProgramError::train(entry, source))?;
            let differences = state.run.differences(&now);
            if !differences.is_empty() {
                return refuse(Standstill::OtherRun(differences));
            }
            match state.epochs.cmp(&asked) {
                std::cmp::Ordering::Less => Ok(Plan::Resume(state)),
                std::cmp::Ordering::Equal => Ok(Plan::Skip(state)),
                std::cmp::Ordering::Greater => refuse(Standstill::TooFewEpochs {
                    epochs: state.epochs,
                    asked,
                }),
            }
        }
    }
}
