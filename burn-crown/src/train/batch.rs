//! What a robust learner is given.

use burn::tensor::{Int, Tensor};

use super::LearnerError;

/// A batch of labelled inputs that knows its place in the training run.
///
/// The learner takes ε, κ and β from the batch's step, and the weight of the batch's gradient from
/// its share. Neither the learner nor Burn's training loop counts, so clones, forks to other
/// devices and resumed runs all see the same schedule.
#[derive(Clone, Debug)]
pub struct RobustBatch<const D: usize> {
    /// The inputs, `[B, ...]`.
    pub images: Tensor<D>,
    /// The class of each input, `[B]`.
    pub labels: Tensor<1, Int>,
    /// The optimizer steps that the whole training run made before the one of this batch.
    pub step: usize,
    /// The share of the step's samples that this batch holds, in `(0, 1]`: 1 where a batch is a
    /// step of its own.
    ///
    /// Burn sums the gradients of the batches of a step, and each batch has a mean loss. The
    /// learner takes the gradient times the share, so that the sum is the gradient of the mean
    /// over all samples of the step.
    pub share: f64,
    /// The devices that the step's samples are dealt to.
    pub devices: usize,
}

impl<const D: usize> RobustBatch<D> {
    /// A batch that is an optimizer step of its own.
    pub fn new(images: Tensor<D>, labels: Tensor<1, Int>, step: usize) -> Self {
        Self {
            images,
            labels,
            step,
            share: 1.0,
            devices: 1,
        }
    }

    /// The batch as one of several of its optimizer step.
    pub fn with_share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// The batch as one of a step whose samples are dealt to several devices.
    pub fn with_devices(mut self, devices: usize) -> Self {
        self.devices = devices;
        self
    }

    /// Refuses a batch without samples, with another number of labels, or without a share.
    pub(super) fn check(&self) -> Result<(), LearnerError> {
        let images = self.images.dims()[0];
        let [labels] = self.labels.dims();
        if images == 0 || images != labels {
            return Err(LearnerError::Count { images, labels });
        }
        if !(self.share > 0.0 && self.share <= 1.0) {
            return Err(LearnerError::Share { share: self.share });
        }
        Ok(())
    }

    /// The labels, read back.
    pub(super) fn read_labels(&self) -> Vec<i64> {
        self.labels.to_data().iter::<i64>().collect()
    }
}

/// Refuses labels that are no classes.
pub(super) fn check_labels(labels: &[i64], classes: usize) -> Result<(), LearnerError> {
    let is_class = |label: i64| usize::try_from(label).is_ok_and(|label| label < classes);
    match labels.iter().find(|&&label| !is_class(label)) {
        Some(&label) => Err(LearnerError::Label { label, classes }),
        None => Ok(()),
    }
}
