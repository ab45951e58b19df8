//! Training steps against those of the CROWN-IBP reference program, and with loss fusion against
//! those of auto_LiRPA: ten Adam steps by each method, from the same weights on the same batch. Reads the folder that `BURN_CROWN_SHARED` names.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::Tensor;
use burn::train::TrainOutput;
use burn_crown::train::{
    Coefficients, EpsilonSchedule, RobustBatch, RobustLearner, RobustLoss, RobustObjective,
    RobustOutput, TrainingMethod,
};
use burn_crown::{BoundConfig, GraphCache, LowerSlope, Method, Perturbation, Specification};
use burn_crown_tests::tensors::TensorFile;
use burn_crown_tests::{shared_folder, test_device};
use crown_ibp::data::{DataSource, DatasetName, Split, load};
use crown_ibp::models::{Cnn2Layer, Cnn2LayerConfig, Model, ModelConfig};
use crown_ibp::weights::load_weights;
use serde_json::Value;

/// The largest difference of a loss, relative.
const LOSS_TOLERANCE: f64 = 1e-4;
/// The largest distance of a gradient, and of a trained parameter, relative to its norm.
const TENSOR_TOLERANCE: f64 = 1e-3;

/// The step at which this schedule stands at half of its target, as the reference did.
const HALF_WAY: usize = 1;

type ModelLearner = RobustLearner<Model, 4>;

fn objective(method: TrainingMethod, bound: BoundConfig, figures: &Value) -> RobustObjective {
    let target = figures["max_eps"].as_f64().unwrap();
    let schedule = EpsilonSchedule::new(target).with_end_step(2 * HALF_WAY);
    let objective = RobustObjective::new(Perturbation::linf(target).with_range(0.0, 1.0), schedule)
        .with_method(method)
        .with_bound(bound)
        .with_final_kappa(figures["final_kappa"].as_f64().unwrap());
    if method != TrainingMethod::Natural {
        let coefficients = objective.coefficients(HALF_WAY);
        assert_eq!(coefficients.epsilon, figures["eps"].as_f64().unwrap());
    }
    objective
}

fn initial_model(folder: &Path) -> Model {
    let config = ModelConfig::Cnn2Layer(Cnn2LayerConfig::new(1, 28, 1));
    let device = test_device().autodiff();
    load_weights(&config, &device, folder.join("init.safetensors")).unwrap()
}

fn layers(model: &Model) -> &Cnn2Layer {
    match model {
        Model::Cnn2Layer(model) => model,
        other => panic!("{other:?} is not the model that was built"),
    }
}

/// The values of each parameter in the reference's layout, beside the reference's key.
///
/// `pick` gives the tensor of a parameter: its gradient or its value.
fn in_reference_layout(model: &Cnn2Layer, pick: &impl Pick) -> Vec<(&'static str, Vec<f64>)> {
    let linear = |weight| pick.pick::<2>(weight).transpose();
    vec![
        ("0.weight", floats(pick.pick(&model.conv1.weight))),
        (
            "0.bias",
            floats(pick.pick(model.conv1.bias.as_ref().unwrap())),
        ),
        ("2.weight", floats(pick.pick(&model.conv2.weight))),
        (
            "2.bias",
            floats(pick.pick(model.conv2.bias.as_ref().unwrap())),
        ),
        ("5.weight", floats(linear(&model.fc1.weight))),
        (
            "5.bias",
            floats(pick.pick(model.fc1.bias.as_ref().unwrap())),
        ),
        ("7.weight", floats(linear(&model.fc2.weight))),
        (
            "7.bias",
            floats(pick.pick(model.fc2.bias.as_ref().unwrap())),
        ),
    ]
}

/// What is taken of a parameter.
trait Pick {
    fn pick<const D: usize>(&self, parameter: &Param<Tensor<D>>) -> Tensor<D>;
}

impl Pick for GradientsParams {
    fn pick<const D: usize>(&self, parameter: &Param<Tensor<D>>) -> Tensor<D> {
        self.get(parameter.id).unwrap()
    }
}

/// Takes the values of the parameters.
struct Values;

impl Pick for Values {
    fn pick<const D: usize>(&self, parameter: &Param<Tensor<D>>) -> Tensor<D> {
        parameter.val()
    }
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter().collect()
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

fn steps_equal_the_reference(mode: &str, method: TrainingMethod, bound: BoundConfig) {
    let loss = RobustLoss::Margins;
    steps_by_gradients_equal_the_reference(mode, method, bound, loss, |_, _, step| step.grads);
}

/// Trains as the reference did, and compares losses, first gradients and final parameters.
/// `gradients` are those that the reference has, of a learner, a batch and our step.
fn steps_by_gradients_equal_the_reference(
    mode: &str,
    method: TrainingMethod,
    bound: BoundConfig,
    loss: RobustLoss,
    gradients: impl Fn(&ModelLearner, &RobustBatch<4>, TrainOutput<RobustOutput>) -> GradientsParams,
) {
    let Some(shared) = shared_folder() else {
        return;
    };
    let folder = shared.join("golden/training-steps");
    let text = std::fs::read_to_string(folder.join("train_steps.json")).unwrap();
    let figures: Value = serde_json::from_str(&text).unwrap();
    let expected = &figures["modes"][mode];
    let reference = TensorFile::open(folder.join(format!("steps_{mode}.safetensors")));

    let images = expected["images"].as_u64().unwrap() as usize;
    let source = DataSource::new(Some(shared.join("data/mnist")));
    let data = load(DatasetName::Mnist, Split::Train, &source).unwrap();
    let (images, labels) = data.tensors(0..images, &test_device().autodiff());

    let objective = objective(method, bound, &figures).with_loss(loss);
    let learner = RobustLearner::new(initial_model(&folder), objective);
    let optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let mut learner = learner.learner(optimizer, 5e-4);
    let losses = expected["losses"].as_array().unwrap();
    assert!(losses.len() >= 2);
    for (index, loss) in losses.iter().enumerate() {
        let batch = RobustBatch::new(images.clone(), labels.clone(), HALF_WAY);
        let output = learner.train_step(batch.clone());
        let expected = loss.as_f64().unwrap();
        let found = output.item.loss.clone().mean().into_scalar::<f64>();
        let difference = (found / expected - 1.0).abs();
        eprintln!("{mode} step {index}: loss {found}, the reference has {expected}");
        assert!(
            difference <= LOSS_TOLERANCE,
            "{mode} step {index}: {found} for {expected}"
        );
        let gradients = gradients(&learner.model(), &batch, output);
        if index == 0 {
            let found = in_reference_layout(layers(learner.model().model()), &gradients);
            tensors_equal_the_reference(mode, "grad", found, &reference);
        }
        learner.lr_step();
        learner.optimizer_step(gradients);
    }
    let found = in_reference_layout(layers(learner.model().model()), &Values);
    tensors_equal_the_reference(mode, "final", found, &reference);
}

fn tensors_equal_the_reference(
    mode: &str,
    kind: &str,
    found: Vec<(&'static str, Vec<f64>)>,
    reference: &TensorFile,
) {
    for (key, found) in found {
        let (expected, _) = reference.values(&format!("{kind}.{key}"));
        assert_eq!(expected.len(), found.len(), "{mode} {kind}.{key}");
        let distance = norm(expected.iter().zip(&found).map(|(a, b)| a - b));
        let relative = distance / norm(expected.into_iter());
        eprintln!("{mode} {kind}.{key}: relative distance {relative:.2e}");
        assert!(
            relative <= TENSOR_TOLERANCE,
            "{mode} {kind}.{key}: {relative:e}"
        );
    }
}

fn crown_ibp(slope: LowerSlope) -> BoundConfig {
    BoundConfig::new(Method::CrownIbp).with_slope(slope)
}

#[test]
fn natural_steps_equal_the_reference() {
    let bound = crown_ibp(LowerSlope::Adaptive);
    steps_equal_the_reference("natural", TrainingMethod::Natural, bound);
}

#[test]
fn interval_steps_equal_the_reference() {
    let bound = BoundConfig::new(Method::Interval);
    steps_equal_the_reference("interval", TrainingMethod::Robust, bound.clone());
    steps_equal_the_reference(
        "robust_natural-interval",
        TrainingMethod::RobustNatural,
        bound,
    );
}

#[test]
fn crown_ibp_steps_equal_the_reference() {
    for (mode, slope) in [
        ("crown-interval", LowerSlope::Adaptive),
        ("crown-interval-same-slope", LowerSlope::Same),
        ("crown-interval-zero-lb", LowerSlope::Zero),
    ] {
        steps_equal_the_reference(mode, TrainingMethod::Robust, crown_ibp(slope));
    }
}

#[test]
fn mixed_crown_ibp_steps_equal_the_reference() {
    let bound = crown_ibp(LowerSlope::Adaptive);
    let method = TrainingMethod::RobustNatural;
    steps_equal_the_reference("robust_natural-crown-interval", method, bound);
}

#[test]
fn crown_steps_equal_the_reference() {
    let bound = BoundConfig::new(Method::Crown).with_all_neurons(true);
    steps_equal_the_reference("crown-full", TrainingMethod::Robust, bound);
}

#[test]
fn convex_adversarial_steps_equal_the_reference() {
    let bound = BoundConfig::new(Method::ConvexAdversarial);
    steps_equal_the_reference("convex-adv", TrainingMethod::Robust, bound);
}

/// The gradient that auto_LiRPA 0.7.1 leaves out where it mixes the fused loss with intervals.
///
/// It takes the largest end of each image's intervals off the exponents, and adds it to the
/// logarithm. All of that cancels, but autodiff sees it in the exponents of the interval bound alone:
/// the gradient lacks that of the end, times the share of the interval bound in the sum.
fn left_out(
    learner: &ModelLearner,
    batch: &RobustBatch<4>,
    output: RobustOutput,
) -> GradientsParams {
    let RobustBatch { images, labels, .. } = batch.clone();
    let Coefficients { epsilon, beta, .. } = output.coefficients;
    let region = Perturbation::linf(epsilon).with_range(0.0, 1.0);
    let margins = GraphCache::new()
        .analyse(learner.model(), images, &region)
        .unwrap()
        .lower(
            &Specification::Margins(labels),
            &BoundConfig::new(Method::Interval),
        )
        .unwrap();
    let ends = margins.neg();
    // The label's own term is 1.
    let of_intervals = ends.clone().exp().sum_dim(1) + 1.0;
    let share = of_intervals * (1.0 - beta) / output.loss.unsqueeze_dim(1).exp();
    let lost = (ends.max_dim(1) * share.detach()).mean();
    GradientsParams::from_grads(lost.backward(), learner)
}

/// The differences of two gradients.
struct Difference {
    of: GradientsParams,
    and: GradientsParams,
    found: GradientsParams,
}

impl ModuleVisitor for Difference {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let [of, and] = [&self.of, &self.and].map(|gradients| gradients.get::<D>(parameter.id));
        self.found
            .register::<D>(parameter.id, of.unwrap() - and.unwrap());
    }
}

#[test]
fn steps_of_the_fused_loss_equal_auto_lirpa() {
    let (method, loss) = (TrainingMethod::Robust, RobustLoss::Fused);
    let interval = BoundConfig::new(Method::Interval);
    steps_by_gradients_equal_the_reference(
        "lirpa-ibp-fusion",
        method,
        interval,
        loss,
        |_, _, step| step.grads,
    );
    let crown_ibp = crown_ibp(LowerSlope::Adaptive);
    steps_by_gradients_equal_the_reference(
        "lirpa-crown-ibp-fusion",
        method,
        crown_ibp,
        loss,
        |learner, batch, step| {
            let mut difference = Difference {
                and: left_out(learner, batch, step.item),
                of: step.grads,
                found: GradientsParams::new(),
            };
            learner.visit(&mut difference);
            difference.found
        },
    );
}
