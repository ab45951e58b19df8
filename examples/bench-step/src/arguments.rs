//! What the command line can say.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::case::Case;
use crate::record::Seconds;

const EXAMPLES: &str = "\
Start with the training steps of the smallest network:
  bench-step run --case train/cnn_2layer_width_1 | tee ours.jsonl
  python3 benches/torch_step.py --model cnn_2layer_width_1 | tee torch.jsonl
  bench-step table ours.jsonl torch.jsonl

The yardstick is PyTorch's natural training step of the same network, with the same threads, in the \
same hour: compare ratios, for times of another machine or another hour say little.";

const RUN_EXAMPLES: &str = "\
Examples:
  What can be timed
    bench-step run --list
  All usual cases, on one thread and on two
    bench-step run --threads 1,2 > ours.jsonl
  Training on libtorch too (a build with --features tch)
    bench-step run --case train --backend flex,libtorch
  Full CROWN with the weights of a trained model on MNIST
    bench-step run --case verify/cnn_2layer_width_1/crown --weights cnn.safetensors --data-dir mnist/

Each case runs in a process of its own, in which OMP_NUM_THREADS and RAYON_NUM_THREADS are set, and \
GOMP_SPINCOUNT to 10000 if it is not, so that its peak memory is its own. A line of JSON is printed for each, when it is done.

A training step is a whole optimizer step of Adam. Robust losses are those half-way of a schedule up \
to ε 0.3: ε 0.15, β 0.5, and κ 0, or 0.5 with --mixed. At κ 0 the loss is of bounds alone, and the \
forward pass of the images themselves is left out, as `RobustObjective::with_clean_outputs(false)` \
has it; with --clean-outputs it is made, for the clean error, as by default in the library.";

const MEASURE_EXAMPLES: &str = "\
For profilers, such as:
  RAYON_NUM_THREADS=1 OMP_NUM_THREADS=1 perf record bench-step measure \
train/cnn_2layer_width_1/crown-ibp";

const CHECK_EXAMPLES: &str = "\
Examples:
  Has a step become slower, compared with the natural step of the same run?
    bench-step run --case train > ours.jsonl
    bench-step check ours.jsonl --against benches/ratios.json
  The ratios of this run are the ones to hold from now on
    bench-step check ours.jsonl --against benches/ratios.json --write

A ratio is the time of a case over that of the natural training step of the same network, backend \
and threads in the same files; for two workers, over that of one. Verification counts with random \
weights on the embedded digits alone, for its time depends on both. Expectations of cases that were not \
run are left out. The exit code is 0 if no ratio has grown by more than the file's factor.";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "bench-step",
    version,
    about = "Times training steps and verification, and compares them as ratios",
    after_help = EXAMPLES
)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Time cases, and print a line of JSON for each
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArguments),
    /// Time one case in this process
    #[command(after_help = MEASURE_EXAMPLES)]
    Measure(Job),
    /// Print the figures beside the targets, as multiples of the yardstick
    Table(TableArguments),
    /// Compare ratios with those that were written down
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArguments),
}

/// What `run` takes.
#[derive(Args, Debug)]
pub struct RunArguments {
    /// Only these cases: names, or the parts before a slash. Default: all that take no hour
    #[arg(long = "case", value_name = "NAME", num_args = 1..)]
    pub cases: Vec<String>,
    /// Print the names of the cases instead
    #[arg(long)]
    pub list: bool,
    /// Where to compute: flex, libtorch, cuda:0 …, as far as they were built in
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "flex"
    )]
    pub backend: Vec<String>,
    /// The threads of each worker, one run for each number
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "1",
        value_parser = positive)]
    pub threads: Vec<usize>,
    /// What applies to every case.
    #[command(flatten)]
    pub settings: Settings,
}

/// One case on one backend: what `measure` takes.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Job {
    /// The name of the case; see `run --list`
    #[arg(value_name = "CASE")]
    pub case: Case,
    /// Where to compute
    #[arg(long, value_name = "NAME", default_value = "flex")]
    pub backend: String,
    /// The threads of each worker; the environment has to agree
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = positive)]
    pub threads: usize,
    /// What applies to every case.
    #[command(flatten)]
    pub settings: Settings,
}

/// What applies to every case.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Settings {
    /// The images of a training step. Default: 256, and 32 for dm-large
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    pub batch: Option<usize>,
    /// The images that are verified. Default: 100, and 10 for dm-large
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    pub images: Option<usize>,
    /// How often a case is timed
    #[arg(long, value_name = "NUMBER", default_value = "11", value_parser = positive)]
    pub repeats: usize,
    /// How often it runs before that
    #[arg(long, value_name = "NUMBER", default_value = "2")]
    pub warmup: usize,
    /// Begin no further repetition of a case after this time; the first is always made
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    pub at_most: u64,
    /// Train κ · natural + (1 − κ) · robust with κ 0.5, in place of the robust loss alone
    #[arg(long)]
    pub mixed: bool,
    /// Make the outputs at the images themselves in robust steps too, where κ is 0 and only the
    /// metrics of a training run would read them
    #[arg(long)]
    pub clean_outputs: bool,
    /// Weights for the cases that verify a trained network: safetensors, PyTorch's or Burn's.
    /// Without it, these have random weights
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// A folder with MNIST, whose test images are verified in place of embedded digits
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// The memory that the rows of full CROWN may take. Default: the library's
    #[arg(long, value_name = "MIB", value_parser = positive)]
    pub memory_limit: Option<usize>,
    /// The seed of weights and training images
    #[arg(long, default_value = "2019")]
    pub seed: u64,
}

/// What `table` takes.
#[derive(Args, Debug)]
pub struct TableArguments {
    /// The lines of `run` and of `torch_step.py`
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The figure that counts
    #[arg(long, value_enum, default_value_t)]
    pub by: Figure,
}

/// What `check` takes.
#[derive(Args, Debug)]
pub struct CheckArguments {
    /// The lines of `run`
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The file with the expected ratios
    #[arg(long, value_name = "FILE")]
    pub against: PathBuf,
    /// Write this run's ratios to that file instead; those of what was not run stay
    #[arg(long)]
    pub write: bool,
    /// The figure that counts
    #[arg(long, value_enum, default_value_t = Figure::Min)]
    pub by: Figure,
}

/// The figure of several times that counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Figure {
    /// The median
    #[default]
    Median,
    /// The smallest
    Min,
}

impl Figure {
    /// The figure itself.
    pub fn of(self, seconds: Seconds) -> f64 {
        match self {
            Self::Median => seconds.median,
            Self::Min => seconds.min,
        }
    }
}

impl Job {
    /// The arguments that are read as this job.
    pub fn arguments(&self) -> Vec<OsString> {
        let Self {
            case,
            backend,
            threads,
            settings,
        } = self;
        let mut arguments: Vec<OsString> = vec!["measure".into(), case.to_string().into()];
        let mut option = |name: &str, value: Option<OsString>| {
            if let Some(value) = value {
                arguments.extend([name.into(), value]);
            }
        };
        let number = |value: usize| Some(value.to_string().into());
        option("--backend", Some(backend.into()));
        option("--threads", number(*threads));
        option("--batch", settings.batch.and_then(number));
        option("--images", settings.images.and_then(number));
        option("--repeats", number(settings.repeats));
        option("--warmup", number(settings.warmup));
        option("--at-most", Some(settings.at_most.to_string().into()));
        option("--weights", settings.weights.clone().map(Into::into));
        option("--data-dir", settings.data_dir.clone().map(Into::into));
        option("--memory-limit", settings.memory_limit.and_then(number));
        option("--seed", Some(settings.seed.to_string().into()));
        let flags = [
            (settings.mixed, "--mixed"),
            (settings.clean_outputs, "--clean-outputs"),
        ];
        let flags = flags.into_iter().filter(|(set, _)| *set);
        arguments.extend(flags.map(|(_, name)| name.into()));
        arguments
    }

    /// The variables of the environment that give each worker its threads.
    ///
    /// OpenMP has a pool for each thread that calls it, rayon has one pool for all.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let pool = self.threads * self.case.workers();
        [
            ("OMP_NUM_THREADS", self.threads.to_string()),
            ("RAYON_NUM_THREADS", pool.to_string()),
        ]
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("give a whole number of at least 1".into()),
    }
}
