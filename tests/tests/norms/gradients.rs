//! Gradients stay finite where regions and networks degenerate.

use burn::tensor::{DType, Int, Tensor};
use burn::train::TrainStep;
use burn_crown::train::{EpsilonSchedule, RobustBatch, RobustLearner, RobustObjective};
use burn_crown::{BoundConfig, Method, Perturbation};
use burn_crown_tests::parameters::{map_parameters, read_parameters, to_vec};

use crate::plane::{Mlp, batch, training_device};
use crate::{METHODS, NORMS};

/// The gradients of a training step in the perturbation at its own radius, all of them finite.
fn gradients(model: Mlp, perturbation: &Perturbation, method: Method, what: &str) -> Vec<f64> {
    let what = format!("{what}, {method}, {perturbation:?}");
    let schedule = EpsilonSchedule::new(perturbation.radius().unwrap());
    let objective = RobustObjective::new(perturbation.clone(), schedule)
        .with_bound(BoundConfig::new(method))
        // CROWN-IBP stays mixed with intervals.
        .with_final_beta(0.5);
    let learner = RobustLearner::new(model, objective);
    let output = TrainStep::step(&learner, batch(3, 24, 5, &training_device()));
    let loss = to_vec(output.item.loss);
    assert!(loss.iter().all(|loss| loss.is_finite()), "{what}: {loss:?}");
    let found = read_parameters(&learner, &output.grads);
    assert_eq!(found.len(), 4);
    for (name, values) in &found {
        let finite = values.iter().all(|value| value.is_finite());
        assert!(finite, "{what}: {name} {values:?}");
    }
    found.into_iter().flat_map(|(_, values)| values).collect()
}

fn model() -> Mlp {
    Mlp::new(1, &training_device())
}

/// Every method in the ball of every norm, in a valid range and without one.
fn each(radius: f64, mut f: impl FnMut(Perturbation, Method)) {
    for method in METHODS {
        for norm in NORMS {
            f(Perturbation::ball(norm, radius), method);
            f(
                Perturbation::ball(norm, radius).with_range(0.0, 1.0),
                method,
            );
        }
    }
}

#[test]
fn gradients_grow_steadily_from_radius_zero() {
    let natural = gradients(model(), &Perturbation::linf(0.0), Method::Interval, "ε = 0");
    let scale = natural
        .iter()
        .fold(0.0_f64, |scale, value| scale.max(value.abs()));
    assert!(scale > 1e-2);
    // The first vanish in the tensors' own precision, alone or squared.
    for radius in [1e-60, 1e-42, 1e-30, 1e-20, 1e-12, 1e-8, 1e-6] {
        each(radius, |perturbation, method| {
            let found = gradients(model(), &perturbation, method, "small");
            let distance = found
                .iter()
                .zip(&natural)
                .map(|(found, natural)| (found - natural).abs())
                .fold(0.0, f64::max);
            assert!(
                distance <= 1e-3 * scale,
                "{method}, {perturbation:?}: {distance:e} from the natural gradient"
            );
        });
    }
}

#[test]
fn gradients_are_finite_where_elements_cannot_change() {
    for scale in [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]] {
        each(0.1, |perturbation, method| {
            let perturbation = perturbation.with_channel_scale(scale.to_vec());
            let found = gradients(model(), &perturbation, method, "zero radius");
            assert!(found.iter().any(|&value| value != 0.0));
        });
    }
}

/// The model with each parameter changed.
fn changed(change: impl Fn(&str, &mut [f64])) -> Mlp {
    let model = model();
    map_parameters(model, DType::F32, |name, _, values| {
        change(name, values);
    })
}

#[test]
fn gradients_are_finite_with_dead_neurons_and_zero_weights() {
    let dead = |name: &str, values: &mut [f64]| {
        if name == "hidden.bias" {
            values.fill(-100.0);
        }
    };
    let half_dead = |name: &str, values: &mut [f64]| {
        if name == "hidden.bias" {
            values
                .iter_mut()
                .step_by(2)
                .for_each(|value| *value = -100.0);
        }
    };
    let without = |layer: &'static str| {
        move |name: &str, values: &mut [f64]| {
            if name.starts_with(layer) {
                values.fill(0.0);
            }
        }
    };
    let all = |_: &str, values: &mut [f64]| values.fill(0.0);
    each(0.1, |perturbation, method| {
        gradients(changed(dead), &perturbation, method, "dead");
        gradients(changed(half_dead), &perturbation, method, "half dead");
        gradients(
            changed(without("hidden")),
            &perturbation,
            method,
            "no hidden",
        );
        gradients(
            changed(without("output")),
            &perturbation,
            method,
            "no output",
        );
        gradients(changed(all), &perturbation, method, "all zero");
    });
}

#[test]
fn gradients_are_finite_with_huge_weights() {
    for factor in [1e3, 1e6, 1e9, 1e12] {
        each(0.1, |perturbation, method| {
            let huge = changed(|_, values| values.iter_mut().for_each(|value| *value *= factor));
            gradients(huge, &perturbation, method, &format!("{factor:e}"));
        });
    }
}

#[test]
fn points_on_the_edge_of_their_range_train() {
    // Every coordinate is 0 or 1: half of each interval is cut away.
    let corners = [[0.0_f32, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]];
    let device = training_device();
    for method in METHODS {
        for norm in NORMS {
            let perturbation = Perturbation::ball(norm, 0.1).with_range(0.0, 1.0);
            let objective = RobustObjective::new(perturbation, EpsilonSchedule::new(0.1))
                .with_bound(BoundConfig::new(method));
            let learner = RobustLearner::<_, 2>::new(model(), objective);
            let images = Tensor::from_data(corners, &device);
            let labels = Tensor::<1, Int>::from_ints([0, 1, 2, 1], &device);
            let output = TrainStep::step(&learner, RobustBatch::new(images, labels, 0));
            let gradient = output.grads.get::<2>(learner.model().hidden.weight.id);
            let gradient = to_vec(gradient.unwrap());
            assert!(
                gradient.iter().all(|value| value.is_finite()),
                "{method} {norm:?}"
            );
            assert!(
                gradient.iter().any(|&value| value != 0.0),
                "{method} {norm:?}"
            );
        }
    }
}
