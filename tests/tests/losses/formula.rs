//! The robust and the natural loss, and how they are mixed.

use burn::train::TrainStep;
use burn_crown::train::{
    RobustLearner, RobustOutput, TrainingMethod, natural_cross_entropy, robust_cross_entropy,
};
use burn_crown::{LowerSlope, Method, Specification};
use burn_crown_tests::parameters::to_vec;

use crate::plane::{Mlp, training_device};
use crate::setup::{
    EPSILON, HALF_WAY, analysis, assert_close, batch_at, bounds, checked_gradients, collect,
    learner, losses, objective, step,
};

#[test]
fn the_loss_is_its_formula() {
    let (analysis, logits, labels) = analysis();
    let margins = Specification::Margins(labels.clone());
    let [interval, crown] = [Method::Interval, Method::CrownIbp]
        .map(|method| analysis.lower(&margins, &bounds(method)).unwrap());
    let robust = |beta: f64| {
        to_vec(robust_cross_entropy(
            crown.clone() * beta + interval.clone() * (1.0 - beta),
        ))
    };
    let natural = to_vec(natural_cross_entropy(logits, labels));

    assert_close(&losses(&objective(), HALF_WAY), &robust(0.5), "robust");
    let mostly_crown = objective().with_final_beta(0.6);
    assert_close(&losses(&mostly_crown, HALF_WAY), &robust(0.8), "final β");
    let method = TrainingMethod::RobustNatural;
    for (final_kappa, kappa) in [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)] {
        let objective = objective()
            .with_method(method)
            .with_final_kappa(final_kappa);
        let expected: Vec<f64> = natural
            .iter()
            .zip(robust(0.5))
            .map(|(natural, robust)| kappa * natural + (1.0 - kappa) * robust)
            .collect();
        assert_close(&losses(&objective, HALF_WAY), &expected, "κ");
    }
    for method in [Method::Interval, Method::Crown, Method::ConvexAdversarial] {
        let objective = objective().with_bound(bounds(method));
        let margins = analysis.lower(&margins, &bounds(method)).unwrap();
        let expected = to_vec(robust_cross_entropy(margins));
        assert_close(&losses(&objective, HALF_WAY), &expected, "method");
    }
    // At radius 0 every loss is the natural one.
    assert_close(&losses(&objective(), 0), &natural, "ε = 0");
}

#[test]
fn gradients_of_every_method_are_those_of_the_loss() {
    for method in [
        Method::Interval,
        Method::CrownIbp,
        Method::Crown,
        Method::ConvexAdversarial,
        Method::Forward,
        Method::ForwardBackward,
    ] {
        checked_gradients(&objective().with_bound(bounds(method)));
    }
    checked_gradients(&objective().with_method(TrainingMethod::RobustNatural));
    checked_gradients(&objective().with_method(TrainingMethod::Natural));
}

#[test]
fn slopes_reach_the_loss() {
    let with = |slope| {
        let bound = bounds(Method::CrownIbp).with_slope(slope);
        losses(&objective().with_bound(bound), HALF_WAY)
    };
    let adaptive = with(LowerSlope::Adaptive);
    for slope in [LowerSlope::Same, LowerSlope::Zero, LowerSlope::One] {
        assert_ne!(with(slope), adaptive, "{slope:?}");
    }
}

#[test]
fn natural_training_can_report_bounds() {
    let natural = objective().with_method(TrainingMethod::Natural);
    let reporting = natural.clone().with_reported_bounds(true);
    let (plain, bounded) = (step(&natural, HALF_WAY), step(&reporting, HALF_WAY));
    assert_eq!(plain.item.coefficients.epsilon, 0.0);
    assert_eq!(bounded.item.coefficients.epsilon, EPSILON);
    assert_eq!(bounded.item.coefficients.kappa, 1.0);
    assert_eq!(to_vec(plain.item.loss), to_vec(bounded.item.loss.clone()));
    let (plain_learner, bounded_learner) = (learner(&natural), learner(&reporting));
    let gradients = |learner: &RobustLearner<Mlp, 2>| {
        let output = TrainStep::step(learner, batch_at(HALF_WAY, &training_device()));
        collect(learner.model(), Some(&output.grads))
    };
    assert_eq!(gradients(&plain_learner), gradients(&bounded_learner));

    let robust = step(&objective(), HALF_WAY).item;
    let bools =
        |output: RobustOutput| -> Vec<bool> { output.verified.into_data().iter().collect() };
    assert_eq!(
        to_vec(bounded.item.unstable_share.clone()),
        to_vec(robust.unstable_share.clone())
    );
    assert_eq!(bools(bounded.item), bools(robust));
}
