//! Objectives and schedules whose numbers make no sense.

use burn::tensor::Tensor;
use burn_crown::train::{
    ActivityMeasure, EpsilonSchedule, LearnerError, RampShape, RobustLearner, RobustLoss,
    RobustObjective, TrainingMethod,
};
use burn_crown::{BoundConfig, Method, Perturbation, Projections};
use burn_crown_tests::test_device;

use crate::outcome::{Outcome, Row, must_refuse, same_kind};
use crate::plane::{Mlp, batch, objective, training_device};

pub(crate) const ROWS: &[Row] = &[
    Row {
        entry: "`EpsilonSchedule`",
        input: "a target that is NaN or infinite",
        run: || {
            same_kind(
                [f64::NAN, f64::INFINITY].map(|target| schedule(EpsilonSchedule::new(target))),
            )
        },
    },
    Row {
        entry: "`EpsilonSchedule`",
        input: "a negative target",
        run: || schedule(EpsilonSchedule::new(-0.1)),
    },
    Row {
        entry: "`EpsilonSchedule`",
        input: "a start above the target",
        run: || schedule(EpsilonSchedule::new(0.1).with_starting(0.2)),
    },
    Row {
        entry: "`EpsilonSchedule`",
        input: "a ramp that ends before it starts",
        run: || {
            schedule(
                EpsilonSchedule::new(0.1)
                    .with_start_step(2)
                    .with_end_step(1),
            )
        },
    },
    Row {
        entry: "`EpsilonSchedule`",
        input: "a middle outside 0 to 1, or NaN",
        run: || {
            schedule(EpsilonSchedule::new(0.1).with_mid_point(f64::NAN));
            schedule(EpsilonSchedule::new(0.1).with_mid_point(1.5))
        },
    },
    Row {
        entry: "`EpsilonSchedule`",
        input: "an exponent below 2, or NaN",
        run: || {
            schedule(EpsilonSchedule::new(0.1).with_exponent(f64::NAN));
            schedule(EpsilonSchedule::new(0.1).with_exponent(0.0))
        },
    },
    Row {
        entry: "`EpsilonSchedule::epsilon`",
        input: "steps and ramps up to the largest number, of schedules that make sense",
        run: || {
            for shape in [RampShape::Linear, RampShape::Smoothed] {
                for (start, end) in [(0, 0), (5, 5), (1, usize::MAX), (usize::MAX, usize::MAX)] {
                    for mid_point in [0.0, 0.5, 1.0] {
                        let schedule = EpsilonSchedule::new(0.3)
                            .with_shape(shape)
                            .with_start_step(start)
                            .with_end_step(end)
                            .with_mid_point(mid_point);
                        schedule.check().unwrap();
                        for step in [0, 1, 6, usize::MAX / 2, usize::MAX] {
                            let epsilon = schedule.epsilon(step);
                            assert!((0.0..=0.3).contains(&epsilon), "{epsilon}: {schedule:?}");
                        }
                    }
                }
            }
            Outcome::Defined("a radius from the start to the target")
        },
    },
    Row {
        entry: "`EpsilonSchedule::epsilon`, `RobustObjective::coefficients`",
        input: "of schedules that make no sense",
        run: || {
            let values = [0.1, -1.0, f64::NAN, f64::INFINITY];
            for target in values {
                for other in values {
                    let schedule = EpsilonSchedule::new(target)
                        .with_shape(RampShape::Smoothed)
                        .with_starting(other)
                        .with_mid_point(other)
                        .with_exponent(other)
                        .with_start_step(9)
                        .with_end_step(3);
                    for step in [0, 4, 9, 10, usize::MAX] {
                        let _ = schedule.epsilon(step);
                        let ball = Perturbation::linf(0.1);
                        let _ = RobustObjective::new(ball, schedule).coefficients(step);
                    }
                    assert!(schedule.check().is_err(), "{schedule:?}");
                }
            }
            Outcome::Defined("some numbers; a step refuses the schedule")
        },
    },
    Row {
        entry: "`RobustObjective::with_final_beta`, `with_final_kappa`",
        input: "a share outside 0 to 1, or NaN",
        run: || {
            same_kind([2.0, -0.1, f64::NAN].into_iter().flat_map(|share| {
                [
                    refuses(objective().with_final_beta(share)),
                    refuses(objective().with_final_kappa(share)),
                ]
            }))
        },
    },
    Row {
        entry: "`RobustObjective::with_evaluation_epsilon`",
        input: "a radius that is negative, NaN or infinite",
        run: || {
            let refuses = |radius| refuses(objective().with_evaluation_epsilon(radius));
            same_kind([-0.1, f64::NAN, f64::INFINITY].map(refuses))
        },
    },
    Row {
        entry: "`RobustObjective::with_activity_penalty`, `with_l1_penalty`",
        input: "a weight that is negative, NaN or infinite",
        run: || {
            same_kind(
                [-0.1, f64::NAN, f64::INFINITY]
                    .into_iter()
                    .flat_map(|weight| {
                        let measure = ActivityMeasure::Stability;
                        [
                            refuses(objective().with_activity_penalty(measure, weight)),
                            refuses(objective().with_l1_penalty(weight)),
                        ]
                    }),
            )
        },
    },
    Row {
        entry: "`RobustObjective::new`, `with_evaluation_perturbation`",
        input: "a box, which has no radius",
        run: || {
            let end = Tensor::<2>::zeros([4, 2], &test_device());
            let box_of = Perturbation::between(end.clone(), end);
            same_kind([
                refuses(RobustObjective::new(
                    box_of.clone(),
                    EpsilonSchedule::new(0.1),
                )),
                refuses(objective().with_evaluation_perturbation(box_of)),
            ])
        },
    },
    Row {
        entry: "`RobustObjective::with_loss`",
        input: "the fused loss with natural training, the runner-up only, or estimates",
        run: || {
            let fused = || objective().with_loss(RobustLoss::Fused);
            let estimate = BoundConfig::new(Method::ConvexAdversarial)
                .with_projections(Some(Projections::new(5)));
            same_kind([
                refuses(fused().with_runner_up_only(true)),
                refuses(fused().with_method(TrainingMethod::Natural)),
                refuses(fused().with_bound(estimate)),
            ])
        },
    },
    Row {
        entry: "`RobustObjective::with_bound`",
        input: "projections of a method that has none",
        run: || {
            let bound = BoundConfig::new(Method::CrownIbp);
            learner(objective().with_bound(bound.with_projections(Some(Projections::new(5)))))
        },
    },
    Row {
        entry: "`RobustObjective::with_evaluation_bound`",
        input: "an estimate, which verifies nothing",
        run: || {
            let bound = BoundConfig::new(Method::ConvexAdversarial);
            let bound = bound.with_projections(Some(Projections::new(5)));
            learner(objective().with_evaluation_bound(bound))
        },
    },
];

fn schedule(schedule: EpsilonSchedule) -> Outcome {
    let found = must_refuse(schedule.check());
    let objective = RobustObjective::new(Perturbation::linf(0.1), schedule);
    assert!(matches!(objective.check(), Err(LearnerError::Schedule(_))));
    learner(objective);
    found
}

/// What the objective itself says; a learner says the same.
fn refuses(objective: RobustObjective) -> Outcome {
    let found = must_refuse(objective.check());
    same_kind([found, learner(objective)])
}

fn learner(objective: RobustObjective) -> Outcome {
    let device = training_device();
    let learner = RobustLearner::<_, 2>::new(Mlp::new(1, &device), objective);
    must_refuse(learner.check(&batch(1, 4, 0, &device)))
}
