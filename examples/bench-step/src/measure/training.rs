//! Optimizer steps.

use burn::optim::{AdamConfig, ModuleOptimizer};
use burn::tensor::Device;
use burn::train::Learner;
use burn_crown::train::{Coefficients, RobustBatch, RobustLearner};

use super::{Measured, clock, images, networks};
use crate::arguments::Settings;
use crate::case::{Loss, Network};
use crate::error::BenchError;

pub(super) const LEARNING_RATE: f64 = 5e-4;

/// The step that is repeated, in the middle of the schedule.
const STEP: usize = 1_000_000;

/// PyTorch's Adam, by its default ε.
pub(super) fn adam() -> ModuleOptimizer {
    AdamConfig::new().with_epsilon(1e-8).init()
}

/// Times optimizer steps on one batch.
pub(super) fn measure(
    network: Network,
    loss: Loss,
    settings: &Settings,
    device: &Device,
) -> Result<Measured, BenchError> {
    let batch = settings.batch.unwrap_or(network.batch());
    let device = device.clone().autodiff();
    let model = networks::drawn(network, settings, &device);
    let (images, labels) = images::to_train(batch, settings.seed).tensors(0..batch, &device);
    let objective = loss.objective(settings, STEP);
    let coefficients = objective.coefficients(STEP);
    let mut learner: Learner<RobustLearner<crown_ibp::models::Model, 4>> =
        RobustLearner::try_new(model, objective, images.clone())?.learner(adam(), LEARNING_RATE);
    let times = clock::times(settings, || {
        let batch = RobustBatch::new(images.clone(), labels.clone(), STEP);
        let output = learner.train_step(batch);
        learner.lr_step();
        learner.optimizer_step(output.grads);
        device
            .sync()
            .map_err(|error| BenchError::Execution(error.to_string()))
    })?;
    Ok(Measured::training(
        times,
        batch,
        loss,
        coefficients,
        settings,
    ))
}

impl Measured {
    pub(super) fn training(
        times: Vec<f64>,
        batch: usize,
        loss: Loss,
        coefficients: Coefficients,
        settings: &Settings,
    ) -> Self {
        let bounded = loss != Loss::Natural;
        let clean_outputs = settings.clean_outputs || coefficients.kappa != 0.0;
        Self {
            times,
            batch,
            epsilon: bounded.then_some(coefficients.epsilon),
            beta: matches!(loss, Loss::CrownIbp | Loss::Fused).then_some(coefficients.beta),
            kappa: bounded.then_some(coefficients.kappa),
            clean_outputs: bounded.then_some(clean_outputs),
            images: None,
            certified: None,
            weights: None,
        }
    }
}
