//! Steps of a robust learner, and what it refuses.
#![allow(clippy::unwrap_used)]

mod plane;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::train::{TrainOutput, TrainStep};
use burn_crown::train::{
    ActivityMeasure, EpsilonSchedule, LearnerError, RobustBatch, RobustLearner, RobustObjective,
    RobustOutput, TrainingMethod,
};
use burn_crown::{BoundConfig, Bounded, Method, Perturbation};
use plane::{Mlp, MlpLearner, STEPS_PER_EPOCH, batch, bits, objective, training_device};

#[test]
fn a_step_depends_on_its_batch_alone() {
    let device = training_device();
    let learner = RobustLearner::new(Mlp::new(1, &device), objective());
    let step = |learner: &MlpLearner, step| {
        let output = TrainStep::step(learner, batch(4, 16, step, &device)).item;
        let loss: Vec<f64> = output.loss.into_data().iter().collect();
        (output.coefficients, loss)
    };
    let late = 2 * STEPS_PER_EPOCH;
    let expected = step(&learner, late);
    assert_eq!(expected.0, objective().coefficients(late));
    assert_ne!(step(&learner, 3 * STEPS_PER_EPOCH), expected);
    for copy in [
        learner.clone(),
        learner.clone().fork(&device),
        learner.valid().train(),
    ] {
        assert_eq!(step(&copy, late), expected);
    }
    assert_eq!(step(&learner, late), expected);
}

#[test]
fn the_learner_and_its_model_share_records() {
    let device = training_device();
    let learner = RobustLearner::<_, 2>::new(Mlp::new(1, &device), objective());
    let expected = bits(&learner);

    let model = Mlp::new(2, &device).load_record(learner.clone().into_record());
    assert_eq!(
        bits(&RobustLearner::new(model.clone(), objective())),
        expected
    );
    let other = RobustLearner::<_, 2>::new(Mlp::new(3, &device), objective());
    assert_ne!(bits(&other), expected);
    assert_eq!(bits(&other.load_record(model.into_record())), expected);
}

#[test]
fn a_learner_that_loads_a_record_after_its_first_step_still_bounds() {
    let device = training_device();
    let learner = RobustLearner::new(Mlp::new(1, &device), objective());
    let late = batch(4, 16, 3 * STEPS_PER_EPOCH, &device);
    let first = TrainStep::step(&learner, late.clone()).item;
    // The record brings parameters of other identities than those that were recorded.
    let loaded = learner
        .clone()
        .load_record(Mlp::new(2, &device).into_record());
    let second = TrainStep::step(&loaded, late.clone()).item;
    let fresh = RobustLearner::new(Mlp::new(2, &device), objective());
    let expected = TrainStep::step(&fresh, late).item;
    let floats = |tensor: Tensor<1>| -> Vec<f32> { tensor.into_data().iter().collect() };
    let second = floats(second.loss);
    assert_ne!(second, floats(first.loss));
    assert_eq!(second, floats(expected.loss));
}

#[test]
fn gradients_have_the_batchs_share_and_losses_have_not() {
    let device = training_device();
    let model = Mlp::new(1, &device);
    let step = |share| {
        let learner = RobustLearner::new(model.clone(), objective());
        TrainStep::step(&learner, batch(4, 16, 30, &device).with_share(share))
    };
    let (whole, half) = (step(1.0), step(0.5));
    let mean = |output: &RobustOutput| -> f64 { output.loss.clone().mean().into_scalar() };
    assert_eq!(mean(&whole.item), mean(&half.item));
    let id = model.output.weight.id;
    let gradient = |step: &TrainOutput<_>| step.grads.get::<2>(id).unwrap();
    let difference = gradient(&whole) * 0.5 - gradient(&half);
    assert!(gradient(&whole).abs().max().into_scalar::<f64>() > 1e-3);
    assert_eq!(difference.abs().max().into_scalar::<f64>(), 0.0);
}

#[test]
fn mistakes_are_found_before_training() {
    let device = training_device();
    let model = Mlp::new(1, &device);
    let images = batch(1, 4, 0, &device).images;
    let refused = |objective: RobustObjective| {
        RobustLearner::try_new(model.clone(), objective, images.clone()).err()
    };
    assert!(refused(objective()).is_none());
    assert!(matches!(
        refused(RobustObjective::new(
            Perturbation::linf(0.1),
            EpsilonSchedule::new(f64::NAN)
        )),
        Some(LearnerError::Schedule(_))
    ));
    for (objective, setting) in [
        (objective().with_final_beta(-0.1), "final_beta"),
        (objective().with_final_kappa(1.5), "final_kappa"),
        (
            objective().with_evaluation_epsilon(f64::NAN),
            "evaluation_epsilon",
        ),
        (objective().with_l1_penalty(-0.1), "l1_penalty"),
        (
            objective().with_activity_penalty(ActivityMeasure::Stability, f64::INFINITY),
            "activity_penalty",
        ),
    ] {
        match refused(objective) {
            Some(LearnerError::OutOfRange { name, .. }) => assert_eq!(name, setting),
            other => panic!("{setting}: {other:?}"),
        }
    }
    let between = Perturbation::between(images.clone(), images.clone());
    assert!(matches!(
        refused(RobustObjective::new(between, EpsilonSchedule::new(0.1))),
        Some(LearnerError::NoRadius)
    ));
    // The points lie outside this range.
    let outside = Perturbation::linf(0.1).with_range(5.0, 6.0);
    assert!(matches!(
        refused(RobustObjective::new(outside, EpsilonSchedule::new(0.1))),
        Some(LearnerError::Bound(_))
    ));
    let wrong_rank = RobustLearner::<_, 3>::try_new(
        model.clone(),
        objective(),
        Tensor::zeros([4, 1, 2], &device),
    );
    assert!(matches!(
        wrong_rank.err(),
        Some(LearnerError::Inputs { rank: 3, .. })
    ));
    let empty = Tensor::<2>::zeros([0, 2], &device);
    assert!(matches!(
        RobustLearner::try_new(model, objective(), empty).err(),
        Some(LearnerError::Count { images: 0, .. })
    ));
}

#[test]
fn a_batch_is_checked_against_the_model() {
    let device = training_device();
    let learner = RobustLearner::new(Mlp::new(1, &device), objective());
    let batch = batch(1, 4, 0, &device);
    learner.check(&batch).unwrap();
    for label in [-1, 3] {
        let labels = Tensor::from_ints([0, label, 1, 2], &device);
        let error = learner
            .check(&RobustBatch {
                labels,
                ..batch.clone()
            })
            .unwrap_err();
        assert!(
            matches!(error, LearnerError::Label { classes: 3, .. }),
            "{error}"
        );
    }
    for share in [0.0, 1.5, f64::NAN] {
        let error = learner.check(&batch.clone().with_share(share)).unwrap_err();
        assert!(matches!(error, LearnerError::Share { .. }), "{error}");
    }
    let labels = Tensor::from_ints([0, 1], &device);
    let error = learner.check(&RobustBatch { labels, ..batch }).unwrap_err();
    assert!(
        matches!(
            error,
            LearnerError::Count {
                images: 4,
                labels: 2
            }
        ),
        "{error}"
    );
}

/// A model that is no classifier: one output.
#[derive(Module, Bounded, Debug)]
struct Single {
    layer: Linear,
}

impl Single {
    fn forward(&self, points: Tensor<2>) -> Tensor<2> {
        self.layer.forward(points).narrow(1, 0, 1)
    }
}

#[test]
fn a_model_that_is_no_classifier_is_refused() {
    let device = training_device();
    let model = Single {
        layer: Mlp::new(1, &device).hidden,
    };
    let example = batch(1, 4, 0, &device).images;
    let error = RobustLearner::try_new(model, objective(), example).unwrap_err();
    assert!(
        matches!(&error, LearnerError::Output { shape, .. } if shape == &[1, 1]),
        "{error}"
    );
}

#[test]
#[should_panic(expected = "training step 40 failed")]
fn a_step_that_fails_says_which() {
    let device = training_device();
    let outside = Perturbation::linf(0.1).with_range(5.0, 6.0);
    let objective = RobustObjective::new(outside, EpsilonSchedule::new(0.1));
    let learner = RobustLearner::new(Mlp::new(1, &device), objective);
    TrainStep::step(&learner, batch(1, 4, 40, &device));
}

#[test]
fn coefficients_say_what_is_trained() {
    let schedule = EpsilonSchedule::new(0.2).with_end_step(10);
    let objective = RobustObjective::new(Perturbation::linf(0.0), schedule);
    // In thousandths: a schedule's values are not exact.
    let at = |objective: &RobustObjective, step| {
        let c = objective.coefficients(step);
        [c.epsilon, c.kappa, c.beta].map(|value| (value * 1000.0).round())
    };
    assert_eq!(at(&objective, 0), [0.0, 1000.0, 1000.0]);
    assert_eq!(at(&objective, 5), [100.0, 0.0, 500.0]);
    assert_eq!(at(&objective, 10), [200.0, 0.0, 0.0]);
    let mixed = objective
        .clone()
        .with_method(TrainingMethod::RobustNatural)
        .with_final_kappa(0.5)
        .with_final_beta(1.0);
    assert_eq!(at(&mixed, 5), [100.0, 750.0, 1000.0]);
    let interval = objective
        .clone()
        .with_bound(BoundConfig::new(Method::Interval));
    assert_eq!(at(&interval, 5), [100.0, 0.0, 0.0]);
    let crown = objective
        .clone()
        .with_bound(BoundConfig::new(Method::Crown));
    assert_eq!(at(&crown, 5), [100.0, 0.0, 1000.0]);
    let natural = objective.with_method(TrainingMethod::Natural);
    assert_eq!(at(&natural, 10)[..2], [0.0, 1000.0]);
    assert_eq!(natural.evaluation_coefficients().epsilon, 0.2);
}
