//! The fused loss: one linear bound of the sum of exponentials.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{DType, Int, Tensor, TensorData};
use burn::train::{Interrupter, TrainStep};
use burn_crown::train::{
    LearnerError, NonFinite, RobustBatch, RobustLearner, RobustLoss, RobustObjective, RunGuard,
    TrainingMethod, robust_cross_entropy,
};
use burn_crown::{Method, Projections, Specification, certified};
use burn_crown_tests::parameters::{map_parameters, read_parameters, to_vec};
use burn_crown_tests::test_device;

use crate::plane::{Mlp, training_device};
use crate::setup::{
    HALF_WAY, SAMPLES, analysis, assert_close, batch_at, bounds, checked_gradients, in_f64,
    learner, losses, objective, step,
};

fn fused() -> RobustObjective {
    objective().with_loss(RobustLoss::Fused)
}

/// What the fused loss should be for a method, number by number: chords over the intervals of the
/// margins, their sum as a row, and its bound mixed with that of intervals.
fn expected(method: Method, beta: f64) -> Vec<f64> {
    let (analysis, _, labels) = analysis();
    let by_interval = bounds(Method::Interval);
    let margins = analysis
        .bounds(&Specification::Margins(labels.clone()), &by_interval)
        .unwrap();
    let (lower, upper) = (to_vec(margins.lower), to_vec(margins.upper));
    let slopes: Vec<f64> = lower
        .iter()
        .zip(&upper)
        .map(|(lower, upper)| ((-lower).exp() - (-upper).exp()) / (upper - lower))
        .collect();
    // Of the sum of the slopes times the margins, two of them for each sample with three classes.
    let labels: Vec<i64> = labels.into_data().iter().collect();
    let mut row = Vec::new();
    for (slopes, label) in slopes.chunks(2).zip(labels) {
        let mut of_others = slopes.iter();
        row.extend((0..3).map(|class| match class == label {
            true => slopes.iter().sum::<f64>(),
            false => -of_others.next().unwrap(),
        }));
    }
    let row = TensorData::new(row, [SAMPLES, 1, 3]);
    let row = Specification::Linear(Tensor::from_data(row, (&test_device(), DType::F64)));
    let least = to_vec(analysis.lower(&row, &bounds(method)).unwrap());
    (0..SAMPLES)
        .map(|sample| {
            let at = 2 * sample..2 * sample + 2;
            let ends: f64 = lower[at.clone()].iter().map(|lower| (-lower).exp()).sum();
            let at_zero: f64 = at
                .map(|at| (-lower[at]).exp() + slopes[at] * lower[at])
                .sum();
            let sum = beta * (at_zero - least[sample]) + (1.0 - beta) * ends;
            (1.0 + sum).ln()
        })
        .collect()
}

#[test]
fn the_fused_loss_is_its_formula() {
    let mixed = losses(&fused(), HALF_WAY);
    assert_close(&mixed, &expected(Method::CrownIbp, 0.5), "β 0.5");
    let crown = fused().with_final_beta(1.0);
    assert_close(
        &losses(&crown, HALF_WAY),
        &expected(Method::CrownIbp, 1.0),
        "β 1",
    );
    // Past the ramp β is 0, where the sum has the bounds of intervals.
    let late = 2 * HALF_WAY;
    let intervals = objective().with_bound(bounds(Method::Interval));
    assert_close(&losses(&fused(), late), &losses(&intervals, late), "β 0");
    let of_intervals = intervals.clone().with_loss(RobustLoss::Fused);
    assert_eq!(
        losses(&of_intervals, HALF_WAY),
        losses(&intervals, HALF_WAY)
    );
    for method in [
        Method::Crown,
        Method::ConvexAdversarial,
        Method::Forward,
        Method::ForwardBackward,
    ] {
        let other = fused().with_bound(bounds(method));
        assert_close(&losses(&other, HALF_WAY), &expected(method, 1.0), "method");
    }
    assert_ne!(mixed, losses(&objective(), HALF_WAY));
    // At radius 0 every loss is the natural one.
    assert_eq!(losses(&fused(), 0), losses(&objective(), 0));
}

#[test]
fn gradients_are_those_of_the_fused_loss() {
    checked_gradients(&fused());
    checked_gradients(&fused().with_final_beta(1.0));
    checked_gradients(&fused().with_method(TrainingMethod::RobustNatural));
    for method in [Method::Interval, Method::Crown, Method::ForwardBackward] {
        checked_gradients(&fused().with_bound(bounds(method)));
    }
}

#[test]
fn intervals_verify_what_the_fused_loss_trains() {
    let (analysis, _, labels) = analysis();
    let margins = Specification::Margins(labels);
    let interval = analysis.lower(&margins, &bounds(Method::Interval)).unwrap();
    let expected: Vec<bool> = certified(interval).into_data().iter().collect();
    for method in [Method::Interval, Method::CrownIbp, Method::Crown] {
        let objective = fused().with_bound(bounds(method)).with_final_beta(1.0);
        assert_eq!(objective.training_certificate(), Method::Interval);
        let verified = step(&objective, HALF_WAY).item.verified;
        assert_eq!(verified.into_data().iter().collect::<Vec<bool>>(), expected);
    }
}

/// A loss of the batch is that of its parts: a batch can be shared by devices.
#[test]
fn samples_do_not_see_each_other() {
    let whole = losses(&fused(), HALF_WAY);
    let RobustBatch { images, labels, .. } = batch_at(HALF_WAY, &training_device());
    let mut parts = Vec::new();
    for (from, count) in [(0, 5), (5, 1), (6, SAMPLES - 6)] {
        let images = images.clone().narrow(0, from, count);
        let labels = labels.clone().narrow(0, from, count);
        let part = RobustBatch::new(images, labels, HALF_WAY);
        parts.extend(to_vec(TrainStep::step(&learner(&fused()), part).item.loss));
    }
    assert_close(&parts, &whole, "parts");
}

/// With one other class the chord is above the exponential of the margin's own bound.
#[test]
fn with_two_classes_the_fused_loss_is_no_lower() {
    let loss = |objective: RobustObjective| {
        let RobustBatch { images, labels, .. } = batch_at(0, &training_device());
        let batch = RobustBatch::new(images, labels.clamp_max(1), HALF_WAY);
        let mut model = Mlp::new(1, &training_device());
        let Linear { weight, bias } = model.output;
        model.output = Linear {
            weight: weight.map(|weight| weight.narrow(1, 0, 2).detach()),
            bias: bias.map(|bias| bias.map(|bias| bias.narrow(0, 0, 2).detach())),
        };
        let learner = RobustLearner::<_, 2>::new(in_f64(model), objective);
        to_vec(TrainStep::step(&learner, batch).item.loss)
    };
    let (fused, exact) = (loss(fused()), loss(objective()));
    for (fused, exact) in fused.iter().zip(&exact) {
        assert!(*fused >= exact - 1e-12, "{fused} below {exact}");
    }
    assert_ne!(fused, exact);
}

/// A network whose outputs are `bias ± scale · relu(…)`.
fn outputs(scale: f64, bias: [f64; 3], dtype: DType) -> Mlp {
    let device = training_device();
    let linear = |weight: Vec<f64>, shape: [usize; 2], bias: Vec<f64>| Linear {
        weight: Param::from_data(TensorData::new(weight, shape), &device),
        bias: Some(Param::from_data(
            TensorData::new(bias.clone(), [bias.len()]),
            &device,
        )),
    };
    let model = Mlp {
        hidden: linear(vec![2.0, -4.0], [2, 1], vec![0.2]),
        output: linear(vec![scale, -scale, 0.5 * scale], [1, 3], bias.to_vec()),
    };
    map_parameters(model, dtype, |_, _, _| ())
}

/// Margins of ten thousand on either side, intervals of every width, and none.
#[test]
fn large_and_narrow_margins_have_finite_losses_above_the_exact_ones() {
    for (dtype, epsilon) in [
        (DType::F32, f64::from(f32::EPSILON)),
        (DType::F64, f64::EPSILON),
    ] {
        for bias in [
            [0.0, 0.0, 0.0],
            [1e4, -1e4, 0.0],
            [-1e4, 1e4, 1e4],
            [0.0, 30.0, -30.0],
        ] {
            for scale in [0.0, 1e-9, 1e-6, 1e-3, 1.0, 1e2, 1e4] {
                for final_beta in [1.0, 0.0] {
                    let model = outputs(scale, bias, dtype);
                    let RobustBatch { images, labels, .. } = batch_at(0, &training_device());
                    let (images, values) = (images.cast(dtype), labels.clone());
                    let batch = RobustBatch::new(images, labels, HALF_WAY);
                    let objective = fused().with_final_beta(final_beta);
                    let learner = RobustLearner::<_, 2>::new(model, objective);
                    let output = TrainStep::step(&learner, batch);
                    let found = to_vec(output.item.loss.clone());
                    let what = format!("{dtype:?}, {bias:?}, scale {scale}, β {final_beta}");
                    // Exact at the images themselves, and where nothing varies the bound is exact.
                    let exact = exact_losses(&to_vec(output.item.logits.unwrap()), values);
                    for (found, exact) in found.iter().zip(&exact) {
                        // A sum of a few numbers of this size is off by some units.
                        let size = bias[0].abs().max(30.0) + scale;
                        let allowed = 16.0 * epsilon * size;
                        assert!(*found >= exact - allowed, "{what}: {found} below {exact}");
                        assert!(
                            scale > 0.0 || *found <= exact + allowed,
                            "{what}: {found} for {exact}"
                        );
                    }
                    for (name, gradient) in read_parameters(learner.model(), &output.grads) {
                        assert!(
                            gradient.iter().all(|value| value.is_finite()),
                            "{what}: {name} has the gradient {gradient:?}"
                        );
                    }
                }
            }
        }
    }
}

/// What overflows is no loss: neither 0 nor anything else that training could take for one.
#[test]
fn margins_that_overflow_have_no_fused_loss() {
    for final_beta in [1.0, 0.0] {
        let guard = RunGuard::new(Interrupter::new());
        let model = outputs(3e38, [0.0; 3], DType::F32);
        let learner = RobustLearner::<_, 2>::new(model, fused().with_final_beta(final_beta))
            .with_guard(guard.clone());
        let RobustBatch { images, labels, .. } = batch_at(0, &training_device());
        // Points at which the neuron is off: the outputs themselves are finite.
        let images = images.cast(DType::F32).mul_scalar(0.0).add_scalar(0.2);
        TrainStep::step(&learner, RobustBatch::new(images, labels, HALF_WAY));
        let error = guard.take().unwrap();
        let LearnerError::NotFinite { loss, origin, .. } = &error else {
            panic!("{error}")
        };
        assert!(!loss.is_finite(), "{loss}");
        assert!(matches!(origin, NonFinite::Coefficients { .. }), "{origin}");
    }
}

/// The cross-entropy of three outputs, sample by sample, in `f64`.
fn exact_losses(logits: &[f64], labels: Tensor<1, Int>) -> Vec<f64> {
    let labels = labels.into_data();
    let margins: Vec<f64> = logits
        .chunks(3)
        .zip(labels.iter::<i64>())
        .flat_map(|(logits, label)| {
            let own = logits[label as usize];
            let others = (0..3).filter(move |&class| class != label);
            others.map(move |class| own - logits[class as usize])
        })
        .collect();
    let shape = [margins.len() / 2, 2];
    let margins = TensorData::new(margins, shape);
    to_vec(robust_cross_entropy(Tensor::from_data(
        margins,
        (&test_device(), DType::F64),
    )))
}

#[test]
fn what_has_no_fused_loss_is_refused() {
    let projections = Some(Projections::new(20));
    let estimate = bounds(Method::ConvexAdversarial).with_projections(projections);
    for (objective, words) in [
        (
            fused().with_method(TrainingMethod::Natural),
            "natural training",
        ),
        (fused().with_runner_up_only(true), "`runner_up_only`"),
        (fused().with_bound(estimate), "random projections"),
    ] {
        let error = objective.check().unwrap_err();
        assert!(matches!(error, LearnerError::Fused { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(words), "{message}");
        let without = objective.with_loss(RobustLoss::Margins);
        assert!(without.check().is_ok(), "{words}");
    }
}

#[test]
fn the_loss_has_a_word_in_files() {
    for (loss, word) in [
        (RobustLoss::Margins, "\"margins\""),
        (RobustLoss::Fused, "\"fused\""),
    ] {
        assert_eq!(serde_json::to_string(&loss).unwrap(), word);
        assert_eq!(serde_json::from_str::<RobustLoss>(word).unwrap(), loss);
    }
}
