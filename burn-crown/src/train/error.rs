//! What keeps a model and an objective from being trained together.

use super::{NonFinite, ScheduleError};
use crate::BoundError;

/// An error of a [`RobustLearner`](super::RobustLearner).
#[derive(Debug, thiserror::Error)]
pub enum LearnerError {
    /// The model's output cannot be bounded.
    #[error(transparent)]
    Bound(#[from] BoundError),
    /// The objective's ε schedule makes no sense.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A number of the objective lies outside the range in which it has a meaning.
    #[error("the objective's `{name}` is {value}; give a finite number {range}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The range, in words.
        range: &'static str,
    },
    /// The perturbation of training or of validation has no radius that could be set.
    #[error(
        "the perturbation, a region between two tensors or of substitutions, has no radius that a \
         schedule could set; train and validate with a ball such as `Perturbation::linf`"
    )]
    NoRadius,
    /// The fused loss, and something that it cannot be combined with.
    #[error(
        "the objective's loss is `RobustLoss::Fused`, together with {with}; choose {give}, or \
         `RobustLoss::Margins`"
    )]
    Fused {
        /// What it is combined with, in words.
        with: &'static str,
        /// What to choose in its place, in words.
        give: &'static str,
    },
    /// Batch normalisation on several devices.
    #[error(
        "`{path}` is batch normalisation, which several devices cannot train together: each would \
         normalise by its own samples and overwrite the running statistics of the others; train on \
         one device, with `DataParallel::with_accumulation` where a batch is too large for it"
    )]
    RunningStatistics {
        /// The path of the layer.
        path: String,
    },
    /// The model's forward pass does not take one tensor of the batches' rank.
    #[error(
        "the learner's batches have images of rank {rank}, but the model's forward pass takes \
         tensors of ranks {inputs:?}; a learner trains models with one input of that rank"
    )]
    Inputs {
        /// The rank of the batches' images.
        rank: usize,
        /// The ranks of the model's inputs.
        inputs: Vec<usize>,
    },
    /// The model's output is not one row of class scores for each sample.
    #[error(
        "for {samples} samples the model's output has shape {shape:?}; a classifier gives \
         [{samples}, classes] with at least 2 classes"
    )]
    Output {
        /// The samples that went in.
        samples: usize,
        /// The shape that came out.
        shape: Vec<usize>,
    },
    /// A batch has no samples, or not one label for each.
    #[error("a batch has {images} images and {labels} labels; give one label for each image")]
    Count {
        /// The images of the batch.
        images: usize,
        /// Its labels.
        labels: usize,
    },
    /// A batch is no part of an optimizer step.
    #[error("a batch's share of its step is {share}; give a number above 0, and at most 1")]
    Share {
        /// The share.
        share: f64,
    },
    /// A step's numbers are infinite or NaN: there is nothing more to be learned from it.
    #[error(
        "{} the loss is {loss}: the first numbers that are not finite are {origin}",
        match step {
            Some(step) => format!("at training step {step}, with ε = {epsilon:?},"),
            None => "in validation".into(),
        }
    )]
    NotFinite {
        /// The number of the training step, counted from 0; none in validation.
        step: Option<usize>,
        /// The radius of the perturbation.
        epsilon: f64,
        /// The loss of the batch. It may be finite where images, parameters or gradients are not, and
        /// is NaN where there are no bounds.
        loss: f64,
        /// Which numbers are not finite.
        origin: NonFinite,
    },
    /// A label is no class of the model.
    #[error(
        "a label is {label}, but the model has {classes} classes; labels are from 0 to {}",
        classes - 1
    )]
    Label {
        /// The label.
        label: i64,
        /// The number of classes.
        classes: usize,
    },
}
