//! A small problem in the plane: three classes of points, a model for them, and an objective.

// Each test file uses a part of this.
#![allow(dead_code)]

use std::sync::Arc;

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::InMemDataset;
use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::Linear;
use burn::tensor::activation::relu;
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use burn::train::InferenceStep;
use burn_crown::train::{
    EpsilonSchedule, RampShape, RobustBatch, RobustDataLoader, RobustLearner, RobustObjective,
    classified,
};
use burn_crown::{Bounded, Perturbation};
use burn_crown_tests::test_device;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The target radius; the classes are 0.3 apart.
pub(crate) const EPSILON: f64 = 0.12;
pub(crate) const POINTS: usize = 480;
pub(crate) const BATCH: usize = 32;
pub(crate) const STEPS_PER_EPOCH: usize = POINTS / BATCH;

pub(crate) type Point = ([f32; 2], i64);

/// Points of three classes in the unit square, each class in a square of its own.
pub(crate) fn points(seed: u64, count: usize) -> Vec<Point> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count)
        .map(|index| {
            let label = index % 3;
            let centre = [[0.2, 0.25], [0.8, 0.25], [0.5, 0.75]][label];
            (
                centre.map(|c: f32| c + rng.random_range(-0.1..0.1)),
                label as i64,
            )
        })
        .collect()
}

#[derive(Clone)]
pub(crate) struct PointBatcher;

impl Batcher<Point, (Tensor<2>, Tensor<1, Int>)> for PointBatcher {
    fn batch(&self, items: Vec<Point>, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
        let count = items.len();
        let (points, labels): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        (
            Tensor::from_data(TensorData::new(points.concat(), [count, 2]), device),
            Tensor::from_data(TensorData::new(labels, [count]), device),
        )
    }
}

/// A multi-layer perceptron whose first weights are a function of the seed alone: Burn's own
/// random numbers are shared by all tests of a process.
#[derive(Module, Bounded, Debug)]
pub(crate) struct Mlp {
    pub(crate) hidden: Linear,
    pub(crate) output: Linear,
}

impl Mlp {
    pub(crate) fn new(seed: u64, device: &Device) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut linear = |inputs: usize, outputs: usize| {
            let limit = (inputs as f32).recip().sqrt();
            let mut values = |count| -> Vec<f32> {
                (0..count)
                    .map(|_| rng.random_range(-limit..limit))
                    .collect()
            };
            let weight = TensorData::new(values(inputs * outputs), [inputs, outputs]);
            let bias = TensorData::new(values(outputs), [outputs]);
            Linear {
                weight: Param::from_data(weight, device),
                bias: Some(Param::from_data(bias, device)),
            }
        };
        Self {
            hidden: linear(2, 24),
            output: linear(24, 3),
        }
    }

    pub(crate) fn forward(&self, points: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(points)))
    }
}

pub(crate) fn training_device() -> Device {
    test_device().autodiff()
}

pub(crate) fn loader(seed: u64) -> RobustDataLoader<Point, 2> {
    let dataset = Arc::new(InMemDataset::new(points(seed, POINTS)));
    RobustDataLoader::new(dataset, PointBatcher, BATCH).unwrap()
}

pub(crate) fn batch(seed: u64, count: usize, step: usize, device: &Device) -> RobustBatch<2> {
    let (images, labels) = PointBatcher.batch(points(seed, count), device);
    RobustBatch::new(images, labels, step)
}

/// ε grows over the first three epochs.
pub(crate) fn objective() -> RobustObjective {
    let schedule = EpsilonSchedule::new(EPSILON)
        .with_shape(RampShape::Smoothed)
        .with_start_step(STEPS_PER_EPOCH / 2)
        .with_end_step(3 * STEPS_PER_EPOCH);
    RobustObjective::new(Perturbation::linf(EPSILON).with_range(0.0, 1.0), schedule)
}

pub(crate) type MlpLearner = RobustLearner<Mlp, 2>;

/// The error in percent of samples of another seed: clean, and verified by the objective's
/// evaluation.
pub(crate) fn errors(learner: &MlpLearner) -> (f64, f64) {
    let output = InferenceStep::step(learner, batch(9, 600, 0, &test_device()));
    let right = classified(output.logits.unwrap(), output.labels);
    let percent = |good: Tensor<1, Bool>| 100.0 - 100.0 * good.float().mean().into_scalar::<f64>();
    (percent(right), percent(output.verified))
}

/// The bits of all parameters.
pub(crate) fn bits(learner: &MlpLearner) -> Vec<u32> {
    struct Bits(Vec<u32>);
    impl ModuleVisitor for Bits {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0
                .extend(param.val().into_data().iter::<f32>().map(f32::to_bits));
        }
    }
    let mut visitor = Bits(Vec::new());
    learner.visit(&mut visitor);
    visitor.0
}
