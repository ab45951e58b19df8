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
use crown_ibp::models::{Cnn2LayerConfig, Cnn4LayerConfig, Model, ModelConfig};

const BATCH: usize = 256;
/// A step in the middle of the ramp, where IBP and CROWN-IBP are mixed.
const STEP: usize = 50;

const DEVICES: &[&str] = &[
    "flex",
    #[cfg(feature = "tch")]
    "libtorch",
];

fn main() {
    divan::main();
}

#[divan::bench(args = DEVICES)]
fn natural_cnn_2layer_width_1(bencher: divan::Bencher, device: &str) {
    training_step(bencher, device, two_layers(), natural());
}

#[divan::bench(args = DEVICES)]
fn interval_cnn_2layer_width_1(bencher: divan::Bencher, device: &str) {
    training_step(bencher, device, two_layers(), bound_by(Method::Interval));
}

#[divan::bench(args = DEVICES)]
fn crown_ibp_cnn_2layer_width_1(bencher: divan::Bencher, device: &str) {
    training_step(bencher, device, two_layers(), bound_by(Method::CrownIbp));
}

#[divan::bench(args = DEVICES)]
fn natural_cnn_4layer_linear_256_width_2(bencher: divan::Bencher, device: &str) {
    training_step(bencher, device, four_layers(), natural());
}

#[divan::bench(args = DEVICES)]
fn interval_cnn_4layer_linear_256_width_2(bencher: divan::Bencher, device: &str) {
    training_step(bencher, device, four_layers(), bound_by(Method::Interval));
}

#[divan::bench(args = DEVICES, sample_count = 5)]
fn crown_ibp_cnn_4layer_linear_256_width_2(bencher: divan::Bencher, device: &str) {
    training_step(bencher, device, four_layers(), bound_by(Method::CrownIbp));
}

fn device_of(name: &str) -> Device {
    match name {
        #[cfg(feature = "tch")]
        #[expect(
            deprecated,
            reason = "Burn deprecates its libtorch backend, but still has it"
        )]
        "libtorch" => Device::libtorch(),
        _ => Device::flex(),
    }
}

fn two_layers() -> ModelConfig {
    ModelConfig::Cnn2Layer(Cnn2LayerConfig::new(1, 28, 1))
}

fn four_layers() -> ModelConfig {
    ModelConfig::Cnn4Layer(Cnn4LayerConfig::new(1, 28, 2, 256))
}

fn objective() -> RobustObjective {
    let schedule = EpsilonSchedule::new(0.3).with_end_step(2 * STEP);
    RobustObjective::new(Perturbation::linf(0.3).with_range(0.0, 1.0), schedule)
}

fn natural() -> RobustObjective {
    objective().with_method(TrainingMethod::Natural)
}

fn bound_by(method: Method) -> RobustObjective {
    objective().with_bound(BoundConfig::new(method))
}

fn training_step(
    bencher: divan::Bencher,
    device: &str,
    config: ModelConfig,
    objective: RobustObjective,
) {
    let device = device_of(device).autodiff();
    device.seed(1);
    let model: Model = config.init(&device);
    let mut learner: Learner<RobustLearner<Model, 4>> =
        RobustLearner::new(model, objective).learner(AdamConfig::new().init(), 5e-4);
    let images = Tensor::random([BATCH, 1, 28, 28], Distribution::Uniform(0.0, 1.0), &device);
    let labels = Tensor::<1, Int>::arange(0..BATCH as i64, &device).remainder_scalar(10);
    bencher
        .with_inputs(|| RobustBatch::new(images.clone(), labels.clone(), STEP))
        .bench_local_values(|batch| {
            let output = learner.train_step(batch);
            learner.lr_step();
            learner.optimizer_step(output.grads);
            device.sync().expect("the device has done its work");
        });
}
