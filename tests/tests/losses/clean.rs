//! Training steps with and without the outputs at the images themselves.

use std::sync::atomic::{AtomicUsize, Ordering};

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{DType, Tensor};
use burn::train::{InferenceStep, TrainStep};
use burn_crown::train::{
    ActivityMeasure, RobustLearner, RobustLoss, RobustObjective, TrainingMethod,
    natural_cross_entropy,
};
use burn_crown::{BoundConfig, Bounded, Method, Projections};
use burn_crown_tests::parameters::{map_parameters, read_parameters, to_vec};

use crate::plane::training_device;
use crate::setup::{HALF_WAY, batch_at, bounds, collect, learner, objective, step};

fn without(objective: &RobustObjective) -> RobustObjective {
    objective.clone().with_clean_outputs(false)
}

/// Whether a training step half-way has the outputs at the images.
fn has_outputs(objective: &RobustObjective) -> bool {
    step(objective, HALF_WAY).item.logits.is_some()
}

#[test]
fn what_is_trained_does_not_depend_on_them() {
    let estimate = BoundConfig::new(Method::ConvexAdversarial)
        .with_projections(Some(Projections::new(5).with_seed(3)));
    for objective in [
        objective(),
        objective().with_final_beta(1.0),
        objective().with_bound(bounds(Method::Interval)),
        objective().with_bound(bounds(Method::Crown)),
        objective().with_bound(estimate),
        objective().with_loss(RobustLoss::Fused),
        objective()
            .with_l1_penalty(0.01)
            .with_activity_penalty(ActivityMeasure::Stability, 0.2),
        objective()
            .with_method(TrainingMethod::RobustNatural)
            .with_final_kappa(0.0),
    ] {
        // Half-way κ of the last objective is 0.5, at the end it is 0, and β too.
        for at in [HALF_WAY, 2 * HALF_WAY] {
            let [with, without] = [objective.clone(), without(&objective)].map(|objective| {
                let output = step(&objective, at);
                let gradients = collect(learner(&objective).model(), Some(&output.grads));
                (output.item, gradients)
            });
            assert_eq!(to_vec(with.0.loss.clone()), to_vec(without.0.loss.clone()));
            assert_eq!(with.1, without.1, "{objective:?}");
            let shares = [&with, &without].map(|(item, _)| to_vec(item.unstable_share.clone()));
            assert_eq!(shares[0], shares[1]);
            let verified = [&with, &without]
                .map(|(item, _)| item.verified.to_data().iter::<bool>().collect::<Vec<_>>());
            assert_eq!(verified[0], verified[1]);
            let left_out = without.0.coefficients.kappa == 0.0;
            assert!(with.0.logits.is_some());
            assert_eq!(without.0.logits.is_none(), left_out, "{objective:?}, {at}");
        }
    }
}

#[test]
fn they_are_made_where_something_asks_for_them() {
    assert!(objective().clean_outputs() && !without(&objective()).clean_outputs());
    assert!(!has_outputs(&without(&objective())));
    let mixed = objective()
        .with_method(TrainingMethod::RobustNatural)
        .with_final_kappa(0.5);
    let natural = objective().with_method(TrainingMethod::Natural);
    let runner_up = objective().with_runner_up_only(true);
    for asking in [
        mixed,
        natural.clone(),
        natural.with_reported_bounds(true),
        runner_up.clone(),
    ] {
        assert!(has_outputs(&without(&asking)), "{asking:?}");
    }
    // The runner-up is a setting of CROWN-IBP.
    let other = runner_up.with_bound(bounds(Method::Interval));
    assert!(!has_outputs(&without(&other)));
    // While ε is 0, the loss is the natural one.
    let start = step(&without(&objective()), 0).item;
    assert_eq!(to_vec(start.natural_loss().unwrap()), to_vec(start.loss));
    let valid = learner(&without(&objective())).valid();
    let batch = batch_at(0, &training_device().inner());
    assert!(InferenceStep::step(&valid, batch).logits.is_some());
}

/// The forward passes of [`Counting`].
static PASSES: AtomicUsize = AtomicUsize::new(0);

/// Counts its forward passes.
#[derive(Module, Bounded, Debug)]
struct Counting {
    layer: Linear,
}

impl Counting {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        PASSES.fetch_add(1, Ordering::SeqCst);
        self.layer.forward(relu(x))
    }
}

#[test]
fn a_step_without_them_makes_no_forward_pass_once_it_is_recorded() {
    let device = training_device();
    let model = Counting {
        layer: LinearConfig::new(2, 3).init(&device),
    };
    let model = map_parameters(model, DType::F64, |_, _, _| ());
    for (objective, expected) in [(objective(), 1), (without(&objective()), 0)] {
        let learner = RobustLearner::<_, 2>::new(model.clone(), objective);
        let passes = |at| {
            let before = PASSES.load(Ordering::SeqCst);
            TrainStep::step(&learner, batch_at(at, &device));
            PASSES.load(Ordering::SeqCst) - before
        };
        // Records the pass and checks the record.
        assert!(passes(HALF_WAY) > expected);
        assert_eq!([HALF_WAY, 2 * HALF_WAY].map(passes), [expected; 2]);
        assert_eq!(passes(0), 1, "at ε 0");
    }
}

#[derive(Module, Bounded, Debug)]
struct Dropping {
    hidden: Linear,
    dropout: Dropout,
    output: Linear,
}

impl Dropping {
    fn new() -> Self {
        let device = training_device();
        Self {
            hidden: LinearConfig::new(2, 40).init(&device),
            dropout: DropoutConfig::new(0.5).init(),
            output: LinearConfig::new(40, 3).init(&device),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = relu(self.hidden.forward(x));
        self.output.forward(self.dropout.forward(x))
    }
}

/// Also where autodiff records nothing of it.
#[test]
fn they_come_from_the_model_in_training() {
    let model = map_parameters(Dropping::new(), DType::F64, |_, _, _| ());
    let learner = RobustLearner::<_, 2>::new(model, objective());
    let batch = batch_at(HALF_WAY, &training_device());
    let of_step = || {
        let output = TrainStep::step(&learner, batch.clone()).item;
        assert_eq!(output.coefficients.kappa, 0.0);
        output.logits.unwrap()
    };
    let valid = learner.valid();
    let in_inference = valid
        .model()
        .forward(batch.images.clone().without_autodiff());
    assert_ne!(to_vec(of_step()), to_vec(in_inference));
    // What is dropped is drawn anew.
    assert_ne!(to_vec(of_step()), to_vec(of_step()));
}

/// Parameters that nothing has read before the first step are made in it, and trained.
#[test]
fn parameters_that_are_not_made_yet_get_their_gradients() {
    for clean in [true, false] {
        let learner =
            RobustLearner::<_, 2>::new(Dropping::new(), objective().with_clean_outputs(clean));
        let mut batch = batch_at(HALF_WAY, &training_device());
        batch.images = batch.images.cast(DType::F32);
        let output = TrainStep::step(&learner, batch);
        let gradients = read_parameters(learner.model(), &output.grads);
        let names: Vec<&str> = gradients.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "hidden.weight",
            "hidden.bias",
            "output.weight",
            "output.bias",
        ];
        assert_eq!(names, expected);
        for (name, gradient) in &gradients {
            assert!(gradient.iter().any(|value| *value != 0.0), "{name}");
        }
    }
}

/// The numbers of the pass that autodiff does not record are those of one that it does.
#[test]
fn they_are_the_outputs_of_the_model() {
    let output = step(&objective(), HALF_WAY).item;
    assert_eq!(output.coefficients.kappa, 0.0);
    let learner = learner(&objective());
    let batch = batch_at(HALF_WAY, &training_device());
    let expected = learner.model().forward(batch.images);
    let natural = natural_cross_entropy(expected.clone(), batch.labels);
    assert_eq!(to_vec(output.natural_loss().unwrap()), to_vec(natural));
    assert_eq!(to_vec(output.logits.unwrap()), to_vec(expected));
}
