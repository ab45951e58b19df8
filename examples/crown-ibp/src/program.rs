//! The sub-commands of the program.
#![allow(clippy::print_stdout, reason = "a program prints its results")]

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Device;
use burn_crown::{BoundError, Method};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{ConfigError, ExperimentConfig, ModelEntry, Override};
use crate::data::{DataError, DataSource, Split, load};
use crate::device::{self, UnknownDevice};
use crate::evaluation::{Errors, evaluate};
use crate::models::Model;
use crate::report::{Row, table};
use crate::storage::{StorageError, load_module, save_module};
use crate::training::{Images, TrainError, train, verification};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "crown-ibp",
    version,
    about = "Trains and certifies image classifiers with CROWN-IBP, from one experiment file",
    after_help = "Start with:\n  crown-ibp train --config configs/digits_crown.json\n  crown-ibp \
                  eval --config configs/digits_crown.json --method crown"
)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train the models of an experiment file, save them, and print their errors
    Train(Experiment),
    /// Print the clean and verified errors of trained models
    Eval {
        #[command(flatten)]
        experiment: Experiment,
        /// Verify by this method instead of the file's
        #[arg(long, value_enum)]
        method: Option<BoundMethod>,
    },
}

#[derive(Debug, Args)]
struct Experiment {
    /// The experiment file (JSON); see the folder `configs`
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Values in place of the file's, such as "training_params:epsilon=0.4"
    #[arg(value_name = "SECTION:KEY=VALUE")]
    overrides: Vec<Override>,
    /// Only these models of the file, by number from 0
    #[arg(long, alias = "model_subset", value_name = "NUMBER", num_args = 1..)]
    model_subset: Option<Vec<SubsetPart>>,
    /// The folder below which models and logs are kept
    #[arg(long, alias = "path_prefix", value_name = "FOLDER")]
    path_prefix: Option<PathBuf>,
    /// The seed of weights and shuffling; the same seed gives the same model on `flex`
    #[arg(long, default_value_t = 2019)]
    seed: u64,
    /// Where to compute: flex, libtorch, cuda:0 …, as far as they were built in
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// The folder with the dataset's files; else the environment's BURN_CROWN_DATA
    #[arg(long, alias = "data_dir", value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// A word behind `--model-subset`: overrides may follow the numbers.
#[derive(Clone, Debug)]
enum SubsetPart {
    Number(usize),
    Override(Override),
}

impl FromStr for SubsetPart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        text.parse()
            .map(Self::Override)
            .map_err(|_| "give numbers of models, from 0".into())
    }
}

impl Experiment {
    /// The numbers of the models to keep, and all overrides.
    fn subset_and_overrides(&self) -> (Option<Vec<usize>>, Vec<Override>) {
        let mut overrides = self.overrides.clone();
        let subset = self.model_subset.as_ref().map(|parts| {
            let mut numbers = Vec::new();
            for part in parts {
                match part {
                    SubsetPart::Number(number) => numbers.push(*number),
                    SubsetPart::Override(change) => overrides.push(change.clone()),
                }
            }
            numbers
        });
        (subset, overrides)
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum BoundMethod {
    /// Interval bound propagation
    Ibp,
    /// CROWN-IBP
    CrownIbp,
    /// CROWN
    Crown,
}

/// Why the program ends without a result.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The experiment file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The dataset.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The device.
    #[error(transparent)]
    Device(#[from] UnknownDevice),
    /// A model could not be trained.
    #[error("{model}: {source}")]
    Train {
        /// The model's name.
        model: String,
        /// Why.
        source: TrainError,
    },
    /// A model could not be bounded.
    #[error("{model}: {source}")]
    Bound {
        /// The model's name.
        model: String,
        /// Why.
        source: BoundError,
    },
    /// A model file.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A model that was not trained yet.
    #[error(
        "{model}: there is no model file {path}; run `crown-ibp train` with the same \
             --config, --path-prefix and overrides first"
    )]
    NotTrained {
        /// The model's name.
        model: String,
        /// Where its file should be.
        path: PathBuf,
    },
}

/// Runs the program.
///
/// # Errors
///
/// [`ProgramError`], to be shown to the user.
pub fn run(command_line: CommandLine) -> Result<(), ProgramError> {
    match command_line.command {
        Command::Train(experiment) => Session::open(&experiment)?.train(),
        Command::Eval { experiment, method } => {
            let method = method.map(|method| match method {
                BoundMethod::Ibp => Method::Interval,
                BoundMethod::CrownIbp => Method::CrownIbp,
                BoundMethod::Crown => Method::Crown,
            });
            Session::open(&experiment)?.evaluate(method)
        }
    }
}

/// An experiment with its data at hand.
struct Session {
    experiment: ExperimentConfig,
    images: Images,
    device: Device,
    seed: u64,
}

impl Session {
    fn open(arguments: &Experiment) -> Result<Self, ProgramError> {
        let (subset, overrides) = arguments.subset_and_overrides();
        let mut experiment = ExperimentConfig::load(&arguments.config, &overrides)?;
        if let Some(subset) = subset {
            experiment = experiment.select_models(&subset)?;
        }
        if let Some(prefix) = &arguments.path_prefix {
            experiment = experiment.with_path_prefix(prefix);
        }
        let device = device::parse(arguments.device.as_deref())?;
        let source = DataSource::new(arguments.data_dir.clone());
        let part = |split| load(experiment.dataset, split, &source).map(Arc::new);
        let images = Images {
            train: part(Split::Train)?,
            test: part(Split::Test)?,
        };
        Ok(Self {
            experiment,
            images,
            device,
            seed: arguments.seed,
        })
    }

    fn train(&self) -> Result<(), ProgramError> {
        let mut rows = Vec::new();
        for entry in &self.experiment.models {
            let files = self.experiment.files(entry);
            let folder = files.last.with_extension("");
            println!(
                "{}: {} with {} parameters, {} images of {}",
                entry.model_id,
                entry.model.class(),
                entry.model.init(&self.device).num_params(),
                burn::data::dataset::Dataset::len(self.images.train.as_ref()),
                self.experiment.dataset,
            );
            let model =
                train(entry, &self.images, &self.device, self.seed, &folder).map_err(|source| {
                    ProgramError::Train {
                        model: entry.model_id.clone(),
                        source,
                    }
                })?;
            save_module(model.clone(), &files.last)?;
            println!("{}: saved to {}", entry.model_id, files.last.display());
            rows.push(self.row(entry, &model, None)?);
        }
        println!("{}", table(&rows));
        Ok(())
    }

    fn evaluate(&self, method: Option<Method>) -> Result<(), ProgramError> {
        let mut rows = Vec::new();
        for entry in &self.experiment.models {
            let path = self.experiment.files(entry).last;
            if !path.exists() {
                return Err(ProgramError::NotTrained {
                    model: entry.model_id.clone(),
                    path,
                });
            }
            let model = load_module(entry.model.init(&self.device), &path)?;
            rows.push(self.row(entry, &model, method)?);
        }
        println!("{}", table(&rows));
        Ok(())
    }

    fn row(
        &self,
        entry: &ModelEntry,
        model: &Model,
        method: Option<Method>,
    ) -> Result<Row, ProgramError> {
        let eval = &entry.eval_params;
        let mut verification = verification(eval);
        if let (Some(verification), Some(method)) = (&mut verification, method) {
            verification.config.method = method;
        }
        let test = match eval.loader_params.num_examples {
            Some(count) => self.images.test.as_ref().clone().take(count),
            None => self.images.test.as_ref().clone(),
        };
        let errors: Errors = evaluate(
            model,
            &test,
            eval.loader_params.test_batch_size,
            &self.device,
            verification.as_ref(),
            &entry.model_id,
        )
        .map_err(|source| ProgramError::Bound {
            model: entry.model_id.clone(),
            source,
        })?;
        let method = verification.map_or_else(
            || "—".into(),
            |verification| format!("{}, ε {}", verification.config.method, eval.epsilon),
        );
        Ok(Row {
            model: entry.model_id.clone(),
            method,
            errors,
        })
    }
}
