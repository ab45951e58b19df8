//! Certified training inside Burn's own training loop, on a small problem in the plane.
#![allow(clippy::unwrap_used)]

mod plane;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::InMemDataset;
use burn::lr_scheduler::exponential::ExponentialLrSchedulerConfig;
use burn::optim::AdamConfig;
use burn::tensor::{Device, Int, Tensor};
use burn::train::checkpoint::KeepLastNCheckpoints;
use burn::train::metric::store::{Aggregate, Direction, Split};
use burn::train::{
    ExecutionStrategy, Interrupter, LearningResult, MetricEarlyStoppingStrategy, MultiDeviceOptim,
    StoppingCondition, SupervisedTraining,
};
use burn_crown::train::{
    Coefficients, RobustDataLoader, RobustLearner, RobustMetrics, TrainingMethod,
};
use burn_crown_tests::logs::logged;
use burn_crown_tests::test_device;
use crown_ibp::quiet::Quiet;
use plane::{
    BATCH, EPSILON, Mlp, MlpLearner, POINTS, Point, PointBatcher, STEPS_PER_EPOCH, bits, errors,
    loader, objective, points, training_device,
};

fn training(folder: &Path, train: RobustDataLoader<Point, 2>) -> SupervisedTraining<MlpLearner> {
    SupervisedTraining::new(folder, Arc::new(train), Arc::new(loader(2)))
        .metrics(RobustMetrics::new(&objective()))
        .renderer(Box::new(Quiet))
        // Burn's logger is one for the whole process, which all tests share.
        .with_application_logger(None)
}

/// Trains a model of the seed with Adam and a learning rate that falls at every step.
fn launch(training: SupervisedTraining<MlpLearner>, seed: u64) -> LearningResult<MlpLearner> {
    let scheduler = ExponentialLrSchedulerConfig::new(0.02, 0.995)
        .init()
        .unwrap();
    let learner = RobustLearner::new(Mlp::new(seed, &training_device()), objective());
    training.launch(learner.learner(AdamConfig::new().init(), scheduler))
}

#[test]
fn certified_training_reaches_its_verified_error() {
    let folder = tempfile::tempdir().unwrap();
    let untrained = RobustLearner::new(Mlp::new(1, &test_device()), objective());
    assert!(
        errors(&untrained).1 > 50.0,
        "the untrained model must not be verified already"
    );

    let train = loader(1).with_shuffle(5);
    let result = launch(training(folder.path(), train).num_epochs(12), 1);
    assert!(result.error.is_none());
    let (clean, verified) = errors(&result.model);
    assert!(clean <= 1.0, "clean error {clean} %");
    assert!(verified <= 3.0, "verified error {verified} %");
}

#[test]
fn natural_training_verifies_less_than_certified_training() {
    let run = |method| {
        let folder = tempfile::tempdir().unwrap();
        let objective = objective().with_method(method);
        let learner = RobustLearner::new(Mlp::new(1, &training_device()), objective);
        let result = training(folder.path(), loader(1).with_shuffle(5))
            .num_epochs(12)
            .launch(learner.learner(AdamConfig::new().init(), 0.02));
        errors(&result.model)
    };
    let (natural_clean, natural) = run(TrainingMethod::Natural);
    let (_, robust) = run(TrainingMethod::Robust);
    assert!(natural_clean <= 1.0, "clean error {natural_clean} %");
    assert!(
        robust + 5.0 < natural,
        "robust {robust} %, natural {natural} %"
    );
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one_bit_for_bit() {
    let train = || loader(1).with_shuffle(3);
    let with_checkpoints = |folder: &Path, train| {
        training(folder, train)
            .with_default_checkpointers()
            .with_checkpointing_strategy(KeepLastNCheckpoints::new(10))
    };
    // ε still grows when the run is interrupted, and β with it.
    let interrupted_at = objective().coefficients(2 * STEPS_PER_EPOCH);
    assert!(interrupted_at.epsilon > 0.0 && interrupted_at.epsilon < EPSILON);

    let whole_folder = tempfile::tempdir().unwrap();
    let whole = launch(
        with_checkpoints(whole_folder.path(), train()).num_epochs(4),
        1,
    );

    let folder = tempfile::tempdir().unwrap();
    let half = launch(with_checkpoints(folder.path(), train()).num_epochs(2), 1);
    assert_ne!(bits(&half.model), bits(&whole.model));

    // Another model of other weights: all that counts is in the checkpoint.
    let resume = |train: RobustDataLoader<Point, 2>| {
        launch(
            with_checkpoints(folder.path(), train)
                .num_epochs(4)
                .checkpoint(2),
            99,
        )
    };
    // First without the epoch: the run must then differ, or this test shows nothing.
    let restarted = resume(train());
    assert_ne!(bits(&restarted.model), bits(&whole.model));
    let resumed = resume(train().with_start_epoch(2));
    assert_eq!(bits(&resumed.model), bits(&whole.model));
}

#[test]
fn a_run_is_a_function_of_its_seeds() {
    let run = || {
        let folder = tempfile::tempdir().unwrap();
        launch(
            training(folder.path(), loader(1).with_shuffle(3)).num_epochs(2),
            1,
        )
    };
    assert_eq!(bits(&run().model), bits(&run().model));
}

#[test]
fn two_devices_train_as_well_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let learner = RobustLearner::new(Mlp::new(1, &training_device()), objective());
    let devices = vec![training_device(), training_device()];
    let result = training(folder.path(), loader(1).with_shuffle(5).with_devices(2))
        .num_epochs(20)
        .with_training_strategy(
            ExecutionStrategy::multi(devices, MultiDeviceOptim::OptimMainDevice).into(),
        )
        .launch(learner.learner(AdamConfig::new().init(), 0.02));
    assert!(result.error.is_none(), "{:?}", result.error);
    let (clean, verified) = errors(&result.model);
    assert!(clean <= 1.0, "clean error {clean} %");
    assert!(verified <= 3.0, "verified error {verified} %");
}

/// Interrupts the training while it makes the batch of this number.
#[derive(Clone)]
struct Interrupting {
    interrupter: Interrupter,
    at: usize,
    batches: Arc<AtomicUsize>,
}

impl Batcher<Point, (Tensor<2>, Tensor<1, Int>)> for Interrupting {
    fn batch(&self, items: Vec<Point>, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
        if self.batches.fetch_add(1, Ordering::SeqCst) + 1 == self.at {
            self.interrupter.stop(Some("enough"));
        }
        PointBatcher.batch(items, device)
    }
}

#[test]
fn the_interrupter_stops_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let interrupter = Interrupter::new();
    let batches = Arc::new(AtomicUsize::new(0));
    let batcher = Interrupting {
        interrupter: interrupter.clone(),
        at: 20,
        batches: batches.clone(),
    };
    let dataset = Arc::new(InMemDataset::new(points(1, POINTS)));
    let train = RobustDataLoader::new(dataset, batcher, BATCH).unwrap();
    let training = training(folder.path(), train)
        .with_interrupter(interrupter)
        .num_epochs(50);
    let result = launch(training, 1);
    assert_eq!(
        result.interrupted.unwrap().reason.as_deref(),
        Some("enough")
    );
    assert_eq!(batches.load(Ordering::SeqCst), 20);
}

#[test]
fn early_stopping_goes_by_the_verified_error() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = RobustMetrics::new(&objective());
    let stopping = MetricEarlyStoppingStrategy::new(
        metrics.verified_error(),
        Aggregate::Mean,
        Direction::Lowest,
        Split::Valid,
        StoppingCondition::NoImprovementSince { n_epochs: 2 },
    );
    let batches = Arc::new(AtomicUsize::new(0));
    let batcher = Interrupting {
        interrupter: Interrupter::new(),
        at: usize::MAX,
        batches: batches.clone(),
    };
    let dataset = Arc::new(InMemDataset::new(points(1, POINTS)));
    let train = RobustDataLoader::new(dataset, batcher, BATCH).unwrap();
    let learner = RobustLearner::new(Mlp::new(1, &training_device()), objective());
    // Nothing is learned at this rate: the first epoch stays the best.
    training(folder.path(), train)
        .early_stopping(stopping)
        .num_epochs(50)
        .launch(learner.learner(AdamConfig::new().init(), 0.0));
    assert_eq!(batches.load(Ordering::SeqCst), 3 * STEPS_PER_EPOCH);
}

#[test]
fn metrics_show_the_schedule_and_the_errors() {
    let folder = tempfile::tempdir().unwrap();
    let result = launch(training(folder.path(), loader(1)).num_epochs(2), 1);
    assert!(result.error.is_none());
    drop(result);

    for epoch in 1..=2 {
        let first = (epoch - 1) * STEPS_PER_EPOCH;
        for (metric, pick) in [
            ("Epsilon", (|c| c.epsilon) as fn(Coefficients) -> f64),
            ("Kappa", |c| c.kappa),
            ("Beta", |c| c.beta),
        ] {
            let expected: Vec<f64> = (first..first + STEPS_PER_EPOCH)
                .map(|step| pick(objective().coefficients(step)))
                .collect();
            assert_eq!(
                logged(folder.path(), "train", epoch, metric),
                expected,
                "{metric}"
            );
        }
        let training_error = "Verified_Error_(CROWN-IBP,_scheduled_eps)";
        let validation_error = "Verified_Error_(IBP,_eps_0.12)";
        for (split, metric) in [
            ("train", "Loss"),
            ("train", "Clean_Error"),
            ("train", training_error),
            ("train", "Unstable_Neurons"),
            ("valid", "Loss"),
            ("valid", "Clean_Error"),
            ("valid", validation_error),
            ("valid", "Unstable_Neurons"),
        ] {
            let values = logged(folder.path(), split, epoch, metric);
            assert_eq!(values.len(), STEPS_PER_EPOCH, "{split} {metric}");
            let limit = if metric == "Loss" { f64::MAX } else { 100.0 };
            assert!(
                values.iter().all(|value| (0.0..=limit).contains(value)),
                "{metric}"
            );
        }
    }
    // While ε is 0, verified means classified rightly.
    let clean = logged(folder.path(), "train", 1, "Clean_Error");
    let verified = logged(
        folder.path(),
        "train",
        1,
        "Verified_Error_(CROWN-IBP,_scheduled_eps)",
    );
    assert_eq!(
        clean[..STEPS_PER_EPOCH / 2],
        verified[..STEPS_PER_EPOCH / 2]
    );
}
