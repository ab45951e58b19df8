//! Batch normalisation with the statistics of the clean batch.
//!
//! A layer in training normalises by the mean and the variance of its batch. Its bounds take those
//! of the clean batch: a part of the graph that computes the layer's input once more, from the
//! inputs as they are given, and so is fixed.

use super::lower::Lowering;
use crate::ops::{Mul, Reduce, Refusal, Sub};

/// Which mean and variance the bounds of batch normalisation have.
///
/// Chosen by [`GraphCache::with_statistics`](crate::GraphCache::with_statistics) and, for training,
/// by [`RobustLearner::with_statistics`](crate::train::RobustLearner::with_statistics).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Statistics {
    /// The running ones, as in inference. Such bounds are those of the network that is deployed.
    #[default]
    Running,
    /// Those of the clean batch, as in training: the mean and the biased variance of each channel
    /// over the batch whose inputs are not perturbed, both differentiated through.
    ///
    /// The bounds are those of the network with its statistics fixed at these values; a perturbed
    /// image does not move them. So they depend on the other images of the batch, and certify no
    /// image by itself. A layer that is frozen, or in a module that `valid()` gave, keeps its
    /// running statistics. The bounds change no running statistics.
    Batch,
}

/// The nodes of the mean and the variance `[C]` of the clean values of `input`, as Burn computes
/// them in training: each over every dim but that of the channels, the variance biased.
pub(super) fn of_clean_batch(
    graph: &mut Lowering,
    input: usize,
    channels: usize,
) -> Result<[usize; 2], Refusal> {
    let clean = graph.clean(input);
    let shape = graph.shape(input).to_vec();
    let dims: Vec<usize> = (0..shape.len()).filter(|&dim| dim != channels).collect();
    let mut reduced = vec![1; shape.len()];
    reduced[channels] = shape[channels];
    let count: usize = dims.iter().map(|&dim| shape[dim]).product();
    let mean_of = |graph: &mut Lowering, node| {
        let mean = Reduce {
            dims: dims.clone(),
            factor: 1.0 / count as f64,
        };
        graph.apply(mean, vec![node], reduced.clone())
    };
    let mean = mean_of(graph, clean)?;
    let centered = graph.apply(Sub, vec![clean, mean], shape.clone())?;
    let squares = graph.apply(Mul, vec![centered, centered], shape.clone())?;
    let variance = mean_of(graph, squares)?;
    let vector = vec![shape[channels]];
    Ok([
        graph.reshape(mean, vector.clone())?,
        graph.reshape(variance, vector)?,
    ])
}
