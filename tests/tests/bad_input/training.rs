//! Batches and models that no step can be made of.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{DType, Int, Tensor};
use burn::train::{InferenceStep, Interrupter, TrainStep};
use burn_crown::Bounded;
use burn_crown::train::{RobustBatch, RobustLearner, RobustObjective, RunGuard};
use burn_crown_tests::parameters::map_parameters;

use crate::outcome::{Outcome, Row, must_refuse, refused, same_kind};
use crate::plane::{Mlp, batch, objective, training_device};

pub(crate) const ROWS: &[Row] = &[
    Row {
        entry: "`RobustLearner::step`",
        input: "an image that is NaN or infinite",
        run: || {
            same_kind([f32::NAN, f32::INFINITY].map(|number| {
                let good = good();
                let images = good.images.full_like(number);
                steps(mlp(), RobustBatch { images, ..good })
            }))
        },
    },
    Row {
        entry: "`RobustLearner::step`",
        input: "a parameter that is NaN or infinite",
        run: || {
            same_kind([f64::NAN, f64::INFINITY].map(|number| {
                let model = map_parameters(mlp(), DType::F32, |path, _, values| {
                    if path == "hidden.weight" {
                        values[3] = number;
                    }
                });
                steps(model, good())
            }))
        },
    },
    Row {
        entry: "`RobustLearner::step`",
        input: "weights of 1e30",
        run: || {
            let model = map_parameters(mlp(), DType::F32, |_, _, values| {
                for (index, value) in values.iter_mut().enumerate() {
                    *value = 1e30 * (1.0 - (index % 4) as f64);
                }
            });
            steps(model, good())
        },
    },
    Row {
        entry: "`RobustLearner::check`, `step`",
        input: "a label that is no class",
        run: || label(3),
    },
    Row {
        entry: "`RobustLearner::check`, `step`",
        input: "a negative label",
        run: || label(-1),
    },
    Row {
        entry: "`RobustLearner::check`, `step`",
        input: "an empty batch",
        run: || {
            let good = good();
            checked(RobustBatch {
                images: Tensor::empty([0, 2], &good.images.device()),
                labels: Tensor::empty([0], &good.images.device()),
                ..good
            })
        },
    },
    Row {
        entry: "`RobustLearner::check`, `step`",
        input: "another number of labels than of images",
        run: || {
            let good = good();
            let labels = good.labels.clone().narrow(0, 0, 3);
            checked(RobustBatch { labels, ..good })
        },
    },
    Row {
        entry: "`RobustLearner::check`, `step`",
        input: "a share of 0, 2 or NaN of the step",
        run: || same_kind([0.0, 2.0, f64::NAN].map(|share| checked(good().with_share(share)))),
    },
    Row {
        entry: "`RobustLearner::check`, `step`",
        input: "images of another size",
        run: || {
            let good = good();
            let images = Tensor::zeros([4, 3], &good.images.device());
            checked(RobustBatch { images, ..good })
        },
    },
    Row {
        entry: "`RobustLearner::check`, `step`",
        input: "a model of one class",
        run: || {
            let model = One {
                layer: Mlp::new(1, &training_device()).hidden,
            };
            let found = must_refuse(learner(model.clone(), objective()).check(&good()));
            same_kind([found, steps(model, good())])
        },
    },
    Row {
        entry: "`RobustLearner::check`",
        input: "images of another rank than the model's",
        run: || {
            let device = training_device();
            let images = Tensor::<3>::zeros([4, 2, 1], &device);
            let labels = Tensor::<1, Int>::zeros([4], &device);
            let learner = RobustLearner::<_, 3>::new(mlp(), objective());
            must_refuse(learner.check(&RobustBatch::new(images, labels, MIDDLE)))
        },
    },
    Row {
        entry: "`RobustLearner::check`",
        input: "a model and images in f16",
        run: || half(DType::F16),
    },
    Row {
        entry: "`RobustLearner::check`",
        input: "a model in f64, images in f32",
        run: || {
            let model = map_parameters(mlp(), DType::F64, |_, _, _| {});
            must_refuse(learner(model, objective()).check(&good()))
        },
    },
];

/// A step on the ramp of the schedule.
const MIDDLE: usize = 30;

fn mlp() -> Mlp {
    Mlp::new(1, &training_device())
}

fn good() -> RobustBatch<2> {
    batch(1, 4, MIDDLE, &training_device())
}

fn learner<M: Bounded>(model: M, objective: RobustObjective) -> RobustLearner<M, 2> {
    RobustLearner::new(model, objective)
}

fn label(label: i64) -> Outcome {
    let good = good();
    let labels = Tensor::from_data([0, 1, label, 2], &good.images.device());
    checked(RobustBatch { labels, ..good })
}

/// What `check` says, and the steps as well.
fn checked(batch: RobustBatch<2>) -> Outcome {
    let found = must_refuse(learner(mlp(), objective()).check(&batch));
    same_kind([found, steps(mlp(), batch)])
}

/// The error of a training step, at ε above 0 and at 0, and of a validation step; with the outputs at
/// the images themselves and without.
fn steps<M: Bounded>(model: M, batch: RobustBatch<2>) -> Outcome {
    same_kind([true, false].map(|clean| {
        let objective = objective().with_clean_outputs(clean);
        steps_of(learner(model.clone(), objective), batch.clone())
    }))
}

fn steps_of<M: Bounded>(learner: RobustLearner<M, 2>, batch: RobustBatch<2>) -> Outcome {
    let guard = RunGuard::new(Interrupter::new());
    let learner = learner.with_guard(guard.clone());
    let failed = || refused(&guard.take().expect("the step fails"));
    let outcomes = [MIDDLE, 0].map(|step| {
        let output = TrainStep::step(
            &learner,
            RobustBatch {
                step,
                ..batch.clone()
            },
        );
        assert_eq!(output.grads.len(), 0, "a failed step changes no parameter");
        failed()
    });
    InferenceStep::step(&learner.valid(), inner(batch));
    let [first, second] = outcomes;
    same_kind([first, second, failed()])
}

fn inner(batch: RobustBatch<2>) -> RobustBatch<2> {
    RobustBatch {
        images: batch.images.without_autodiff(),
        labels: batch.labels.without_autodiff(),
        ..batch
    }
}

fn half(dtype: DType) -> Outcome {
    let model = map_parameters(mlp(), dtype, |_, _, _| {});
    let good = good();
    let images = good.images.clone().cast(dtype);
    must_refuse(learner(model, objective()).check(&RobustBatch { images, ..good }))
}

/// A model of one output.
#[derive(Module, Bounded, Debug)]
struct One {
    layer: Linear,
}

impl One {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layer.forward(x).narrow(1, 0, 1)
    }
}
