//! What the command line can say.

use std::path::PathBuf;
use std::str::FromStr;

use burn_crown::Method;
use burn_crown::train::GradientExchange;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::ProgramError;
use super::evaluate::EvalArguments;
use super::export::ExportArguments;
use super::train::TrainArguments;
use super::verify_certificate::VerifyArguments;
use crate::config::{ExperimentConfig, Override};
use crate::data::CustomDataset;
use crate::models::Architecture;

const GENERAL_EXAMPLES: &str = "\
Start with:
  crown-ibp train --config configs/digits_crown.json
  crown-ibp eval --config configs/digits_crown.json --method crown";

const TRAIN_EXAMPLES: &str = "\
Examples:
  All models of a file, with CROWN-IBP
    crown-ibp train --config configs/mnist_crown.json --data-dir mnist/
  The same, where it was stopped, or after a crash
    crown-ibp train --config configs/mnist_crown.json --data-dir mnist/ --resume
  The first and the third model only, with IBP, below another folder
    crown-ibp train --config configs/mnist_crown.json --model-subset 0 2 --path-prefix ibp/ \
training_params:method_params:bound_type=interval
  Another radius, and a model that is evaluated at it
    crown-ibp train --config configs/digits_crown.json training_params:epsilon=0.05 \
eval_params:epsilon=0.05
  Without the clean error of the training images, which costs a forward pass a step
    crown-ibp train --config configs/mnist_crown.json --data-dir mnist/ \
training_params:clean_outputs=false

Below FOLDER of --path-prefix and the file's models_path, training writes for each model:
  NAME.bpk         the model after the last epoch
  NAME_best.bpk    the model with the smallest verified error on the test images, once ε has \
reached its target
  NAME.log         a row for each epoch: ε, κ, β, losses, errors, learning rate, time
  NAME.checkpoint  what --resume continues from";

const EVAL_EXAMPLES: &str = "\
Examples:
  All models of a file, by its own method
    crown-ibp eval --config configs/mnist_crown.json --data-dir mnist/
  At another radius, by CROWN
    crown-ibp eval --config configs/mnist_crown.json --data-dir mnist/ eval_params:epsilon=0.1 \
--method crown
  The reference program's models
    crown-ibp eval --config configs/mnist_crown_large.json --data-dir mnist/ --path-prefix \
crown-ibp_models/mnist_0.4_mnist_crown_large eval_params:epsilon=0.4
  A certificate of each image, in double precision with every rounding accounted for
    crown-ibp eval --config configs/digits_crown.json --method crown --precision f64 \
--rounding sound \
--certificates digits.jsonl

The best model of each is evaluated, as in the reference program; where there is none, or with \
--last, the last. Its figures are also written to NAME_test.log.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  The certificates that eval wrote
    crown-ibp verify-certificate digits.jsonl --config configs/digits_crown.json
  Of weights in a file, without any tolerance
    crown-ibp verify-certificate mnist.jsonl --config configs/mnist_crown.json --model-subset 0 \
--data-dir mnist/ --weights cnn.safetensors --tolerance 0

Give the same --config, overrides and weights as to eval. For each line it checks that model, image, \
label and region are those at hand, by SHA-256 where they are large, and bounds the margins anew: one \
image at a time, with plain loops in double precision whose every rounding is accounted for. It says
  confirmed  its own bounds are those of the certificate, or better, but for the tolerance; and where \
the image is certified, they are all positive in real arithmetic
  weaker     the image is certified, but a margin is lower than the certificate says
  refuted    something is not as the certificate says, or cannot be shown
  damaged    the line is no certificate
and at the end it counts for each model, method, region and arithmetic. Certificates about the network \
as it runs, of `eval --rounding as-run`, are refuted: the check is of the network in real arithmetic, \
which says nothing of how a backend rounds.
The exit code is 0 if all lines are confirmed. It takes its time: seconds an image for CROWN on larger \
networks. Lines stand for themselves; a part of a file can be checked alone.";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "crown-ibp",
    version,
    about = "Trains and certifies image classifiers with CROWN-IBP, from one experiment file",
    after_help = GENERAL_EXAMPLES
)]
pub struct CommandLine {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Train the models of an experiment file, save them, and print their errors
    #[command(after_help = TRAIN_EXAMPLES)]
    Train(TrainArguments),
    /// Print the clean and verified errors of trained models
    #[command(after_help = EVAL_EXAMPLES)]
    Eval(EvalArguments),
    /// Check a file of certificates against models and images, by an independent computation
    #[command(after_help = VERIFY_EXAMPLES)]
    VerifyCertificate(VerifyArguments),
    /// Write trained models as safetensors files for PyTorch
    Export(ExportArguments),
}

/// The models of an experiment file, and where their files are.
#[derive(Debug, Args)]
pub(super) struct Selection {
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
}

/// A selection, and what it takes to compute with it.
#[derive(Debug, Args)]
pub(super) struct Experiment {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Where to compute: flex, libtorch, cuda:0 …, as far as they were built in
    #[arg(long, value_name = "NAME")]
    pub(super) device: Option<String>,
    /// The folder with the dataset's files; else the environment's BURN_CROWN_DATA
    #[arg(long, alias = "data_dir", value_name = "FOLDER")]
    pub(super) data_dir: Option<PathBuf>,
}

/// What training does with several devices.
#[derive(Debug, Args)]
pub(super) struct Parallel {
    /// Train on several devices, each with its part of a batch: cpu,cpu or libtorch-cuda:0,1
    #[arg(long, value_name = "NAMES", conflicts_with = "device")]
    pub(super) devices: Option<String>,
    /// How several devices come to the same parameters; main-device if nothing is said
    #[arg(long, value_enum)]
    pub(super) exchange: Option<Exchange>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Exchange {
    /// The first device optimizes, and gives the parameters to the others
    MainDevice,
    /// Each parameter is optimized on a device of its own
    Sharded,
    /// Every device optimizes by the sum of all gradients (distributed data-parallel training)
    AllReduce,
}

impl From<Exchange> for GradientExchange {
    fn from(exchange: Exchange) -> Self {
        match exchange {
            Exchange::MainDevice => Self::MainDevice,
            Exchange::Sharded => Self::Sharded,
            Exchange::AllReduce => Self::AllReduce,
        }
    }
}

/// A word behind `--model-subset`: overrides may follow the numbers.
#[derive(Clone, Debug)]
pub(super) enum SubsetPart {
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

impl Selection {
    /// Reads the experiment file, and keeps the models that are wanted.
    pub(super) fn load<A: Architecture>(
        &self,
        datasets: &'static [CustomDataset],
    ) -> Result<ExperimentConfig<A>, ProgramError> {
        let (subset, overrides) = self.subset_and_overrides();
        let mut experiment = ExperimentConfig::load_with(&self.config, &overrides, datasets)?;
        if let Some(subset) = subset {
            experiment = experiment.select_models(&subset)?;
        }
        if let Some(prefix) = &self.path_prefix {
            experiment = experiment.with_path_prefix(prefix);
        }
        Ok(experiment)
    }

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
pub(super) enum BoundMethod {
    /// Interval bound propagation
    Ibp,
    /// CROWN-IBP
    CrownIbp,
    /// CROWN
    Crown,
    /// The convex adversarial polytope, which is Fast-Lin
    ConvexAdv,
    /// Forward-mode linear bounds
    Forward,
    /// Forward-mode linear bounds, then one backward pass
    ForwardBackward,
}

impl From<BoundMethod> for Method {
    fn from(method: BoundMethod) -> Self {
        match method {
            BoundMethod::Ibp => Self::Interval,
            BoundMethod::CrownIbp => Self::CrownIbp,
            BoundMethod::Crown => Self::Crown,
            BoundMethod::ConvexAdv => Self::ConvexAdversarial,
            BoundMethod::Forward => Self::Forward,
            BoundMethod::ForwardBackward => Self::ForwardBackward,
        }
    }
}
