//! Certified training in a loop of one's own: what Burn's `SupervisedTraining` does with a
//! [`RobustLearner`], without its files and dashboard.

use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burn::optim::AdamConfig;
use burn::tensor::Device;
use burn::train::InferenceStep;
use burn_crown::train::{
    RobustBatch, RobustDataLoader, RobustLearner, RobustObjective, TrainingMethod,
};
use burn_crown::{BoundConfig, Bounded, Method, Perturbation};
use crown_ibp::data::{Digits, ImageDataset};
use crown_ibp::learning_rate::EpochLearningRate;

use crate::error::ExampleError;
use crate::experiment::Settings;
use crate::progress::{advance, training_bar};
use crate::schedule::Schedule;

/// How a model is trained, beside the [`Settings`] that the user gives.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// The bounds that are trained on.
    pub method: Method,
    /// The share κ of the natural loss once ε is at its target; it falls from 1 to it as ε grows.
    /// None trains the robust loss alone.
    pub final_kappa: Option<f64>,
    /// The learning rate of Adam.
    pub learning_rate: f64,
    /// How many images make a step.
    pub batch_size: usize,
}

/// What training did.
#[derive(Clone, Copy, Debug)]
pub struct Training {
    /// The robust cross-entropy of the test images at the target radius, by interval bounds, before
    /// the first step.
    pub loss_before: f64,
    /// The same after the last step.
    pub loss_after: f64,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// The L∞ ball around an image, cut with the range of pixels.
pub fn pixels(epsilon: f64) -> Perturbation {
    Perturbation::linf(epsilon).with_range(0.0, 1.0)
}

/// The digits to train on, and those to test on.
pub fn digits(settings: &Settings) -> [ImageDataset; 2] {
    [
        Digits::train().take(settings.train_images),
        Digits::test().take(settings.test_images),
    ]
}

/// Trains a model of images `[B, 1, 28, 28]`, and gives it back ready for inference.
///
/// `model` makes it on a device that records gradients.
///
/// # Errors
///
/// If the model is no classifier of such images, or cannot be bounded.
pub fn train<M: Bounded + std::fmt::Display + 'static>(
    model: impl FnOnce(&Device) -> M,
    recipe: Recipe,
    settings: &Settings,
    device: &Device,
) -> Result<(M, Training), ExampleError> {
    let started = Instant::now();
    let device = device.clone().autodiff();
    device.seed(settings.seed);
    let [data, test] = digits(settings);
    let (example, _) = data.tensors(0..1, &device);
    let batcher = data.batcher();
    let loader = RobustDataLoader::new(Arc::new(data), batcher, recipe.batch_size)?
        .with_shuffle(settings.seed)
        .with_device(&device);
    let schedule = Schedule::new(settings, recipe.learning_rate, loader.steps_per_epoch());
    // One choice of planes around products is enough to train on: one pass in place of three.
    let bound = BoundConfig::new(recipe.method).with_all_planes(false);
    let mut objective =
        RobustObjective::new(pixels(settings.epsilon), schedule.epsilon).with_bound(bound);
    if let Some(kappa) = recipe.final_kappa {
        objective = objective
            .with_method(TrainingMethod::RobustNatural)
            .with_final_kappa(kappa);
    }

    let learner = RobustLearner::try_new(model(&device), objective, example)?;
    let loss_before = robust_loss(&learner, &test, &device);
    let rates = (0..schedule.steps).map(|step| schedule.learning_rate(step));
    let mut learner = learner.learner(AdamConfig::new().init(), EpochLearningRate::new(rates, 1));
    let bar = training_bar(schedule.steps);
    for epoch in 0..settings.epochs {
        for batch in loader.epoch(epoch) {
            let output = learner.train_step(batch?);
            learner.lr_step();
            learner.optimizer_step(output.grads);
            let loss = output.item.loss.mean().into_scalar::<f64>();
            advance(&bar, output.item.coefficients.epsilon, loss);
        }
    }
    bar.finish_and_clear();
    let learner = learner.model();
    let training = Training {
        loss_before,
        loss_after: robust_loss(&learner, &test, &device),
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok((learner.into_model().valid(), training))
}

/// The robust cross-entropy of images at the target radius, as validation computes it.
fn robust_loss<M: Bounded>(
    learner: &RobustLearner<M, 4>,
    data: &ImageDataset,
    device: &Device,
) -> f64 {
    let (learner, device) = (learner.valid(), device.clone().inner());
    let (images, labels) = data.tensors(0..data.labels().len(), &device);
    let output = InferenceStep::step(&learner, RobustBatch::new(images, labels, 0));
    output.loss.mean().into_scalar::<f64>()
}
