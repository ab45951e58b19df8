//! The running statistics in steps of a learner.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use burn::train::{InferenceStep, TrainStep};
use burn_crown::train::{
    EpsilonSchedule, RobustBatch, RobustLearner, RobustObjective, TrainingMethod,
};
use burn_crown::{BoundConfig, Bounded, Method, Perturbation, Statistics};
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::test_device;

use crate::setup::{distance, running_statistics};

/// A small convolutional network with batch normalisation behind each layer.
#[derive(Module, Bounded, Debug)]
pub(crate) struct ConvNet {
    conv: Conv2d,
    conv_norm: BatchNorm,
    hidden: Linear,
    hidden_norm: BatchNorm,
    output: Linear,
}

impl ConvNet {
    pub(crate) fn new(device: &Device) -> Self {
        let net = Self {
            conv: Conv2dConfig::new([1, 4], [3, 3])
                .with_stride([2, 2])
                .init(device),
            conv_norm: BatchNormConfig::new(4).init(device),
            hidden: LinearConfig::new(36, 16).init(device),
            hidden_norm: BatchNormConfig::new(16).init(device),
            output: LinearConfig::new(16, 2).init(device),
        };
        // Weights by rule: Burn's own random numbers are shared by all tests of a process.
        let mut at = 0;
        map_parameters(net, burn::tensor::DType::F32, |path, shape, values| {
            let fan_in: usize = if shape.len() == 2 { shape[0] } else { 9 };
            let drawn = path.ends_with("weight") || path.ends_with("bias");
            for value in values {
                at += 1;
                if drawn {
                    *value = (f64::from(at) * 2.3).sin() * (2.0 / fan_in as f64).sqrt();
                }
            }
        })
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.conv_norm.forward(self.conv.forward(images)));
        let x = self.hidden.forward(x.flatten::<2>(1, 3));
        self.output.forward(relu(self.hidden_norm.forward(x)))
    }
}

/// Images of horizontal and of vertical stripes.
pub(crate) fn stripes(count: usize, step: usize, device: &Device) -> RobustBatch<4> {
    let mut pixels = Vec::new();
    let labels: Vec<i64> = (0..count as i64).map(|index| index % 2).collect();
    for index in 0..count {
        let (shift, bright) = (index / 2 % 2, 0.6 + 0.4 * (index as f64 * 1.7).sin().abs());
        for (row, column) in (0..64).map(|pixel| (pixel / 8, pixel % 8)) {
            let across = if index % 2 == 0 { row } else { column };
            pixels.push(bright * ((across + shift) / 2 % 2) as f64);
        }
    }
    let images = Tensor::from_data(TensorData::new(pixels, [count, 1, 8, 8]), device);
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [count]), device);
    RobustBatch::new(images, labels, step)
}

pub(crate) const EPSILON: f64 = 0.05;

/// ε is at its target from step 10 on, and 0 at step 0.
pub(crate) fn objective() -> RobustObjective {
    let schedule = EpsilonSchedule::new(EPSILON)
        .with_start_step(1)
        .with_end_step(10);
    RobustObjective::new(Perturbation::linf(EPSILON).with_range(0.0, 1.0), schedule)
}

#[test]
fn a_training_step_updates_them_once() {
    let device = test_device().autodiff();
    let natural = ConvNet::new(&device);
    let before = running_statistics(&natural);
    natural.forward(stripes(8, 0, &device).images);
    let once = running_statistics(&natural);
    assert_ne!(once, before);
    let crown = || objective().with_bound(BoundConfig::new(Method::Crown));
    for (what, objective) in [
        ("κ = 0", objective()),
        ("CROWN", crown()),
        // These statistics ask for the pass.
        (
            "without clean outputs",
            objective().with_clean_outputs(false),
        ),
        (
            "κ = 0.5",
            objective()
                .with_method(TrainingMethod::RobustNatural)
                .with_final_kappa(0.5),
        ),
        ("natural", objective().with_method(TrainingMethod::Natural)),
        (
            "natural with bounds",
            objective()
                .with_method(TrainingMethod::Natural)
                .with_reported_bounds(true),
        ),
    ] {
        for (step, statistics) in [
            (0, Statistics::Batch),
            (20, Statistics::Batch),
            (20, Statistics::Running),
        ] {
            let learner = RobustLearner::new(ConvNet::new(&device), objective.clone())
                .with_statistics(statistics);
            let batch = stripes(8, step, &device);
            learner.check(&batch).unwrap();
            assert_eq!(
                running_statistics(&learner),
                before,
                "{what}: a check changed them"
            );
            let output = TrainStep::step(&learner, batch).item;
            assert!(output.logits.is_some(), "{what}");
            assert_eq!(
                running_statistics(&learner),
                once,
                "{what}, {step}, {statistics:?}"
            );
        }
    }
}

#[test]
fn validation_uses_them_and_leaves_them() {
    let device = test_device().autodiff();
    let learner = RobustLearner::new(ConvNet::new(&device), objective());
    TrainStep::step(&learner, stripes(8, 20, &device));
    let before = running_statistics(&learner);
    let valid = learner.valid();
    let batch = stripes(6, 0, &test_device());
    let output = InferenceStep::step(&valid, batch.clone());
    assert_eq!(running_statistics(&learner), before);
    assert_eq!(running_statistics(&valid), before);
    let logits = valid.model().forward(batch.images.clone());
    assert_eq!(to_vec(output.logits.unwrap()), to_vec(logits));
    // Each image alone has the loss that it has in the batch.
    let alone: Vec<f64> = (0..6)
        .flat_map(|index| {
            let one = RobustBatch::new(
                batch.images.clone().narrow(0, index, 1),
                batch.labels.clone().narrow(0, index, 1),
                0,
            );
            to_vec(InferenceStep::step(&valid, one).loss)
        })
        .collect();
    assert!(distance(&to_vec(output.loss), &alone) <= 1e-5);
}

#[test]
fn without_a_radius_the_robust_loss_is_the_natural_one_of_training() {
    let device = test_device().autodiff();
    let objective = RobustObjective::new(Perturbation::linf(0.0), EpsilonSchedule::new(1e-9));
    let losses = |statistics| {
        let learner = RobustLearner::new(ConvNet::new(&device), objective.clone())
            .with_statistics(statistics);
        let output = TrainStep::step(&learner, stripes(8, 5, &device)).item;
        assert_eq!(output.coefficients.kappa, 0.0);
        let natural = output.natural_loss().unwrap();
        distance(&to_vec(output.loss), &to_vec(natural))
    };
    assert!(losses(Statistics::Batch) <= 1e-5);
    assert!(losses(Statistics::Running) > 1e-2);
}
