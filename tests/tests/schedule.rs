//! ε schedules: the reference program's values, and what is refused.

#![allow(clippy::unwrap_used)]

use burn_crown::train::{EpsilonSchedule, RampShape, ScheduleError};
use serde::Deserialize;

/// What the reference program returned for one schedule.
#[derive(Deserialize)]
struct Reference {
    kind: RampShape,
    init_step: usize,
    final_step: usize,
    init_value: f64,
    final_value: f64,
    mid_point: f64,
    beta: f64,
    global_step: Vec<usize>,
    eps: Vec<f64>,
}

fn ramp() -> EpsilonSchedule {
    EpsilonSchedule::new(0.4)
        .with_start_step(100)
        .with_end_step(500)
}

#[test]
fn epsilon_is_that_of_the_reference_program() {
    let text = include_str!("../fixtures/schedules/schedules.json");
    let references: Vec<Reference> = serde_json::from_str(text).unwrap();
    assert_eq!(references.len(), 4);
    for reference in references {
        let schedule = EpsilonSchedule::new(reference.final_value)
            .with_starting(reference.init_value)
            .with_start_step(reference.init_step)
            .with_end_step(reference.final_step)
            .with_shape(reference.kind)
            .with_mid_point(reference.mid_point)
            .with_exponent(reference.beta);
        schedule.check().unwrap();
        assert_eq!(reference.global_step.len(), reference.eps.len());
        for (&step, &expected) in reference.global_step.iter().zip(&reference.eps) {
            let epsilon = schedule.epsilon(step);
            let allowed = 1e-14 * expected;
            assert!(
                (epsilon - expected).abs() <= allowed,
                "{schedule} at step {step}: {epsilon}, the reference has {expected}"
            );
        }
    }
}

#[test]
fn the_schedule_never_shrinks_and_ends_at_its_target() {
    for shape in [RampShape::Linear, RampShape::Smoothed] {
        for mid_point in [0.0, 0.25, 1.0] {
            let schedule = ramp()
                .with_shape(shape)
                .with_mid_point(mid_point)
                .with_starting(0.1);
            schedule.check().unwrap();
            assert_eq!(schedule.epsilon(0), 0.1);
            assert_eq!(schedule.epsilon(100), 0.1);
            for step in 0..600 {
                assert!(
                    schedule.epsilon(step) <= schedule.epsilon(step + 1),
                    "step {step}"
                );
            }
            assert!((schedule.epsilon(500) - 0.4).abs() < 1e-15);
            assert_eq!(schedule.epsilon(usize::MAX), 0.4);
        }
    }
}

#[test]
fn both_parts_of_a_smoothed_ramp_meet() {
    let schedule = ramp().with_shape(RampShape::Smoothed);
    // The power ends at step 200, with the slope of the line that follows.
    let slope = |step| schedule.epsilon(step + 1) - schedule.epsilon(step);
    assert!((slope(199) / slope(200) - 1.0).abs() < 0.02);
    assert!((slope(200) - slope(499)).abs() < 1e-12);
    assert!(slope(100) < 1e-3 * slope(200));
}

#[test]
fn a_ramp_without_length_is_defined() {
    let jump = EpsilonSchedule::new(0.3)
        .with_start_step(7)
        .with_end_step(7);
    jump.check().unwrap();
    assert_eq!([0, 7, 8].map(|step| jump.epsilon(step)), [0.3, 0.3, 0.3]);
    let smoothed = jump.with_shape(RampShape::Smoothed);
    assert_eq!(
        [0, 7, 8].map(|step| smoothed.epsilon(step)),
        [0.0, 0.0, 0.3]
    );
    let one_step = jump.with_end_step(8);
    assert_eq!(
        [0, 7, 8].map(|step| one_step.epsilon(step)),
        [0.0, 0.0, 0.3]
    );
}

#[test]
fn epochs_are_counted_as_in_experiment_files() {
    let schedule = EpsilonSchedule::new(0.3).over_epochs(1, 7, 235);
    assert_eq!((schedule.start_step, schedule.end_step), (235, 1645));
    for length in [0, 1] {
        let jump = EpsilonSchedule::new(0.3).over_epochs(2, length, 10);
        assert_eq!((jump.start_step, jump.end_step), (20, 20));
        jump.check().unwrap();
    }
}

#[test]
fn coefficients_follow_epsilon() {
    let schedule = ramp();
    for (epsilon, last, expected) in [
        (0.0, 0.0, 1.0),
        (0.2, 0.0, 0.5),
        (0.4, 0.0, 0.0),
        (0.2, 0.5, 0.75),
        (0.4, 0.5, 0.5),
        (0.4, 1.0, 1.0),
    ] {
        assert!((schedule.follow(epsilon, last) - expected).abs() < 1e-15);
    }
}

#[test]
fn a_target_of_zero_is_natural_training() {
    let schedule = EpsilonSchedule::new(0.0)
        .with_start_step(3)
        .with_end_step(9);
    schedule.check().unwrap();
    assert_eq!([0, 5, 20].map(|step| schedule.epsilon(step)), [0.0; 3]);
    assert_eq!(schedule.follow(0.0, 0.0), 1.0);
}

#[test]
fn a_schedule_that_makes_no_sense_is_refused() {
    let not_finite = |schedule: EpsilonSchedule, expected| match schedule.check() {
        Err(ScheduleError::NotFinite { name, .. }) => assert_eq!(name, expected),
        other => panic!("{expected}: {other:?}"),
    };
    let out_of_range = |schedule: EpsilonSchedule, expected| match schedule.check() {
        Err(ScheduleError::OutOfRange { name, .. }) => assert_eq!(name, expected),
        other => panic!("{expected}: {other:?}"),
    };
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        not_finite(EpsilonSchedule::new(number), "target");
        not_finite(ramp().with_starting(number), "starting");
        not_finite(ramp().with_mid_point(number), "mid_point");
        not_finite(ramp().with_exponent(number), "exponent");
    }
    out_of_range(EpsilonSchedule::new(-0.1), "target");
    out_of_range(ramp().with_starting(-0.1), "starting");
    out_of_range(ramp().with_mid_point(1.1), "mid_point");
    out_of_range(ramp().with_mid_point(-0.1), "mid_point");
    out_of_range(ramp().with_exponent(1.9), "exponent");
    let error = ramp().with_starting(0.5).check().unwrap_err();
    assert_eq!(
        error,
        ScheduleError::Shrinks {
            starting: 0.5,
            target: 0.4
        }
    );
    let error = ramp().with_end_step(99).check().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the ε schedule's ramp starts at step 100 and ends at step 99; \
         give an `end_step` that is at least the `start_step`"
    );
}

#[test]
fn a_schedule_survives_its_file() {
    let schedule = ramp().with_shape(RampShape::Smoothed);
    let text = serde_json::to_string(&schedule).unwrap();
    assert_eq!(
        serde_json::from_str::<EpsilonSchedule>(&text).unwrap(),
        schedule
    );
}
