//! Seconds per training step: forward, backward and optimizer, batch 256.
//!
//! `cargo bench -p burn-crown`, and with `--features tch` also on libtorch. Pin the threads for
//! figures that can be compared: `OMP_NUM_THREADS=1 RAYON_NUM_THREADS=1`.
#![allow(missing_docs)]

use burn::optim::AdamConfig;
use burn::tensor::{Device, Distribution, Int, Tensor};
use burn::train::Learner;
use burn_crown::train::{
    EpsilonSchedule, RobustBatch, RobustLearner, RobustObjective, TrainingMethod,
};
use burn_crown::{BoundConfig, Method, Perturbation};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use crown_ibp::models::{Cnn2LayerConfig, Cnn4LayerConfig, Model, ModelConfig};

const BATCH: usize = 256;
/// A step in the middle of the ramp, where IBP and CROWN-IBP are mixed.
const STEP: usize = 50;

fn devices() -> Vec<(&'static str, Device)> {
    vec![
        ("flex", Device::flex()),
        #[cfg(feature = "tch")]
        ("libtorch", Device::libtorch()),
    ]
}

fn models() -> [(&'static str, ModelConfig); 2] {
    [
        (
            "cnn_2layer_width_1",
            ModelConfig::Cnn2Layer(Cnn2LayerConfig::new(1, 28, 1)),
        ),
        (
            "cnn_4layer_linear_256_width_2",
            ModelConfig::Cnn4Layer(Cnn4LayerConfig::new(1, 28, 2).with_linear_size(256)),
        ),
    ]
}

fn objectives() -> [(&'static str, RobustObjective); 3] {
    let schedule = EpsilonSchedule::new(0.3)
        .with_start_step(0)
        .with_end_step(2 * STEP);
    let perturbation = Perturbation::linf(0.3).with_range(0.0, 1.0);
    let objective = RobustObjective::new(perturbation, schedule);
    [
        (
            "natural",
            objective.clone().with_method(TrainingMethod::Natural),
        ),
        (
            "interval",
            objective
                .clone()
                .with_bound(BoundConfig::new(Method::Interval)),
        ),
        (
            "crown-ibp",
            objective.with_bound(BoundConfig::new(Method::CrownIbp)),
        ),
    ]
}

fn training_step(criterion: &mut Criterion) {
    for (device_name, device) in devices() {
        let device = device.autodiff();
        for (model_name, config) in models() {
            let mut group = criterion.benchmark_group(format!("{device_name}/{model_name}"));
            group.sample_size(10);
            for (method, objective) in objectives() {
                device.seed(1);
                let mut learner = learner(config.init(&device), objective);
                let images =
                    Tensor::random([BATCH, 1, 28, 28], Distribution::Uniform(0.0, 1.0), &device);
                let labels =
                    Tensor::<1, Int>::arange(0..BATCH as i64, &device).remainder_scalar(10);
                group.bench_function(method, |bencher| {
                    bencher.iter_batched(
                        || RobustBatch {
                            images: images.clone(),
                            labels: labels.clone(),
                            step: STEP,
                        },
                        |batch| step(&mut learner, batch, &device),
                        BatchSize::PerIteration,
                    );
                });
            }
            group.finish();
        }
    }
}

fn learner(model: Model, objective: RobustObjective) -> Learner<RobustLearner<Model, 4>> {
    RobustLearner::new(model, objective).learner(AdamConfig::new().init(), 5e-4)
}

fn step(learner: &mut Learner<RobustLearner<Model, 4>>, batch: RobustBatch<4>, device: &Device) {
    let output = learner.train_step(batch);
    learner.lr_step();
    learner.optimizer_step(output.grads);
    device.sync().expect("the device has done its work");
}

criterion_group!(benches, training_step);
criterion_main!(benches);
