//! How to train and how to evaluate: the typed sections of an experiment file.

use burn_crown::{LowerSlope, Norm};
use serde::Serialize;

use super::choices::{BoundType, Optimizer, ScheduleType, TrainingMethod};
use super::keys;
use super::section::Section;

/// `training_params`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainingParams {
    /// The loss.
    pub method: TrainingMethod,
    /// The number of epochs, at least 1.
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
    /// The epoch, from 0, at whose beginning the ramp starts.
    pub schedule_start: usize,
    /// One more than the epochs that the ramp lasts, at least 1.
    pub schedule_length: usize,
    /// The shape of the ramp.
    pub schedule_type: ScheduleType,
    /// The norm of the perturbation.
    pub norm: Norm,
    /// Whether bounds are computed and reported in natural training too.
    pub verbose: bool,
    /// Whether to train on all devices; always false in this version.
    pub multi_gpu: bool,
    /// Batches and images.
    pub loader_params: LoaderParams,
    /// Options of the bound and of the loss.
    pub method_params: MethodParams,
}

/// `eval_params`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvalParams {
    /// With `natural`, only the clean error is evaluated, unless `verbose`.
    pub method: TrainingMethod,
    /// The radius, in pixel units.
    pub epsilon: f64,
    /// The norm of the perturbation.
    pub norm: Norm,
    /// Whether bounds are computed with the method `natural` too.
    pub verbose: bool,
    /// Batches and images.
    pub loader_params: LoaderParams,
    /// Options of the bound.
    pub method_params: MethodParams,
}

/// `loader_params`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoaderParams {
    /// Images in a training batch, at least 1.
    pub batch_size: usize,
    /// Images in a test batch; those of a training batch if the file does not say.
    pub test_batch_size: usize,
    /// Whether training batches are shuffled.
    pub shuffle_train: bool,
    /// Whether test batches are shuffled.
    pub shuffle_test: bool,
    /// Use only so many images, the first, of training and test set.
    pub num_examples: Option<usize>,
}

/// `method_params`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MethodParams {
    /// Whether the perturbed pixels are clipped to the valid range.
    pub bounded_input: bool,
    /// The bound method.
    pub bound_type: BoundType,
    /// The share β of CROWN-IBP in the bound at the end of the ramp, in `[0, 1]`.
    #[serde(rename = "final-beta")]
    pub final_beta: f64,
    /// The share κ of the natural loss at the end of the ramp, in `[0, 1]`.
    #[serde(rename = "final-kappa")]
    pub final_kappa: f64,
    /// Options of linear bounds.
    pub bound_opts: BoundOpts,
}

/// `bound_opts`: the lower slope of unstable rectifiers; adaptive if none is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BoundOpts {
    /// The slope of the upper line.
    pub same_slope: bool,
    /// Zero.
    pub zero_lb: bool,
    /// One.
    pub one_lb: bool,
}

/// `attack_params`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttackParams {
    /// Images in a batch, at least 1.
    pub batch_size: usize,
    /// The smallest radius.
    pub eps_start: f64,
    /// The largest radius.
    pub eps_end: f64,
    /// The number of radii, at least 1.
    pub eps_step: usize,
}

impl BoundOpts {
    /// The lower slope of the library.
    pub fn lower_slope(self) -> LowerSlope {
        match self {
            Self {
                same_slope: true, ..
            } => LowerSlope::Same,
            Self { zero_lb: true, .. } => LowerSlope::Zero,
            Self { one_lb: true, .. } => LowerSlope::One,
            Self { .. } => LowerSlope::Adaptive,
        }
    }

    fn read(section: &Section<'_>) -> Option<Self> {
        section.allow(keys::BOUND_OPTS);
        let [same_slope, zero_lb, one_lb] =
            ["same-slope", "zero-lb", "one-lb"].map(|key| (key, section.get_or(key, false)));
        let set: Vec<_> = [same_slope, zero_lb, one_lb]
            .into_iter()
            .filter(|(_, value)| *value == Some(true))
            .map(|(key, _)| key)
            .collect();
        if let [first, second, ..] = set[..] {
            section.problem(
                second,
                format!("cannot be set beside {first}; choose one slope"),
            );
            return None;
        }
        Some(Self {
            same_slope: same_slope.1?,
            zero_lb: zero_lb.1?,
            one_lb: one_lb.1?,
        })
    }
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

    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        section.allow(keys::TRAINING);
        let method = section.get("method");
        let epochs = positive(section, "epochs");
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
        let weight_decay = not_negative(section, "weight_decay");
        let optimizer = section.get("optimizer");
        let starting_epsilon = not_negative(section, "starting_epsilon");
        let epsilon = not_negative(section, "epsilon");
        if let (Some(starting), Some(target)) = (starting_epsilon, epsilon) {
            section.ensure(
                "starting_epsilon",
                "must not be above epsilon",
                starting <= target,
            );
        }
        let schedule_start = section.get_or("schedule_start", 0);
        let schedule_length = positive(section, "schedule_length");
        let schedule_type = section.get("schedule_type");
        let norm = section.get("norm");
        let verbose = section.get("verbose");
        let multi_gpu = unsupported(section, "multi_gpu", false);
        let loader_params = LoaderParams::read(&section.section("loader_params"));
        let bounded = verbose != Some(false) || method != Some(TrainingMethod::Natural);
        let method_section = section.section("method_params");
        let method_params = MethodParams::read(&method_section, norm, bounded);
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
            loader_params: loader_params?,
            method_params: method_params?,
        })
    }
}

impl EvalParams {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        section.allow(keys::EVAL);
        let method = section.get("method");
        let epsilon = not_negative(section, "epsilon");
        let norm = section.get("norm");
        let verbose = section.get("verbose");
        let loader_params = LoaderParams::read(&section.section("loader_params"));
        let method_params = MethodParams::read(&section.section("method_params"), norm, true);
        Some(Self {
            method: method?,
            epsilon: epsilon?,
            norm: norm?,
            verbose: verbose?,
            loader_params: loader_params?,
            method_params: method_params?,
        })
    }
}

impl LoaderParams {
    fn read(section: &Section<'_>) -> Option<Self> {
        section.allow(keys::LOADER);
        let batch_size = positive(section, "batch_size");
        let test_batch_size = match section.raw("test_batch_size") {
            Some(_) => positive(section, "test_batch_size"),
            None => batch_size,
        };
        let shuffle_train = section.get_or("shuffle_train", true);
        let shuffle_test = section.get_or("shuffle_test", false);
        if section.get_or("train_random_transform", false) == Some(true) {
            let words = "must be false: crops and flips are for cifar and svhn";
            section.ensure("train_random_transform", words, false);
        }
        // As in the reference, grey images stay in [0, 1] whatever this says.
        section.get_or("normalize_input", false);
        let num_examples: Option<Option<usize>> = section.get_or("num_examples", None);
        if num_examples == Some(Some(0)) {
            section.ensure("num_examples", "must be at least 1, or null", false);
        }
        Some(Self {
            batch_size: batch_size?,
            test_batch_size: test_batch_size?,
            shuffle_train: shuffle_train?,
            shuffle_test: shuffle_test?,
            num_examples: num_examples?,
        })
    }
}

impl MethodParams {
    /// Reads the section; without `bounded`, nothing is bounded and the bound need not be given.
    fn read(section: &Section<'_>, norm: Option<Norm>, bounded: bool) -> Option<Self> {
        section.allow(keys::METHOD);
        let (bounded_input, bound_type) = match bounded {
            true => (section.get("bounded_input"), section.get("bound_type")),
            false => (
                section.get_or("bounded_input", false),
                section.get_or("bound_type", BoundType::Interval),
            ),
        };
        if let (Some(true), Some(norm)) = (bounded_input, norm) {
            let words = "must be false: clipping to the valid range is for norm \"inf\" only";
            section.ensure("bounded_input", words, norm == Norm::Linf);
        }
        let share = |key| {
            section.get_if(key, "must be in [0, 1]", |share: &f64| {
                (0.0..=1.0).contains(share)
            })
        };
        let (final_beta, final_kappa) = (share("final-beta"), share("final-kappa"));
        let bound_opts = BoundOpts::read(&section.section("bound_opts"));
        // What this version reads but does not have: each may only say so.
        not_negative(section, "activity_reg");
        if section.get("convex-proj") == Some(Some(0_usize)) {
            section.ensure("convex-proj", "must be at least 1, or null", false);
        }
        unsupported(section, "runnerup_only", false);
        if section.raw("l1_reg").is_some() {
            section.get_if(
                "l1_reg",
                "must be 0: this version has no L1 penalty",
                |&l1: &f64| l1 == 0.0,
            );
        }
        if section.raw("batch_multiplier").is_some() {
            let words = "must be 1: this version does not accumulate batches";
            section.get_if("batch_multiplier", words, |&times: &usize| times == 1);
        }
        Some(Self {
            bounded_input: bounded_input?,
            bound_type: bound_type?,
            final_beta: final_beta?,
            final_kappa: final_kappa?,
            bound_opts: bound_opts?,
        })
    }
}

impl AttackParams {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        section.allow(keys::ATTACK);
        let batch_size = positive(section, "batch_size");
        let eps_start = not_negative(section, "eps_start");
        let eps_end = not_negative(section, "eps_end");
        let eps_step = positive(section, "eps_step");
        if let (Some(start), Some(end)) = (eps_start, eps_end) {
            section.ensure("eps_start", "must not be above eps_end", start <= end);
        }
        Some(Self {
            batch_size: batch_size?,
            eps_start: eps_start?,
            eps_end: eps_end?,
            eps_step: eps_step?,
        })
    }
}

pub(super) fn positive(section: &Section<'_>, key: &str) -> Option<usize> {
    section.get_if(key, "must be at least 1", |&number: &usize| number >= 1)
}

fn not_negative(section: &Section<'_>, key: &str) -> Option<f64> {
    section.get_if(key, "must not be negative", |&number: &f64| number >= 0.0)
}

/// A flag that this version cannot set.
fn unsupported(section: &Section<'_>, key: &str, only: bool) -> Option<bool> {
    section.get_if(
        key,
        "is not yet supported by this version",
        |&flag: &bool| flag == only,
    )
}
