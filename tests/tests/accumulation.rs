//! Large batches by gradient accumulation: `N` batches of `b` are one batch of `N·b`.
#![allow(clippy::unwrap_used)]

mod plane;

use std::sync::Arc;

use burn::data::dataset::InMemDataset;
use burn::lr_scheduler::exponential::ExponentialLrSchedulerConfig;
use burn::optim::SgdConfig;
use burn::optim::momentum::MomentumConfig;
use burn::train::SupervisedTraining;
use burn_crown::Perturbation;
use burn_crown::train::{
    ActivityMeasure, EpsilonSchedule, RobustDataLoader, RobustLearner, RobustMetrics,
    RobustObjective, TrainingMethod,
};
use burn_crown_tests::logs::logged;
use crown_ibp::quiet::Quiet;
use plane::{Mlp, MlpLearner, Point, PointBatcher, bits, loader, points, training_device};

/// Neither a multiple of the batch sizes nor of the large batch.
const POINTS: usize = 107;
const LARGE_BATCH: usize = 32;
const STEPS_PER_EPOCH: usize = 4;
const EPOCHS: usize = 3;

/// Every term of the loss; ε grows over the first two epochs.
fn objective() -> RobustObjective {
    let schedule = EpsilonSchedule::new(0.12).over_epochs(0, 3, STEPS_PER_EPOCH);
    RobustObjective::new(Perturbation::linf(0.12).with_range(0.0, 1.0), schedule)
        .with_method(TrainingMethod::RobustNatural)
        .with_final_kappa(0.3)
        .with_l1_penalty(1e-3)
        .with_activity_penalty(ActivityMeasure::Stability, 1e-3)
}

struct Run {
    parameters: Vec<f32>,
    epsilons: Vec<f64>,
    rates: Vec<f64>,
}

/// Trains by stochastic gradient descent, where a factor of the gradients cannot hide, and with a
/// learning rate that falls at every optimizer step.
fn run(batch_size: usize, accumulation: usize, dealt: usize) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let dataset = Arc::new(InMemDataset::new(points(1, POINTS)));
    let train = RobustDataLoader::<Point, 2>::new(dataset, PointBatcher, batch_size)
        .unwrap()
        .with_shuffle(5)
        .with_accumulation(dealt);
    let momentum = MomentumConfig::new().with_dampening(0.0);
    let optimizer = SgdConfig::new().with_momentum(Some(momentum)).init();
    let rate = ExponentialLrSchedulerConfig::new(0.1, 0.9).init().unwrap();
    let learner: MlpLearner = RobustLearner::new(Mlp::new(1, &training_device()), objective());
    let result = SupervisedTraining::new(folder.path(), Arc::new(train), Arc::new(loader(2)))
        .metrics(RobustMetrics::new(&objective()))
        .metric_train_numeric(burn::train::metric::LearningRateMetric::new())
        .renderer(Box::new(Quiet))
        // Burn's logger is one for the whole process, which all tests share.
        .with_application_logger(None)
        .grads_accumulation(accumulation)
        .num_epochs(EPOCHS)
        .launch(learner.learner(optimizer, rate));
    assert!(result.error.is_none(), "{:?}", result.error);
    let parameters = bits(&result.model)
        .into_iter()
        .map(f32::from_bits)
        .collect();
    let logged = |metric| {
        (1..=EPOCHS)
            .flat_map(|epoch| logged(folder.path(), "train", epoch, metric))
            .collect()
    };
    Run {
        parameters,
        epsilons: logged("Epsilon"),
        rates: logged("Learning_Rate"),
    }
}

fn largest_difference(a: &Run, b: &Run) -> f32 {
    a.parameters
        .iter()
        .zip(&b.parameters)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

#[test]
fn accumulated_batches_are_one_large_batch() {
    let large = run(LARGE_BATCH, 1, 1);
    let expected: Vec<f64> = (0..EPOCHS * STEPS_PER_EPOCH)
        .map(|step| objective().coefficients(step).epsilon)
        .collect();
    assert_eq!(large.epsilons, expected);
    for accumulation in [2, 4, 8] {
        let small = run(LARGE_BATCH / accumulation, accumulation, accumulation);
        let difference = largest_difference(&large, &small);
        eprintln!("{accumulation} batches a step: largest difference {difference:e}");
        assert!(difference <= 1e-5, "{accumulation}: {difference:e}");
        // Every batch of a step has the step's ε, and every step one learning rate.
        let per_batch = |values: &[f64]| -> Vec<f64> {
            let batches = |step: usize| {
                let full = !(step + 1).is_multiple_of(STEPS_PER_EPOCH);
                let last: usize = POINTS % LARGE_BATCH;
                if full {
                    accumulation
                } else {
                    last.div_ceil(LARGE_BATCH / accumulation)
                }
            };
            values
                .iter()
                .enumerate()
                .flat_map(|(step, &value)| std::iter::repeat_n(value, batches(step)))
                .collect()
        };
        assert_eq!(small.epsilons, per_batch(&large.epsilons));
        // Burn shows the rate of the last step that was made: at the first of a step's batches
        // that of the step before.
        let mut distinct = small.rates.clone();
        distinct.dedup();
        distinct.retain(|&rate| rate != 0.0);
        assert_eq!(distinct, large.rates);
    }
}

#[test]
fn a_loader_that_knows_of_no_accumulation_trains_something_else() {
    let large = run(LARGE_BATCH, 1, 1);
    let wrong = run(LARGE_BATCH / 2, 2, 1);
    assert!(largest_difference(&large, &wrong) > 1e-2);
}
