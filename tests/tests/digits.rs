//! Certified training of a convolutional network on the embedded digits, to a stated error.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use burn::optim::AdamConfig;
use burn::tensor::{Bool, Tensor};
use burn::train::{InferenceStep, SupervisedTraining};
use burn_crown::Perturbation;
use burn_crown::train::{
    EpsilonSchedule, RobustBatch, RobustDataLoader, RobustLearner, RobustMetrics, RobustObjective,
    classified,
};
use burn_crown_tests::test_device;
use crown_ibp::data::Digits;
use crown_ibp::models::{Cnn2Layer, Cnn2LayerConfig};
use crown_ibp::quiet::Quiet;

const EPSILON: f64 = 0.05;
const EPOCHS: usize = 12;

/// The errors in percent on other digits than those of training: clean, and verified by interval
/// bounds.
fn errors(learner: &RobustLearner<Cnn2Layer, 4>) -> (f64, f64) {
    let (images, labels) = Digits::new(2, 500).draw().tensors(0..500, &test_device());
    let output = InferenceStep::step(learner, RobustBatch::new(images, labels, 0));
    let right = classified(output.logits.unwrap(), output.labels);
    let percent = |good: Tensor<1, Bool>| 100.0 - 100.0 * good.float().mean().into_scalar::<f64>();
    (percent(right), percent(output.verified))
}

#[test]
fn certified_training_on_digits_reaches_its_verified_error() {
    let data = Arc::new(Digits::new(1, 3_000).draw());
    let batcher = data.batcher();
    let train = RobustDataLoader::new(data, batcher.clone(), 64)
        .unwrap()
        .with_shuffle(1);
    let valid = Arc::new(Digits::new(3, 100).draw());
    let valid = RobustDataLoader::new(valid, batcher, 100).unwrap();

    let schedule = EpsilonSchedule::new(EPSILON).over_epochs(1, 7, train.steps_per_epoch());
    let objective =
        RobustObjective::new(Perturbation::linf(EPSILON).with_range(0.0, 1.0), schedule);
    let device = test_device().autodiff();
    device.seed(1);
    let model = Cnn2LayerConfig::new(1, 28, 1).init(&device);
    let metrics = RobustMetrics::new(&objective);
    let learner = RobustLearner::new(model, objective);

    let folder = tempfile::tempdir().unwrap();
    let result = SupervisedTraining::new(folder.path(), Arc::new(train), Arc::new(valid))
        .metrics(metrics)
        .renderer(Box::new(Quiet))
        .with_application_logger(None)
        .num_epochs(EPOCHS)
        .launch(learner.learner(AdamConfig::new().init(), 2e-3));
    assert!(result.error.is_none(), "{:?}", result.error);

    let (clean, verified) = errors(&result.model);
    eprintln!("clean error {clean} %, verified error {verified} %");
    assert!(clean <= 18.0, "clean error {clean} %");
    assert!(verified <= 35.0, "verified error {verified} %");
}
