//! Steps whose numbers stop being finite.
#![allow(clippy::unwrap_used)]

mod plane;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::InMemDataset;
use burn::module::{Module, Param, RunningState};
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::optim::SgdConfig;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use burn::train::{InferenceStep, Interrupter, LearningResult, SupervisedTraining, TrainStep};
use burn_crown::train::{
    LearnerError, NonFinite, RobustBatch, RobustDataLoader, RobustLearner, RunGuard,
};
use burn_crown::{BoundConfig, Bounded, Method, Statistics};
use crown_ibp::quiet::Quiet;
use plane::{
    BATCH, Mlp, MlpLearner, POINTS, Point, PointBatcher, STEPS_PER_EPOCH, batch, bits, loader,
    objective, points, training_device,
};

/// A step on the ramp: ε, κ and β are all inside their ranges.
const MIDDLE: usize = 2 * STEPS_PER_EPOCH;

/// Runs a training step that has to fail, and gives its step, its ε and what is not finite: the same
/// with and without the outputs at the images themselves.
fn failure<M: Bounded>(model: M, batch: RobustBatch<2>) -> (usize, f64, NonFinite) {
    let [with, without] = [true, false].map(|clean| {
        let guard = RunGuard::new(Interrupter::new());
        let objective = objective().with_clean_outputs(clean);
        let learner = RobustLearner::new(model.clone(), objective).with_guard(guard.clone());
        let output = TrainStep::step(&learner, batch.clone());
        assert_eq!(output.grads.len(), 0, "a failed step changes no parameter");
        assert!(output.item.logits.is_none());
        match guard.take().unwrap() {
            LearnerError::NotFinite {
                step: Some(step),
                epsilon,
                origin,
                ..
            } => (step, epsilon, origin),
            other => panic!("{other}"),
        }
    });
    assert_eq!(with, without);
    with
}

/// A layer with these weights, by rows of inputs, and no bias.
fn layer<const I: usize, const O: usize>(weights: [[f32; O]; I], device: &Device) -> Linear {
    let weight = TensorData::new(weights.concat(), [I, O]);
    Linear {
        weight: Param::from_data(weight, device),
        bias: None,
    }
}

/// Points in the middle, where opposite weights cancel.
fn middle(step: usize, device: &Device) -> RobustBatch<2> {
    let batch = batch(1, 4, step, device);
    RobustBatch {
        images: batch.images.full_like(0.5),
        ..batch
    }
}

#[derive(Module, Bounded, Debug)]
struct Deep {
    first: Linear,
    second: Linear,
    third: Linear,
}

impl Deep {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = relu(self.first.forward(x));
        let x = relu(self.second.forward(x));
        self.third.forward(x)
    }
}

#[test]
fn an_image_that_is_not_a_number_is_named() {
    let device = training_device();
    for number in [f32::NAN, f32::INFINITY] {
        // Without a radius, a rectifier loses the NaN on its way to the loss.
        for step in [0, MIDDLE] {
            let good = batch(1, 4, step, &device);
            let bad = Tensor::full([1, 1], number, &device);
            let images = good.images.clone().slice_assign([2..3, 1..2], bad);
            let (at, epsilon, origin) =
                failure(Mlp::new(1, &device), RobustBatch { images, ..good });
            assert_eq!(origin, NonFinite::Image(2));
            assert_eq!(
                (at, epsilon),
                (step, objective().coefficients(step).epsilon)
            );
        }
    }
}

#[test]
fn a_parameter_that_is_not_a_number_is_named() {
    let device = training_device();
    for step in [0, MIDDLE] {
        let mut model = Mlp::new(1, &device);
        let weight = model.hidden.weight.val().into_data();
        let mut numbers: Vec<f32> = weight.iter().collect();
        numbers[7] = f32::NAN;
        model.hidden.weight = Param::from_data(TensorData::new(numbers, [2, 24]), &device);
        let (_, _, origin) = failure(model, batch(1, 4, step, &device));
        assert_eq!(origin, NonFinite::Parameter("hidden.weight".into()));
    }
}

#[test]
fn an_overflow_is_traced_to_its_layer() {
    let device = training_device();
    // In the value of the second layer, with and without a radius.
    let large = |first: Linear| Deep {
        first,
        second: layer([[1e30; 2]; 2], &device),
        third: layer([[1.0, 0.5, -1.0]; 2], &device),
    };
    for step in [0, MIDDLE] {
        let model = large(layer([[1e30; 2]; 2], &device));
        let (_, _, origin) = failure(model, middle(step, &device));
        assert!(
            matches!(&origin, NonFinite::Value { operator, module }
                if !operator.is_empty() && module.starts_with("module `second`")),
            "{origin}"
        );
    }
    // In its bounds alone: at the point itself the first layer cancels.
    let cancelling = || layer([[1e30; 2], [-1e30; 2]], &device);
    let (_, _, origin) = failure(large(cancelling()), middle(MIDDLE, &device));
    assert!(
        matches!(&origin, NonFinite::Bounds { module, .. } if module.starts_with("module `second`")),
        "{origin}"
    );
    // In the coefficients alone: half of them in the second layer, half in the first.
    let model = Mlp {
        hidden: layer([[3e38, 3e38], [-3e38, -3e38]], &device),
        output: layer([[3.0, -3.0, 0.0]; 2], &device),
    };
    let (_, _, origin) = failure(model, middle(MIDDLE, &device));
    assert!(
        matches!(&origin, NonFinite::Coefficients { module, .. } if module.starts_with("module `hidden`")),
        "{origin}"
    );
}

#[derive(Module, Bounded, Debug)]
struct Normalised {
    hidden: Linear,
    norm: BatchNorm,
    output: Linear,
}

impl Normalised {
    fn new(hidden: Linear, device: &Device) -> Self {
        Self {
            hidden,
            norm: BatchNormConfig::new(2).init(device),
            output: layer([[1.0, 0.5, -1.0]; 2], device),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.output
            .forward(relu(self.norm.forward(self.hidden.forward(x))))
    }
}

/// Images of very different size.
fn spread(step: usize, device: &Device) -> RobustBatch<2> {
    let batch = batch(1, 4, step, device);
    let images = Tensor::from_floats([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], device);
    RobustBatch { images, ..batch }
}

#[test]
fn an_overflow_in_the_statistics_of_a_batch_is_traced_to_the_layer() {
    let device = training_device();
    // The values are finite, and with the running statistics all that follows is: their squares,
    // of which the variance is made, are not.
    for step in [0, MIDDLE] {
        for statistics in [Statistics::Batch, Statistics::Running] {
            let model = Normalised::new(layer([[1e25, 1e25]; 2], &device), &device);
            let guard = RunGuard::new(Interrupter::new());
            let learner = RobustLearner::new(model, objective())
                .with_statistics(statistics)
                .with_guard(guard.clone());
            TrainStep::step(&learner, spread(step, &device));
            let error = guard.take().unwrap();
            assert!(
                matches!(&error, LearnerError::NotFinite { origin: NonFinite::Value { module, .. }, .. }
                    if module.starts_with("module `norm`")),
                "step {step}, {statistics:?}: {error}"
            );
        }
    }
}

#[test]
fn running_statistics_that_are_not_used_are_named_when_nothing_else_is_wrong() {
    let device = training_device();
    let hidden = layer([[1.0, -1.0]; 2], &device);
    let mut model = Normalised::new(hidden, &device);
    let infinite = Tensor::full([2], f32::INFINITY, &device.clone().inner());
    model.norm.running_mean = RunningState::new(infinite);
    let (_, _, origin) = failure(model, spread(MIDDLE, &device));
    assert_eq!(origin, NonFinite::Parameter("norm.running_mean".into()));
}

#[test]
fn a_gradient_that_is_not_finite_is_named_in_its_step() {
    let device = training_device();
    // All outputs are alike and finite; the gradient of the first layer has the second one's
    // weights as factors, whose product is infinite.
    let model = Deep {
        first: layer([[1e-38; 2]; 2], &device),
        second: layer([[3e30; 2]; 2], &device),
        third: layer([[2e10, 0.0, 0.0]; 2], &device),
    };
    for step in [0, MIDDLE] {
        let guard = RunGuard::new(Interrupter::new());
        // CROWN's coefficients have the same factors.
        let intervals = objective().with_bound(BoundConfig::new(Method::Interval));
        let learner = RobustLearner::new(model.clone(), intervals).with_guard(guard.clone());
        let output = TrainStep::step(&learner, middle(step, &device));
        assert_eq!(output.grads.len(), 0, "a failed step changes no parameter");
        let error = guard.take().unwrap();
        let LearnerError::NotFinite { loss, origin, .. } = &error else {
            panic!("{error}")
        };
        assert!(loss.is_finite(), "{loss}");
        assert_eq!(
            *origin,
            NonFinite::Gradient("first.weight".into()),
            "{error}"
        );
    }
}

#[test]
fn validation_refuses_outputs_that_are_not_finite() {
    let device = training_device();
    let model = Mlp {
        hidden: layer([[1e30; 2]; 2], &device),
        output: layer([[1e30, 0.0, -1e30]; 2], &device),
    };
    let guard = RunGuard::new(Interrupter::new());
    let learner = RobustLearner::<_, 2>::new(model, objective()).with_guard(guard.clone());
    InferenceStep::step(&learner.valid(), batch(1, 4, 0, &device.inner()));
    let error = guard.take().unwrap();
    assert!(
        matches!(&error, LearnerError::NotFinite { step: None, origin: NonFinite::Value { module, .. }, .. }
            if module.starts_with("module `output`")),
        "{error}"
    );
}

#[test]
#[should_panic(expected = "training step 30 failed: at training step 30, with ε = ")]
fn without_a_guard_the_step_panics() {
    let device = training_device();
    let good = batch(1, 4, MIDDLE, &device);
    let images = good.images.full_like(f32::NAN);
    let learner = RobustLearner::new(Mlp::new(1, &device), objective());
    TrainStep::step(&learner, RobustBatch { images, ..good });
}

/// Trains with a guard and plain gradient descent.
fn guarded(
    train: RobustDataLoader<Point, 2>,
    rate: f64,
) -> (LearningResult<MlpLearner>, Option<LearnerError>) {
    let folder = tempfile::tempdir().unwrap();
    let interrupter = Interrupter::new();
    let guard = RunGuard::new(interrupter.clone());
    let learner = RobustLearner::new(Mlp::new(1, &training_device()), objective());
    let result = SupervisedTraining::new(folder.path(), Arc::new(train), Arc::new(loader(2)))
        .renderer(Box::new(Quiet))
        .with_application_logger(None)
        .with_interrupter(interrupter)
        .num_epochs(2)
        .launch(
            learner
                .with_guard(guard.clone())
                .learner(SgdConfig::new().init(), rate),
        );
    (result, guard.take())
}

#[test]
fn a_learning_rate_that_is_too_large_stops_the_run() {
    let (result, error) = guarded(loader(1), 1e30);
    let error = error.unwrap();
    let LearnerError::NotFinite {
        step, ref origin, ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(step, Some(1));
    assert!(matches!(origin, NonFinite::Value { .. }), "{origin}");
    assert!(result.error.is_none());
    let reason = result.interrupted.unwrap().reason.unwrap();
    assert_eq!(reason, error.to_string());
}

/// Makes one batch of a run, the 21st, not a number.
#[derive(Clone)]
struct Spoiling(Arc<AtomicUsize>);

impl Batcher<Point, (Tensor<2>, Tensor<1, Int>)> for Spoiling {
    fn batch(&self, items: Vec<Point>, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
        let (images, labels) = PointBatcher.batch(items, device);
        match self.0.fetch_add(1, Ordering::SeqCst) {
            20 => (images.full_like(f32::NAN), labels),
            _ => (images, labels),
        }
    }
}

#[test]
fn a_stopped_run_keeps_the_parameters_of_its_last_good_step() {
    let spoiling = Spoiling(Arc::default());
    let dataset = Arc::new(InMemDataset::new(points(1, POINTS)));
    let train = RobustDataLoader::new(dataset, spoiling.clone(), BATCH).unwrap();
    let (result, error) = guarded(train, 0.1);
    let error = error.unwrap();
    assert!(
        matches!(
            error,
            LearnerError::NotFinite {
                step: Some(20),
                origin: NonFinite::Image(0),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(spoiling.0.load(Ordering::SeqCst), 21);

    // The same 20 steps, one by one.
    let device = training_device();
    let learner = RobustLearner::new(Mlp::new(1, &device), objective());
    let mut learner = learner.learner(SgdConfig::new().init(), 0.1);
    let points = points(1, POINTS);
    for step in 0..20 {
        let start = step % STEPS_PER_EPOCH * BATCH;
        let items = points[start..start + BATCH].to_vec();
        let (images, labels) = PointBatcher.batch(items, &device);
        let output = TrainStep::step(&learner.model(), RobustBatch::new(images, labels, step));
        learner.lr_step();
        learner.optimizer_step(output.grads);
    }
    assert_eq!(bits(&result.model), bits(&learner.model()));
}
