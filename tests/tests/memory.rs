//! Memory in long runs: that of the process itself, so that no other test shares it.
#![allow(clippy::unwrap_used)]

mod plane;

use std::sync::{Mutex, PoisonError};

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::SgdConfig;
use burn::tensor::activation::relu;
use burn::tensor::{Int, Tensor};
use burn::train::TrainStep;
use burn_crown::train::RobustLearner;
use burn_crown::{BoundConfig, Bounded, Method, Perturbation, Specification, Verifier};
use burn_crown_tests::test_device;
use plane::{Mlp, STEPS_PER_EPOCH, batch, objective, training_device};
use sysinfo::{ProcessesToUpdate, System};

/// Each of the tests has the process to itself.
static ALONE: Mutex<()> = Mutex::new(());

const MEBIBYTE: u64 = 1 << 20;

/// The process's resident memory, in bytes.
fn resident() -> u64 {
    let process = sysinfo::get_current_pid().unwrap();
    let mut system = System::new();
    system.refresh_processes(ProcessesToUpdate::Some(&[process]), false);
    system.process(process).unwrap().memory()
}

#[test]
fn two_thousand_training_steps_take_no_more_memory_than_the_first() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = training_device();
    let learner = RobustLearner::<_, 2>::new(Mlp::new(1, &device), objective());
    let mut learner = learner.learner(SgdConfig::new().init(), 1e-3);
    let mut train = |steps: std::ops::Range<usize>| {
        for step in steps {
            // On the ramp, where all terms of the loss have a share.
            let batch = batch(1, 32, STEPS_PER_EPOCH + step % STEPS_PER_EPOCH, &device);
            let output = TrainStep::step(&learner.model(), batch);
            learner.optimizer_step(output.grads);
        }
    };
    train(0..300);
    let before = resident();
    train(300..2300);
    let after = resident();
    let grown = after.saturating_sub(before);
    // A step's tape has about a megabyte, its graph some kilobytes.
    assert!(
        grown < 4 * MEBIBYTE,
        "from {before} to {after} bytes, {grown} more"
    );
}

/// A network with a constant for each image, which its graphs hold.
#[derive(Module, Bounded, Debug)]
struct Shifted {
    input: Linear,
    output: Linear,
}

/// Four kilobytes for each image.
const WIDTH: usize = 1024;

impl Shifted {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let [batch, _] = x.dims();
        let shift = Tensor::<1, Int>::arange(0..(batch * WIDTH) as i64, &x.device())
            .float()
            .reshape([batch, WIDTH])
            .sin();
        self.output.forward(relu(self.input.forward(x) + shift))
    }
}

#[test]
fn two_hundred_evaluations_of_changing_batches_take_no_more_memory_than_the_first() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = test_device();
    let model = Shifted {
        input: LinearConfig::new(4, WIDTH).init(&device),
        output: LinearConfig::new(WIDTH, 3).init(&device),
    };
    let verifier = Verifier::new(model).with_config(BoundConfig::new(Method::CrownIbp));
    let evaluate = |images: usize| {
        let x = Tensor::<2>::full([images, 4], 0.5, &device);
        let bounds = verifier.bounds(x, &Perturbation::linf(0.1), &Specification::Outputs);
        assert_eq!(bounds.unwrap().lower.dims(), [images, 3]);
    };
    // Batches of 439 down to 200 images, each size once. The first are more than the cache keeps,
    // and the largest: what the allocator holds for them serves the others.
    let evaluate_all = |sizes: std::ops::Range<usize>| sizes.rev().for_each(evaluate);
    evaluate_all(400..440);
    let before = resident();
    evaluate_all(200..400);
    let after = resident();
    let grown = after.saturating_sub(before);
    // The 200 constants have 240 megabytes together.
    assert!(
        grown < 25 * MEBIBYTE,
        "from {before} to {after} bytes, {grown} more"
    );
}
