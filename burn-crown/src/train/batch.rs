//! What a robust learner is given.

use burn::tensor::{Int, Tensor};
use derive_new::new;

/// A batch of labelled inputs that knows its place in the training run.
///
/// The learner takes ε, κ and β from the batch's step. Neither the learner nor Burn's training loop
/// counts, so clones, forks to other devices and resumed runs all see the same schedule.
#[derive(Clone, Debug, new)]
pub struct RobustBatch<const D: usize> {
    /// The inputs, `[B, ...]`.
    pub images: Tensor<D>,
    /// The class of each input, `[B]`.
    pub labels: Tensor<1, Int>,
    /// The batches that the whole training run went through before this one.
    pub step: usize,
}
