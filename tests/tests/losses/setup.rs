//! A small network, a batch for it, and the training steps of an objective.

use burn::module::Param;
use burn::nn::Linear;
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burn::train::{TrainOutput, TrainStep};
use burn_crown::train::{
    EpsilonSchedule, RobustBatch, RobustLearner, RobustObjective, RobustOutput,
};
use burn_crown::{Analysis, BoundConfig, GraphCache, Method, Perturbation};
use burn_crown_tests::parameters::{Values, map_parameters, read_parameters, to_vec};
use burn_crown_tests::test_device;

use crate::plane::{Mlp, points, training_device};

pub(crate) const EPSILON: f64 = 0.1;
/// The step at which ε is half of the target, so that β is 0.5 and κ between its ends.
pub(crate) const HALF_WAY: usize = 5;
pub(crate) const SAMPLES: usize = 12;

pub(crate) fn objective() -> RobustObjective {
    let schedule = EpsilonSchedule::new(2.0 * EPSILON).with_end_step(2 * HALF_WAY);
    RobustObjective::new(Perturbation::linf(0.0).with_range(0.0, 1.0), schedule)
}

pub(crate) fn in_f64(model: Mlp) -> Mlp {
    map_parameters(model, DType::F64, |_, _, _| ())
}

pub(crate) fn learner(objective: &RobustObjective) -> RobustLearner<Mlp, 2> {
    let model = in_f64(Mlp::new(1, &training_device()));
    RobustLearner::new(model, objective.clone())
}

pub(crate) fn batch_at(step: usize, device: &Device) -> RobustBatch<2> {
    let (images, labels): (Vec<[f32; 2]>, Vec<i64>) = points(3, SAMPLES).into_iter().unzip();
    let images = TensorData::new(images.concat(), [SAMPLES, 2]).convert_dtype(DType::F64);
    let labels = TensorData::new(labels, [SAMPLES]);
    RobustBatch::new(
        Tensor::from_data(images, (device, DType::F64)),
        Tensor::from_data(labels, device),
        step,
    )
}

pub(crate) fn step(objective: &RobustObjective, step: usize) -> TrainOutput<RobustOutput> {
    TrainStep::step(&learner(objective), batch_at(step, &training_device()))
}

pub(crate) fn losses(objective: &RobustObjective, at: usize) -> Vec<f64> {
    to_vec(step(objective, at).item.loss)
}

/// The network of the steps and the region of half way, ready to be bounded.
pub(crate) fn analysis() -> (Analysis, Tensor<2>, Tensor<1, Int>) {
    let device = test_device();
    let model = in_f64(Mlp::new(1, &device));
    let RobustBatch { images, labels, .. } = batch_at(0, &device);
    let perturbation = Perturbation::linf(EPSILON).with_range(0.0, 1.0);
    let logits = model.forward(images.clone());
    let analysis = GraphCache::new()
        .analyse(&model, images, &perturbation)
        .unwrap();
    (analysis, logits, labels)
}

pub(crate) fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let allowed = 1e-12 * expected.abs().max(1.0);
        assert!(
            (found - expected).abs() <= allowed,
            "{what}: {found} for {expected}"
        );
    }
}

/// The gradients or the values of all parameters, by name; a gradient that is not there is zero.
pub(crate) fn collect(model: &Mlp, gradients: Option<&GradientsParams>) -> Vec<(String, Vec<f64>)> {
    let mut found = read_parameters(model, &Values);
    if let Some(gradients) = gradients {
        let known = read_parameters(model, gradients);
        for (name, values) in &mut found {
            let gradient = known.iter().find(|(of, _)| of == name);
            *values = gradient.map_or_else(|| vec![0.0; values.len()], |(_, found)| found.clone());
        }
    }
    found
}

/// The gradient of a step by parameter, which is that of central differences of its mean loss.
pub(crate) fn checked_gradients(objective: &RobustObjective) -> Vec<(String, Vec<f64>)> {
    const STEP: f64 = 1e-5;
    let learner = learner(objective);
    let batch = batch_at(HALF_WAY, &training_device());
    let output = TrainStep::step(&learner, batch.clone());
    let gradients = collect(learner.model(), Some(&output.grads));
    let scale = gradients
        .iter()
        .flat_map(|(_, values)| values)
        .fold(0.0_f64, |scale, value| scale.max(value.abs()));
    assert!(scale > 1e-3, "a gradient of zero shows nothing");
    for (name, gradient) in &gradients {
        for (element, gradient) in gradient.iter().enumerate() {
            let at = |step: f64| -> f64 {
                let model =
                    map_parameters(learner.model().clone(), DType::F64, |path, _, values| {
                        if path == name {
                            values[element] += step;
                        }
                    });
                let moved = RobustLearner::new(model, objective.clone());
                TrainStep::step(&moved, batch.clone())
                    .item
                    .loss
                    .mean()
                    .into_scalar()
            };
            let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            let off = (gradient - difference).abs() / scale;
            assert!(
                off <= 1e-7,
                "{name}[{element}]: gradient {gradient}, difference {difference}, {objective:?}"
            );
        }
    }
    gradients
}

pub(crate) fn bounds(method: Method) -> BoundConfig {
    BoundConfig::new(method)
}

/// One hidden neuron, `relu(w · x + b)`, and two outputs: itself and its negative.
pub(crate) fn neuron(weight: [f64; 2], bias: f64) -> Mlp {
    let device = training_device();
    let linear = |weight: Vec<f64>, shape: [usize; 2], bias: Vec<f64>| Linear {
        weight: Param::from_tensor(Tensor::from_data(
            TensorData::new(weight, shape),
            (&device, DType::F64),
        )),
        bias: Some(Param::from_tensor(Tensor::from_data(
            TensorData::new(bias.clone(), [bias.len()]),
            (&device, DType::F64),
        ))),
    };
    Mlp {
        hidden: linear(weight.to_vec(), [2, 1], vec![bias]),
        output: linear(vec![1.0, -1.0], [1, 2], vec![0.0, 0.0]),
    }
}
