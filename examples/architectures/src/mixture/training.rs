//! The loop of training, written out for a model of two inputs.

use std::time::Instant;

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor};
use burn_crown::train::{natural_cross_entropy, robust_cross_entropy};
use burn_crown::{BoundConfig, BoundError, GraphCache, Input, Method, Specification};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::model::Mixture;
use super::readings::{Readings, scores_radius};
use crate::error::ExampleError;
use crate::experiment::Settings;
use crate::progress::{advance, training_bar};
use crate::schedule::Schedule;
use crate::training::{Training, pixels};

const METHOD: Method = Method::Interval;
const LEARNING_RATE: f64 = 3e-3;
const BATCH_SIZE: usize = 32;

/// Trains a network on images and scores that both change: the loop that
/// [`RobustLearner`](burn_crown::train::RobustLearner) has for models of one input.
pub(super) fn train(
    data: &Readings,
    test: &Readings,
    settings: &Settings,
    device: &Device,
) -> Result<(Mixture, Training), ExampleError> {
    let started = Instant::now();
    let device = device.clone().autodiff();
    device.seed(settings.seed);
    let mut model = Mixture::new(&device);
    let loss_before = robust_loss(&model.valid(), test, settings, &device.clone().inner())?;
    let schedule = Schedule::new(settings, LEARNING_RATE, data.len().div_ceil(BATCH_SIZE));
    let bar = training_bar(schedule.steps);
    let mut optimizer = AdamConfig::new().init();
    let mut random = StdRng::seed_from_u64(settings.seed);
    // The graph is recorded at the first step of each batch size, and serves all others.
    let cache = GraphCache::new();
    let mut order: Vec<usize> = (0..data.len()).collect();
    let mut step = 0;
    for _ in 0..settings.epochs {
        order.shuffle(&mut random);
        for indices in order.chunks(BATCH_SIZE) {
            let epsilon = schedule.epsilon.epsilon(step);
            let (images, scores, labels) = data.tensors(indices, &device);
            let loss = if epsilon == 0.0 {
                natural_cross_entropy(model.forward(images, scores), labels).mean()
            } else {
                let margins = margins(&cache, &model, (images, scores, labels), epsilon)?;
                robust_cross_entropy(margins).mean()
            };
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(schedule.learning_rate(step), model, gradients);
            advance(&bar, epsilon, loss.into_scalar::<f64>());
            step += 1;
        }
    }
    bar.finish_and_clear();
    let model = model.valid();
    let training = Training {
        loss_before,
        loss_after: robust_loss(&model, test, settings, &device.inner())?,
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok((model, training))
}

/// Lower bounds of the margins where both inputs change.
fn margins(
    cache: &GraphCache,
    model: &Mixture,
    (images, scores, labels): (Tensor<4>, Tensor<2>, Tensor<1, Int>),
    epsilon: f64,
) -> Result<Tensor<2>, BoundError> {
    let inputs = vec![
        Input::perturbed(images, pixels(epsilon)),
        Input::perturbed(scores, pixels(scores_radius(epsilon))),
    ];
    cache
        .analyse_inputs(model, inputs)?
        .lower(&Specification::Margins(labels), &BoundConfig::new(METHOD))
}

/// The robust cross-entropy of the test images at the target radius.
fn robust_loss(
    model: &Mixture,
    test: &Readings,
    settings: &Settings,
    device: &Device,
) -> Result<f64, BoundError> {
    let batch = test.tensors(&(0..test.len()).collect::<Vec<_>>(), device);
    let margins = margins(&GraphCache::new(), model, batch, settings.epsilon)?;
    Ok(robust_cross_entropy(margins).mean().into_scalar::<f64>())
}
