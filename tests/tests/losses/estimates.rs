//! Training on estimates by random projections, which certify nothing.

use burn_crown::train::{LearnerError, RobustLearner, RobustObjective};
use burn_crown::{BoundError, Method, Projections, Specification, certified};

use crate::plane::Mlp;
use crate::setup::{HALF_WAY, analysis, batch_at, bounds, in_f64, losses, objective, step};
use burn_crown_tests::test_device;

fn projected(count: usize) -> RobustObjective {
    let projections = Some(Projections::new(count).with_seed(3));
    objective().with_bound(bounds(Method::ConvexAdversarial).with_projections(projections))
}

#[test]
fn estimates_are_drawn_for_each_step() {
    let objective = projected(20);
    let at = |step| losses(&objective, step);
    // Past the end of the ramp ε stays, and β has no part in it.
    let late = 2 * HALF_WAY;
    assert_eq!(at(late), at(late));
    assert_ne!(at(late), at(late + 1));
    assert!(at(late).iter().all(|loss| loss.is_finite()));
}

#[test]
fn estimates_come_near_the_exact_loss() {
    let mean = |losses: Vec<f64>| losses.iter().sum::<f64>() / losses.len() as f64;
    let exact = objective().with_bound(bounds(Method::ConvexAdversarial));
    let exact = mean(losses(&exact, HALF_WAY));
    let found = mean(losses(&projected(2_000), HALF_WAY));
    assert_ne!(found, exact);
    assert!((found / exact - 1.0).abs() < 0.02, "{found} for {exact}");
}

#[test]
fn intervals_verify_where_estimates_are_trained() {
    let objective = projected(20);
    assert_eq!(objective.training_certificate(), Method::Interval);
    let (analysis, _, labels) = analysis();
    let margins = Specification::Margins(labels);
    let interval = analysis.lower(&margins, &bounds(Method::Interval)).unwrap();
    let expected: Vec<bool> = certified(interval).into_data().iter().collect();
    let verified = step(&objective, HALF_WAY).item.verified;
    assert_eq!(verified.into_data().iter().collect::<Vec<bool>>(), expected);
}

#[test]
fn estimates_cannot_validate() {
    let projections = Some(Projections::new(20));
    let estimate = bounds(Method::ConvexAdversarial).with_projections(projections);
    let images = batch_at(0, &test_device()).images;
    let tried = |objective: RobustObjective| {
        RobustLearner::try_new(
            in_f64(Mlp::new(1, &test_device())),
            objective,
            images.clone(),
        )
        .err()
    };
    assert!(tried(projected(20)).is_none());
    assert!(matches!(
        tried(projected(20).with_evaluation_bound(estimate)),
        Some(LearnerError::Bound(BoundError::Estimate))
    ));
}
