//! What cannot be trained on several devices.

use std::sync::Arc;

use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::optim::SgdConfig;
use burn::tensor::activation::relu;
use burn::tensor::distributed::{DistributedConfig, ReduceOperation};
use burn::tensor::{Device, Tensor};
use burn::train::{ExecutionStrategy, SupervisedTraining};
use burn_crown::Bounded;
use burn_crown::train::{DataParallel, LearnerError, RobustLearner, RobustMetrics};

use crate::plane::{Mlp, batch, loader, training_device};
use crate::run::{EXCHANGES, devices, launch, objective, train_loader, training};
use crown_ibp::quiet::Quiet;

#[test]
fn a_loader_that_was_told_of_no_devices_is_refused() {
    for exchange in EXCHANGES {
        let folder = tempfile::tempdir().unwrap();
        let parallel = DataParallel::new(devices(2)).with_exchange(exchange);
        let result = launch(parallel.set_up(training(folder.path(), train_loader(16))));
        let message = result.error.expect("the loader's error").to_string();
        assert!(message.contains("with_devices"), "{message}");
    }
}

#[test]
fn a_loader_of_other_devices_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dealt = DataParallel::new(devices(3)).deal(train_loader(16));
    let result = launch(DataParallel::new(devices(2)).set_up(training(folder.path(), dealt)));
    let message = result.error.expect("the loader's error").to_string();
    assert!(message.contains("3 devices"), "{message}");
}

/// A network with batch normalisation.
#[derive(Module, Bounded, Debug)]
struct Normalised {
    hidden: Linear,
    norm: BatchNorm,
    output: Linear,
}

impl Normalised {
    fn new(device: &Device) -> Self {
        let Mlp { hidden, output } = Mlp::new(1, device);
        Self {
            hidden,
            norm: BatchNormConfig::new(24).init(device),
            output,
        }
    }

    fn forward(&self, points: Tensor<2>) -> Tensor<2> {
        let hidden = self.norm.forward::<2>(self.hidden.forward(points));
        self.output.forward(relu(hidden))
    }
}

#[test]
fn batch_normalisation_is_refused_on_several_devices() {
    let device = training_device();
    let learner = RobustLearner::<_, 2>::new(Normalised::new(&device), objective());
    let batch = batch(1, 16, 0, &device);
    learner.check(&batch).unwrap();
    let error = learner.check(&batch.clone().with_devices(2)).unwrap_err();
    assert!(
        matches!(&error, LearnerError::RunningStatistics { path } if path == "norm"),
        "{error}"
    );
    let plain = RobustLearner::<_, 2>::new(Mlp::new(1, &device), objective());
    plain.check(&batch.with_devices(2)).unwrap();

    let run = |parallel: DataParallel| {
        let folder = tempfile::tempdir().unwrap();
        let train = Arc::new(parallel.deal(train_loader(16)));
        let training = SupervisedTraining::new(folder.path(), train, Arc::new(loader(2)))
            .metrics(RobustMetrics::new(&objective()))
            .renderer(Box::new(Quiet))
            .with_application_logger(None)
            .num_epochs(1);
        let learner = RobustLearner::new(Normalised::new(&device), objective());
        let learner = learner.learner(SgdConfig::new().init(), 0.1);
        parallel.set_up(training).launch(learner).error
    };
    for exchange in EXCHANGES {
        let parallel = DataParallel::new(devices(2)).with_exchange(exchange);
        let message = run(parallel).expect("the learner's error").to_string();
        assert!(
            message.contains("`norm` is batch normalisation"),
            "{message}"
        );
    }
    let accumulated = DataParallel::new(devices(1)).with_accumulation(2);
    assert!(run(accumulated).is_none());
}

#[test]
fn burns_own_ddp_needs_collective_operations() {
    // The reason for `GradientExchange::AllReduce`, on both backends that the tests run on.
    let strategy = std::panic::catch_unwind(|| {
        let config = DistributedConfig {
            all_reduce_op: ReduceOperation::Sum,
        };
        ExecutionStrategy::ddp(devices(2), config);
    });
    assert!(strategy.is_err());
}
