//! One model of an experiment, through Burn's training loop.

use std::path::Path;
use std::sync::Arc;

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::Dataset;
use burn::module::Module;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Int, Tensor};
use burn::train::{SupervisedTraining, TrainingError};
use burn_crown::train::{
    EpsilonSchedule, LearnerError, LoaderError, RampShape, RobustDataLoader, RobustLearner,
    RobustMetrics, RobustObjective, TrainingMethod as Loss,
};
use burn_crown::{BoundConfig, Perturbation};

use crate::config::{
    EvalParams, MethodParams, ModelEntry, Optimizer, ScheduleType, TrainingMethod, TrainingParams,
};
use crate::data::{ImageDataset, ImageItem, batch_tensors};
use crate::evaluation::Verification;
use crate::learning_rate::EpochLearningRate;
use crate::models::Model;
use crate::progress::TrainingProgress;

/// Why a model could not be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The model and the objective do not go together.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// The batches cannot be made.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// The training set is empty.
    #[error("there is no image to train on; check `loader_params:num_examples`")]
    NoImages,
    /// Burn's training loop stopped on an error.
    #[error("training stopped: {0}")]
    Stopped(Arc<TrainingError>),
}

/// The images of an experiment.
#[derive(Clone, Debug)]
pub struct Images {
    /// The images to train on.
    pub train: Arc<ImageDataset>,
    /// The images to test on.
    pub test: Arc<ImageDataset>,
}

/// Trains a model of an experiment and gives it back in inference mode.
///
/// `folder` receives the logs of Burn's training loop. The same `seed` gives the same model on the
/// `flex` device.
///
/// # Errors
///
/// [`TrainError`].
pub fn train(
    entry: &ModelEntry,
    images: &Images,
    device: &Device,
    seed: u64,
    folder: &Path,
) -> Result<Model, TrainError> {
    let params = &entry.training_params;
    let loader_params = &params.loader_params;
    let limited = |data: &Arc<ImageDataset>| match loader_params.num_examples {
        Some(count) => Arc::new(data.as_ref().clone().take(count)),
        None => data.clone(),
    };
    let (train, test) = (limited(&images.train), limited(&images.test));
    if train.is_empty() || test.is_empty() {
        return Err(TrainError::NoImages);
    }
    let steps_per_epoch = train.len().div_ceil(loader_params.batch_size);
    let batcher = ImageBatcher {
        shape: train.shape(),
    };
    let (example, _) = train.tensors(0..1, device);

    let mut train_loader = RobustDataLoader::new(train, batcher.clone(), loader_params.batch_size)?;
    if loader_params.shuffle_train {
        train_loader = train_loader.with_shuffle(seed);
    }
    let test_loader = RobustDataLoader::new(test, batcher, loader_params.test_batch_size)?;

    let device = device.clone().autodiff();
    device.seed(seed);
    let objective = objective(params, &entry.eval_params, steps_per_epoch);
    let metrics = RobustMetrics::new(&objective);
    let model = entry.model.init(&device);
    let learner = RobustLearner::try_new(model, objective, example)?;
    let rates = (0..params.epochs).map(|epoch| params.learning_rate(epoch));
    let result = SupervisedTraining::new(folder, Arc::new(train_loader), Arc::new(test_loader))
        .metrics(metrics)
        .renderer(Box::new(TrainingProgress::new(&entry.model_id)))
        .num_epochs(params.epochs)
        .launch(learner.learner(
            optimizer(params),
            EpochLearningRate::new(rates, steps_per_epoch),
        ));
    match result.error {
        Some(error) => Err(TrainError::Stopped(error)),
        None => Ok(result.model.into_model().valid()),
    }
}

/// What the parameters minimise, and by what they validate.
pub fn objective(
    params: &TrainingParams,
    eval: &EvalParams,
    steps_per_epoch: usize,
) -> RobustObjective {
    let shape = match params.schedule_type {
        ScheduleType::Linear => RampShape::Linear,
        ScheduleType::Smoothed => RampShape::Smoothed,
    };
    let schedule = EpsilonSchedule::new(params.epsilon)
        .with_starting(params.starting_epsilon)
        .with_shape(shape)
        .over_epochs(
            params.schedule_start,
            params.schedule_length,
            steps_per_epoch,
        );
    let loss = match params.method {
        TrainingMethod::Natural => Loss::Natural,
        TrainingMethod::Robust => Loss::Robust,
        TrainingMethod::RobustNatural => Loss::RobustNatural,
    };
    let perturbation = Perturbation::ball(params.norm, params.epsilon);
    RobustObjective::new(in_range(perturbation, &params.method_params), schedule)
        .with_method(loss)
        .with_bound(bound(&params.method_params))
        .with_final_beta(params.method_params.final_beta)
        .with_final_kappa(params.method_params.final_kappa)
        .with_evaluation_epsilon(eval.epsilon)
        .with_evaluation_bound(bound(&eval.method_params))
}

/// How the parameters verify a model; not at all for natural training, unless they ask for it.
pub fn verification(eval: &EvalParams) -> Option<Verification> {
    if eval.method == TrainingMethod::Natural && !eval.verbose {
        return None;
    }
    let perturbation = Perturbation::ball(eval.norm, eval.epsilon);
    Some(Verification {
        config: bound(&eval.method_params),
        perturbation: in_range(perturbation, &eval.method_params),
    })
}

fn bound(params: &MethodParams) -> BoundConfig {
    BoundConfig::new(params.bound_type.method()).with_slope(params.bound_opts.lower_slope())
}

fn in_range(perturbation: Perturbation, params: &MethodParams) -> Perturbation {
    if params.bounded_input {
        perturbation.with_range(0.0, 1.0)
    } else {
        perturbation
    }
}

fn optimizer(params: &TrainingParams) -> ModuleOptimizer {
    let decay =
        (params.weight_decay > 0.0).then(|| WeightDecayConfig::new(params.weight_decay as f32));
    match params.optimizer {
        // PyTorch's default, which the reference program uses; Burn's is larger.
        Optimizer::Adam => AdamConfig::new()
            .with_epsilon(1e-8)
            .with_weight_decay(decay)
            .init(),
        Optimizer::Sgd => {
            let momentum = MomentumConfig::new().with_momentum(0.9).with_nesterov(true);
            let momentum = momentum.with_dampening(0.0);
            SgdConfig::new()
                .with_weight_decay(decay)
                .with_momentum(Some(momentum))
                .init()
        }
    }
}

/// Turns images into tensors `[B, C, H, W]` and `[B]`.
#[derive(Clone, Debug)]
struct ImageBatcher {
    shape: [usize; 3],
}

impl Batcher<ImageItem, (Tensor<4>, Tensor<1, Int>)> for ImageBatcher {
    fn batch(&self, items: Vec<ImageItem>, device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
        let labels: Vec<u8> = items.iter().map(|item| item.label).collect();
        let pixels = items.into_iter().flat_map(|item| item.pixels).collect();
        batch_tensors(pixels, &labels, self.shape, device)
    }
}
