//! A training run on several devices.

use std::path::Path;
use std::sync::Arc;

use burn::data::dataset::InMemDataset;
use burn::optim::SgdConfig;
use burn::tensor::Device;
use burn::train::{LearningResult, SupervisedTraining};
use burn_crown::Perturbation;
use burn_crown::train::{
    DataParallel, EpsilonSchedule, GradientExchange, RampShape, RobustDataLoader, RobustLearner,
    RobustMetrics, RobustObjective,
};
use burn_crown_tests::test_device;

use crate::plane::{
    EPSILON, Mlp, MlpLearner, Point, PointBatcher, loader, points, training_device,
};
use crown_ibp::quiet::Quiet;

pub(crate) const EXCHANGES: [GradientExchange; 3] = [
    GradientExchange::MainDevice,
    GradientExchange::Sharded,
    GradientExchange::AllReduce,
];

/// A number that leaves a shorter last step for every size of steps that the tests take.
pub(crate) const POINTS: usize = 471;

/// The rate of plain gradient descent: a factor in the gradients is one in the steps.
pub(crate) const RATE: f64 = 0.3;

pub(crate) fn devices(count: usize) -> Vec<Device> {
    vec![test_device(); count]
}

/// ε grows from the second step on, for 20 steps.
pub(crate) fn objective() -> RobustObjective {
    let schedule = EpsilonSchedule::new(EPSILON)
        .with_shape(RampShape::Smoothed)
        .with_start_step(1)
        .with_end_step(21);
    RobustObjective::new(Perturbation::linf(EPSILON).with_range(0.0, 1.0), schedule)
}

pub(crate) fn train_loader(batch_size: usize) -> RobustDataLoader<Point, 2> {
    let dataset = Arc::new(InMemDataset::new(points(1, POINTS)));
    RobustDataLoader::new(dataset, PointBatcher, batch_size)
        .unwrap()
        .with_shuffle(5)
}

pub(crate) fn training(
    folder: &Path,
    train: RobustDataLoader<Point, 2>,
) -> SupervisedTraining<MlpLearner> {
    SupervisedTraining::new(folder, Arc::new(train), Arc::new(loader(2)))
        .metrics(RobustMetrics::new(&objective()))
        .renderer(Box::new(Quiet))
        // Burn's logger is one for the whole process, which all tests share.
        .with_application_logger(None)
}

/// Trains the same model by plain gradient descent.
pub(crate) fn launch(training: SupervisedTraining<MlpLearner>) -> LearningResult<MlpLearner> {
    let learner = RobustLearner::new(Mlp::new(1, &training_device()), objective());
    training.launch(learner.learner(SgdConfig::new().init(), RATE))
}

/// Trains for some epochs, without an error.
pub(crate) fn train(
    parallel: &DataParallel,
    train: RobustDataLoader<Point, 2>,
    epochs: usize,
    folder: &Path,
) -> MlpLearner {
    let train = parallel.deal(train);
    let training = parallel.set_up(training(folder, train)).num_epochs(epochs);
    let result = launch(training);
    assert!(result.error.is_none(), "{:?}", result.error);
    result.model
}
