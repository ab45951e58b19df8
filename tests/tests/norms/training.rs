//! The loss falls; at the end of training the bounds hold on points of the ball, and certificates
//! are those of evaluation.

use burn::module::Module;
use burn::optim::AdamConfig;
use burn::tensor::{Tensor, TensorData};
use burn::train::InferenceStep;
use burn_crown::train::{EpsilonSchedule, RobustBatch, RobustLearner, RobustObjective};
use burn_crown::{BoundConfig, Method, Norm, Perturbation, Verifier};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::test_device;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::NORMS;
use crate::plane::{Mlp, MlpLearner, batch, training_device};

const SAMPLES: usize = 96;
/// The radius of training.
const EPSILON: f64 = 0.12;
/// The radius of evaluation, at which some samples cannot be verified in the larger balls.
const EVALUATED: f64 = 0.17;
/// It cuts most of the points' regions.
const RANGE: (f64, f64) = (0.1, 0.9);
const STEPS: usize = 30;

fn exponent(norm: Norm) -> f64 {
    match norm {
        Norm::Linf => f64::INFINITY,
        Norm::L2 => 2.0,
        Norm::L1 => 1.0,
        Norm::Lp(p) => p,
    }
}

fn length(change: [f64; 2], p: f64) -> f64 {
    let [x, y] = change.map(f64::abs);
    if p.is_infinite() {
        x.max(y)
    } else {
        (x.powf(p) + y.powf(p)).powf(1.0 / p)
    }
}

/// A change of length `EVALUATED` at most; most are on the edge, and many on a corner of some norm.
fn change(norm: Norm, random: &mut StdRng) -> [f64; 2] {
    let direction = match random.random_range(0..3) {
        0 => [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]][random.random_range(0..4)],
        1 => [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]][random.random_range(0..4)],
        _ => [
            random.random_range(-1.0..1.0),
            random.random_range(-1.0..1.0),
        ],
    };
    let size = length(direction, exponent(norm)).max(1e-9);
    let part = if random.random_bool(0.8) {
        1.0
    } else {
        random.random_range(0.0..1.0)
    };
    direction.map(|x| x / size * EVALUATED * part)
}

/// The smallest margins that sampled points of the regions have, in the layout of the bounds.
fn sampled_margins(
    model: &Mlp,
    batch: &RobustBatch<2>,
    norm: Norm,
    range: Option<(f64, f64)>,
) -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(7);
    let images = to_vec(batch.images.clone());
    let labels: Vec<i64> = batch.labels.clone().into_data().iter().collect();
    let mut smallest = vec![f64::INFINITY; 2 * SAMPLES];
    for _ in 0..64 {
        let moved: Vec<f64> = images
            .chunks(2)
            .flat_map(|image| {
                let change = change(norm, &mut random);
                // Cutting makes each change smaller, so that it stays in the ball.
                [0, 1].map(|at| match range {
                    Some((lower, upper)) => (image[at] + change[at]).clamp(lower, upper),
                    None => image[at] + change[at],
                })
            })
            .collect();
        let points = Tensor::from_data(TensorData::new(moved, [SAMPLES, 2]), &test_device());
        let logits = to_vec(model.forward(points));
        let margins = labels
            .iter()
            .zip(logits.chunks(3))
            .flat_map(|(&label, logits)| {
                (0..3)
                    .filter(move |&other| other != label)
                    .map(move |other| logits[label as usize] - logits[other as usize])
            });
        for (smallest, margin) in smallest.iter_mut().zip(margins) {
            *smallest = smallest.min(margin);
        }
    }
    smallest
}

fn trains(norm: Norm, range: Option<(f64, f64)>, method: Method) {
    let what = format!("{norm:?}, {range:?}, {method}");
    let bound = BoundConfig::new(method);
    let perturbation = Perturbation::ball(norm, EVALUATED);
    let perturbation = match range {
        Some((lower, upper)) => perturbation.with_range(lower, upper),
        None => perturbation,
    };
    let schedule = EpsilonSchedule::new(EPSILON).with_end_step(STEPS / 2);
    let objective = RobustObjective::new(perturbation.clone(), schedule)
        .with_bound(bound.clone())
        .with_evaluation_bound(bound.clone())
        .with_evaluation_epsilon(EVALUATED);
    let evaluation = batch(9, SAMPLES, 0, &test_device());
    let evaluated = |learner: &MlpLearner| {
        let output = InferenceStep::step(&learner.valid(), evaluation.clone());
        let verified: Vec<bool> = output.verified.into_data().iter().collect();
        (output.loss.mean().into_scalar::<f64>(), verified)
    };
    let count = |verified: &[bool]| verified.iter().filter(|&&verified| verified).count();

    let learner = RobustLearner::new(Mlp::new(1, &training_device()), objective);
    let (loss_before, verified_before) = evaluated(&learner);
    let mut learner = learner.learner(AdamConfig::new().init(), 0.03);
    for step in 0..STEPS {
        let batch = batch(step as u64, SAMPLES, step, &training_device());
        let output = learner.train_step(batch);
        learner.lr_step();
        learner.optimizer_step(output.grads);
    }
    let learner = learner.model();
    let (loss, verified) = evaluated(&learner);
    eprintln!(
        "{what}: loss {loss_before:.3} to {loss:.3}, verified {} to {} of {SAMPLES}",
        count(&verified_before),
        count(&verified)
    );
    assert!(loss < 0.8 * loss_before, "{what}: {loss_before} to {loss}");
    assert!(count(&verified) > count(&verified_before) + 10, "{what}");

    let model = learner.into_model().valid();
    let verifier = Verifier::new(model.clone()).with_config(bound);
    let (images, labels) = (evaluation.images.clone(), evaluation.labels.clone());
    let certified: Vec<bool> = verifier
        .certify(images.clone(), labels.clone(), &perturbation)
        .unwrap()
        .into_data()
        .iter()
        .collect();
    assert_eq!(verified, certified, "{what}");
    let bounds = verifier.margins(images, labels, &perturbation).unwrap();
    let sampled = sampled_margins(&model, &evaluation, norm, range);
    for (lower, margin) in to_vec(bounds.lower).into_iter().zip(&sampled) {
        let rounding = 1e-5 * margin.abs().max(1.0);
        assert!(lower <= margin + rounding, "{what}: {lower} above {margin}");
    }
    for (image, _) in verified
        .iter()
        .enumerate()
        .filter(|&(_, &verified)| verified)
    {
        let margins = &sampled[2 * image..2 * image + 2];
        assert!(margins.iter().all(|&margin| margin > 0.0), "{what}");
    }
}

#[test]
fn validation_has_a_perturbation_of_its_own() {
    let evaluated = Perturbation::l2(9.0).with_range(RANGE.0, RANGE.1);
    let schedule = EpsilonSchedule::new(EPSILON).with_end_step(STEPS);
    let objective = RobustObjective::new(Perturbation::linf(9.0), schedule)
        .with_evaluation_perturbation(evaluated)
        .with_evaluation_epsilon(EVALUATED);
    let model = Mlp::new(1, &training_device());
    let batch = batch(9, SAMPLES, 0, &test_device());
    let learner: MlpLearner = RobustLearner::new(model.clone(), objective);
    let losses = to_vec(InferenceStep::step(&learner.valid(), batch.clone()).loss);
    let verifier = Verifier::new(model.valid()).with_config(BoundConfig::new(Method::Interval));
    let differs = |perturbation: Perturbation| {
        let perturbation = perturbation.with_radius(EVALUATED);
        let margins = verifier.margins(batch.images.clone(), batch.labels.clone(), &perturbation);
        let margins = to_vec(margins.unwrap().lower);
        let expected = margins
            .chunks(2)
            .map(|two| (1.0 + (-two[0]).exp() + (-two[1]).exp()).ln());
        let differences = expected
            .zip(&losses)
            .map(|(one, other)| (one - other).abs());
        differences.fold(0.0, f64::max)
    };
    let (l2, linf) = (Perturbation::l2(1.0), Perturbation::linf(1.0));
    assert!(differs(l2.clone().with_range(RANGE.0, RANGE.1)) < 1e-5);
    assert!(differs(linf.with_range(RANGE.0, RANGE.1)) > 1e-3);
    assert!(differs(l2) > 1e-3);
}

#[test]
fn interval_bounds_train_in_every_norm() {
    for norm in NORMS {
        trains(norm, None, Method::Interval);
        trains(norm, Some(RANGE), Method::Interval);
    }
}

#[test]
fn crown_ibp_trains_in_every_norm() {
    for norm in NORMS {
        trains(norm, None, Method::CrownIbp);
        trains(norm, Some(RANGE), Method::CrownIbp);
    }
}

#[test]
fn crown_trains_in_every_norm() {
    for norm in NORMS {
        trains(norm, None, Method::Crown);
        trains(norm, Some(RANGE), Method::Crown);
    }
}

#[test]
fn the_convex_adversarial_polytope_trains_in_every_norm() {
    for norm in NORMS {
        trains(norm, None, Method::ConvexAdversarial);
        trains(norm, Some(RANGE), Method::ConvexAdversarial);
    }
}

/// The largest change of the points that stays in the ball is less in a smaller norm's dual: a ball
/// of a smaller exponent lies in that of a larger one.
#[test]
fn interval_bounds_of_nested_balls_are_nested() {
    let verifier =
        Verifier::new(Mlp::new(1, &test_device())).with_config(BoundConfig::new(Method::Interval));
    let RobustBatch { images, labels, .. } = batch(9, SAMPLES, 0, &test_device());
    for range in [None, Some(RANGE)] {
        let bounds: Vec<Vec<f64>> = [Norm::L1, Norm::Lp(1.5), Norm::L2, Norm::Lp(3.0), Norm::Linf]
            .into_iter()
            .map(|norm| {
                let perturbation = Perturbation::ball(norm, EPSILON);
                let perturbation = match range {
                    Some((lower, upper)) => perturbation.with_range(lower, upper),
                    None => perturbation,
                };
                let bounds = verifier.margins(images.clone(), labels.clone(), &perturbation);
                to_vec(bounds.unwrap().lower)
            })
            .collect();
        for pair in bounds.windows(2) {
            for (smaller, larger) in pair[0].iter().zip(&pair[1]) {
                assert!(*larger <= smaller + 1e-5, "{larger} above {smaller}");
            }
            assert_ne!(pair[0], pair[1]);
        }
    }
}
