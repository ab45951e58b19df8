//! Training on the margin to the runner-up alone.

use burn::train::TrainStep;
use burn_crown::train::{RobustBatch, RobustLearner, RobustObjective};
use burn_crown::{Method, Specification, certified};
use burn_crown_tests::parameters::to_vec;

use crate::plane::training_device;
use crate::setup::{
    HALF_WAY, analysis, assert_close, batch_at, bounds, checked_gradients, losses, neuron,
    objective, step,
};

#[test]
fn the_runner_ups_margin_stands_for_all() {
    let (analysis, logits, labels) = analysis();
    let margins = Specification::Margins(labels.clone());
    let interval = analysis.lower(&margins, &bounds(Method::Interval)).unwrap();
    let crown = analysis.lower(&margins, &bounds(Method::CrownIbp)).unwrap();
    let (logits, labels) = (
        to_vec(logits),
        labels.into_data().iter::<i64>().collect::<Vec<_>>(),
    );
    // The place of the runner-up among the margins, which leave the label out.
    let places: Vec<usize> = labels
        .iter()
        .zip(logits.chunks(3))
        .map(|(&label, logits)| {
            let others: Vec<f64> = (0..3)
                .filter(|&class| class != label)
                .map(|class| logits[class as usize])
                .collect();
            usize::from(others[1] > others[0])
        })
        .collect();
    assert!(places.contains(&0) && places.contains(&1));
    let (interval_values, crown_values) = (to_vec(interval.clone()), to_vec(crown));
    let expected = |beta: f64| -> Vec<f64> {
        places
            .iter()
            .enumerate()
            .map(|(sample, &place)| {
                let runner_up = crown_values[2 * sample + place];
                let sum: f64 = (0..2)
                    .map(|other| {
                        let interval = interval_values[2 * sample + other];
                        (-(beta * runner_up + (1.0 - beta) * interval)).exp()
                    })
                    .sum();
                (1.0 + sum).ln()
            })
            .collect()
    };
    let runner_up = objective().with_runner_up_only(true);
    assert_close(&losses(&runner_up, HALF_WAY), &expected(0.5), "β 0.5");
    let crown_only = runner_up.clone().with_final_beta(1.0);
    assert_close(&losses(&crown_only, HALF_WAY), &expected(1.0), "β 1");
    assert_ne!(losses(&runner_up, HALF_WAY), losses(&objective(), HALF_WAY));
    checked_gradients(&runner_up);

    // What bounds not all margins verifies nothing.
    let verified: Vec<bool> = step(&crown_only, HALF_WAY)
        .item
        .verified
        .into_data()
        .iter()
        .collect();
    let by_intervals: Vec<bool> = certified(interval).into_data().iter().collect();
    assert_eq!(verified, by_intervals);
    assert_eq!(crown_only.training_certificate(), Method::Interval);

    // Other methods do not know it.
    for method in [Method::Interval, Method::Crown] {
        let plain = objective().with_bound(bounds(method));
        let with = plain.clone().with_runner_up_only(true);
        assert_eq!(losses(&with, HALF_WAY), losses(&plain, HALF_WAY));
        assert_eq!(with.training_certificate(), method);
    }
}

#[test]
fn with_two_classes_the_runner_up_is_the_only_other_class() {
    let learner = |objective: RobustObjective| {
        RobustLearner::<_, 2>::new(neuron([2.0, -4.0], 0.2), objective)
    };
    let loss = |objective: RobustObjective| {
        let RobustBatch { images, labels, .. } = batch_at(0, &training_device());
        let batch = RobustBatch::new(images, labels.clamp_max(1), HALF_WAY);
        to_vec(TrainStep::step(&learner(objective), batch).item.loss)
    };
    let all = loss(objective());
    assert_close(&loss(objective().with_runner_up_only(true)), &all, "two");
}
