//! `N` devices with accumulation `A` and batch size `b` equal one device with batch size `N·A·b`.

use std::path::Path;
use std::sync::Arc;

use burn::optim::SgdConfig;
use burn::train::{Learner, SupervisedTraining};
use burn_crown::train::{DataParallel, RobustBatch, RobustLearner, RobustLoss, RobustMetrics};
use burn_crown_tests::test_device;
use crown_ibp::quiet::Quiet;

use crate::plane::{Mlp, MlpLearner, bits, errors, loader, training_device};
use crate::run::{EXCHANGES, RATE, devices, objective, train, train_loader};

/// Devices, accumulation and batch size; none of the step sizes divides the number of points.
const SPREADS: [(usize, usize, usize); 4] = [(2, 1, 16), (3, 1, 10), (1, 4, 8), (2, 3, 5)];

const EPOCHS: usize = 3;

/// The largest difference of parameters after training, relative to the largest parameter.
///
/// Each of about 45 steps is off by some 1e-6 of its own length, see
/// `the_first_step_is_that_of_the_large_batch`, and all steps together are about as long as the
/// parameters. A factor in the gradients is a thousand times above this.
const ALLOWED: f64 = 1e-5;

/// The rounding of a sum of products of up to `terms` numbers of 24 bits, relative to the largest
/// partial sum: each of the two orders of summation is off by at most this.
fn rounding(terms: usize) -> f64 {
    terms as f64 * f64::from(f32::EPSILON)
}

/// The largest difference of two learners' parameters, and the largest parameter.
fn difference(one: &MlpLearner, other: &MlpLearner) -> (f64, f64) {
    let floats = |learner| bits(learner).into_iter().map(f32::from_bits).map(f64::from);
    floats(one)
        .zip(floats(other))
        .fold((0.0, 0.0), |(difference, size): (f64, f64), (a, b)| {
            (difference.max((a - b).abs()), size.max(a.abs()))
        })
}

/// The values of a metric for each batch of an epoch.
fn logged(folder: &Path, epoch: usize, metric: &str) -> Vec<f64> {
    let folder = folder.join("train").join(format!("epoch-{epoch}"));
    let text = std::fs::read_to_string(folder.join(format!("{metric}.log"))).unwrap();
    text.lines()
        .filter(|line| !line.ends_with("final"))
        .map(|line| line.split(',').next().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn the_first_step_is_that_of_the_large_batch() {
    for (devices, accumulation, batch_size) in SPREADS {
        let step_size = devices * accumulation * batch_size;
        let gradient_step = |batches: Vec<RobustBatch<2>>| {
            let model = Mlp::new(1, &training_device());
            let learner = RobustLearner::new(model, objective());
            let mut learner: Learner<MlpLearner> = learner.learner(SgdConfig::new().init(), RATE);
            let mut sum = burn::optim::GradientsAccumulator::new();
            for batch in batches {
                // A step in which ε grows, and with it all parts of the loss.
                let batch = RobustBatch { step: 10, ..batch };
                sum.accumulate(&learner.model(), learner.train_step(batch).grads);
            }
            learner.lr_step();
            learner.optimizer_step(sum.grads());
            learner.model()
        };
        let of_step = |parallel: &DataParallel, batch_size, step| {
            let loader = parallel.deal(train_loader(batch_size));
            let batches = loader.with_device(&training_device()).epoch(0);
            let of_step = batches
                .map(Result::unwrap)
                .filter(|batch| batch.step == step);
            of_step.collect::<Vec<_>>()
        };
        let one = DataParallel::new([test_device()]);
        let several =
            DataParallel::new(vec![test_device(); devices]).with_accumulation(accumulation);
        // The first step, and the last one of the epoch, which is shorter.
        let last = train_loader(step_size).steps_per_epoch() - 1;
        for step in [0, last] {
            let whole = of_step(&one, step_size, step);
            let parts = of_step(&several, batch_size, step);
            assert_eq!(whole.len(), 1);
            assert!(parts.len() > 1);
            let start = RobustLearner::new(Mlp::new(1, &training_device()), objective());
            let (expected, found) = (gradient_step(whole), gradient_step(parts));
            let (moved, _) = difference(&start, &expected);
            let (off, size) = difference(&expected, &found);
            // The sums of a step's gradients over its samples; and the sum of parameter and step.
            let allowed = 2.0 * rounding(step_size) * moved + rounding(2) * size;
            assert!(
                off <= allowed && allowed < 1e-3 * moved,
                "{devices} × {accumulation} × {batch_size}, step {step}: off by {off:e} of \
                 {moved:e}, allowed {allowed:e}"
            );
        }
    }
}

#[test]
fn several_devices_train_as_one_with_large_batches() {
    for (count, accumulation, batch_size) in SPREADS {
        let step_size = count * accumulation * batch_size;
        let folder = tempfile::tempdir().unwrap();
        let one = DataParallel::new([test_device()]);
        let expected = train(&one, train_loader(step_size), EPOCHS, folder.path());
        let exchanges = if count == 1 {
            &EXCHANGES[..1]
        } else {
            &EXCHANGES
        };
        for &exchange in exchanges {
            let several = tempfile::tempdir().unwrap();
            let parallel = DataParallel::new(devices(count))
                .with_exchange(exchange)
                .with_accumulation(accumulation);
            let found = train(&parallel, train_loader(batch_size), EPOCHS, several.path());
            let name = format!("{count} × {accumulation} × {batch_size}, {exchange:?}");

            let (off, size) = difference(&expected, &found);
            eprintln!("{name}: parameters off by {off:e} of {size:e}");
            assert!(off <= ALLOWED * size, "{name}: off by {off:e} of {size:e}");
            // A sample in 600 may be on the other side of its boundary.
            let ((clean, verified), (clean_found, verified_found)) =
                (errors(&expected), errors(&found));
            assert!((clean - clean_found).abs() < 0.2, "{name}: {clean_found} %");
            assert!(
                (verified - verified_found).abs() < 0.2,
                "{name}: {verified_found} % instead of {verified} %"
            );

            for epoch in 1..=EPOCHS {
                let steps = |folder: &Path| {
                    let mut values = logged(folder, epoch, "Epsilon");
                    values.dedup();
                    values
                };
                let batches = logged(several.path(), epoch, "Epsilon").len();
                assert!(batches > logged(folder.path(), epoch, "Epsilon").len());
                assert_eq!(steps(several.path()), steps(folder.path()), "{name}: ε");
            }
        }
    }
}

#[test]
fn a_batch_shared_by_devices_is_the_same_training() {
    let folder = tempfile::tempdir().unwrap();
    let one = DataParallel::new([test_device()]);
    let expected = train(&one, train_loader(32), EPOCHS, folder.path());
    // 32 samples are 16 and 16, or 10, 10 and 12.
    for count in [2, 3] {
        for exchange in EXCHANGES {
            let folder = tempfile::tempdir().unwrap();
            let parallel = DataParallel::new(devices(count)).with_exchange(exchange);
            let shared = train_loader(32).with_shared_batches();
            let found = train(&parallel, shared, EPOCHS, folder.path());
            let (off, size) = difference(&expected, &found);
            assert!(
                off <= ALLOWED * size,
                "{count}, {exchange:?}: off by {off:e} of {size:e}"
            );
        }
    }
}

#[test]
fn the_fused_loss_is_shared_like_the_margins_loss() {
    let run = |count, loss| {
        let folder = tempfile::tempdir().unwrap();
        let parallel = DataParallel::new(devices(count));
        let train = parallel.deal(train_loader(32).with_shared_batches());
        let training = parallel.set_up(crate::run::training(folder.path(), train));
        let objective = objective().with_loss(loss);
        let learner = RobustLearner::new(Mlp::new(1, &training_device()), objective);
        let learner = learner.learner(SgdConfig::new().init(), RATE);
        let result = training.num_epochs(EPOCHS).launch(learner);
        assert!(result.error.is_none(), "{:?}", result.error);
        result.model
    };
    let one = run(1, RobustLoss::Fused);
    let (off, size) = difference(&one, &run(2, RobustLoss::Fused));
    assert!(off <= ALLOWED * size, "off by {off:e} of {size:e}");
    let (off, size) = difference(&one, &run(1, RobustLoss::Margins));
    assert!(off > 1e3 * ALLOWED * size, "off by {off:e} of {size:e}");
}

#[test]
fn without_clean_outputs_several_devices_train_the_same() {
    for exchange in EXCHANGES {
        let [with, without] = [true, false].map(|clean| {
            let folder = tempfile::tempdir().unwrap();
            let parallel = DataParallel::new(devices(2)).with_exchange(exchange);
            let objective = objective().with_clean_outputs(clean);
            let train = parallel.deal(train_loader(16));
            let training =
                SupervisedTraining::new(folder.path(), Arc::new(train), Arc::new(loader(2)))
                    .metrics(RobustMetrics::new(&objective))
                    .renderer(Box::new(Quiet))
                    .with_application_logger(None);
            let learner = RobustLearner::new(Mlp::new(1, &training_device()), objective);
            let learner = learner.learner(SgdConfig::new().init(), RATE);
            let result = parallel.set_up(training).num_epochs(2).launch(learner);
            assert!(result.error.is_none(), "{:?}", result.error);
            // Only validation has the metrics that read the outputs.
            for metric in ["Clean Error", "Natural Loss"] {
                let log = |split: &str| {
                    let folder = folder.path().join(split).join("epoch-2");
                    folder
                        .join(format!("{}.log", metric.replace(' ', "_")))
                        .exists()
                };
                assert_eq!([log("train"), log("valid")], [clean, true], "{metric}");
            }
            bits(&result.model)
        });
        assert_eq!(with, without, "{exchange:?}");
    }
}

#[test]
fn a_factor_in_the_gradients_would_show() {
    let folder = tempfile::tempdir().unwrap();
    let one = DataParallel::new([test_device()]);
    let expected = train(&one, train_loader(32), EPOCHS, folder.path());
    // As if the gradients of two devices were summed without their shares.
    let twice = {
        let learner = RobustLearner::new(Mlp::new(1, &training_device()), objective());
        let training = crate::run::training(folder.path(), train_loader(32)).num_epochs(EPOCHS);
        training
            .launch(learner.learner(SgdConfig::new().init(), 2.0 * RATE))
            .model
    };
    let (off, size) = difference(&expected, &twice);
    assert!(off > 1e3 * ALLOWED * size, "off by {off:e} of {size:e}");
}

#[test]
fn a_run_on_several_devices_is_a_function_of_its_seeds() {
    for exchange in EXCHANGES {
        let run = || {
            let folder = tempfile::tempdir().unwrap();
            let parallel = DataParallel::new(devices(2)).with_exchange(exchange);
            bits(&train(&parallel, train_loader(16), 2, folder.path()))
        };
        assert_eq!(run(), run(), "{exchange:?}");
    }
}
