//! The penalties on the weights and on the network's activity.

use burn::tensor::{DType, Int, Tensor, TensorData};
use burn::train::{InferenceStep, TrainStep};
use burn_crown::Perturbation;
use burn_crown::train::{
    ActivityMeasure, EpsilonSchedule, RobustBatch, RobustLearner, RobustObjective, TrainingMethod,
};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::test_device;

use crate::plane::{Mlp, training_device};
use crate::setup::{
    HALF_WAY, assert_close, batch_at, checked_gradients, collect, in_f64, learner, losses, neuron,
    objective,
};

/// The L1 norm of the weights without the biases, element by element.
fn l1_of_weights() -> f64 {
    collect(&in_f64(Mlp::new(1, &test_device())), None)
        .iter()
        .filter(|(name, _)| name.ends_with("weight"))
        .flat_map(|(_, values)| values)
        .map(|value| value.abs())
        .sum()
}

#[test]
fn the_l1_penalty_is_that_of_the_weights_alone() {
    const WEIGHT: f64 = 0.03;
    let expected = WEIGHT * l1_of_weights();
    for (method, at) in [
        (TrainingMethod::Robust, HALF_WAY),
        (TrainingMethod::RobustNatural, HALF_WAY),
        (TrainingMethod::Natural, HALF_WAY),
        // Also while nothing is bounded.
        (TrainingMethod::Robust, 0),
    ] {
        let without = objective().with_method(method);
        let with = without.clone().with_l1_penalty(WEIGHT);
        let penalised: Vec<f64> = losses(&without, at)
            .into_iter()
            .map(|loss| loss + expected)
            .collect();
        assert_close(&losses(&with, at), &penalised, "L1");
    }
    checked_gradients(&objective().with_l1_penalty(WEIGHT));

    let model = in_f64(Mlp::new(1, &test_device()));
    let gradients = |objective: &RobustObjective| {
        let learner = learner(objective);
        let batch = batch_at(HALF_WAY, &training_device());
        let output = TrainStep::step(&learner, batch);
        collect(learner.model(), Some(&output.grads))
    };
    let (without, with) = (
        gradients(&objective()),
        gradients(&objective().with_l1_penalty(WEIGHT)),
    );
    let parameters = collect(&model, None);
    for (((name, values), (_, without)), (_, with)) in parameters.iter().zip(without).zip(with) {
        let is_weight = name.ends_with("weight");
        let expected: Vec<f64> = values
            .iter()
            .zip(without)
            .map(|(value, gradient)| {
                gradient
                    + if is_weight {
                        WEIGHT * value.signum()
                    } else {
                        0.0
                    }
            })
            .collect();
        assert_close(&with, &expected, name);
    }
}

#[test]
fn penalties_are_of_training_alone() {
    let plain = objective();
    let penalised = objective()
        .with_l1_penalty(0.1)
        .with_activity_penalty(ActivityMeasure::Stability, 0.1)
        .with_runner_up_only(true);
    let validated = |objective: &RobustObjective| {
        let device = test_device();
        let model = in_f64(Mlp::new(1, &device));
        let output = InferenceStep::step(
            &RobustLearner::new(model, objective.clone()),
            batch_at(0, &device),
        );
        to_vec(output.loss)
    };
    assert_ne!(losses(&plain, HALF_WAY), losses(&penalised, HALF_WAY));
    assert_eq!(validated(&plain), validated(&penalised));
}

#[test]
fn activity_is_what_a_hand_computes() {
    // At (0.5, 0.25) and ε 0.1, the pre-activation 2 x − 4 y + 0.2 is 0.2 ± 0.6.
    let model = neuron([2.0, -4.0], 0.2);
    let device = training_device();
    let images = Tensor::<2>::from_data(
        TensorData::new(vec![0.5_f64, 0.25, 0.9, 0.25, 0.5, 0.9], [3, 2]),
        (&device, DType::F64),
    );
    // At (0.9, 0.25) it is 1.0 ± 0.6, at (0.5, 0.9) it is −2.4 ± 0.6: both stable.
    let labels = Tensor::<1, Int>::from_ints([0, 0, 1], &device);
    let schedule = EpsilonSchedule::new(0.1);
    let loss = |objective: RobustObjective| {
        let learner = RobustLearner::new(model.clone(), objective);
        let batch = RobustBatch::new(images.clone(), labels.clone(), 9);
        to_vec(TrainStep::step(&learner, batch).item.loss)
    };
    let objective = RobustObjective::new(Perturbation::linf(0.0), schedule);
    let plain = loss(objective.clone());
    let stability = |lower: f64, upper: f64| -(1.0 + lower * upper).tanh();
    for (measure, expected) in [
        (ActivityMeasure::OpenNeurons, [1.0, 0.0, 0.0]),
        (
            ActivityMeasure::Stability,
            [
                stability(-0.4, 0.8),
                stability(0.4, 1.6),
                stability(-3.0, -1.8),
            ],
        ),
    ] {
        let expected: Vec<f64> = plain
            .iter()
            .zip(expected)
            .map(|(plain, activity)| plain + 0.5 * activity)
            .collect();
        let found = loss(objective.clone().with_activity_penalty(measure, 0.5));
        assert_close(&found, &expected, "activity");
    }
}

#[test]
fn stability_has_a_gradient_and_a_number_of_neurons_has_none() {
    let with = |measure| checked_gradients(&objective().with_activity_penalty(measure, 0.2));
    let plain = checked_gradients(&objective());
    assert_eq!(with(ActivityMeasure::OpenNeurons), plain);
    let stability = with(ActivityMeasure::Stability);
    assert_ne!(stability[0], plain[0]);
    // The output layer has no part in pre-activations.
    assert_eq!(stability[3], plain[3]);
}

#[test]
fn activity_counts_only_where_something_is_bounded() {
    let penalised = |objective: RobustObjective| {
        objective.with_activity_penalty(ActivityMeasure::Stability, 0.3)
    };
    assert_eq!(losses(&penalised(objective()), 0), losses(&objective(), 0));
    for reported in [false, true] {
        let natural = objective()
            .with_method(TrainingMethod::Natural)
            .with_reported_bounds(reported);
        assert_eq!(
            losses(&penalised(natural.clone()), HALF_WAY),
            losses(&natural, HALF_WAY)
        );
    }
}
