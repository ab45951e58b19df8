//! Word substitutions.

use burn::tensor::Tensor;

use super::{Perturbation, RegionShape, check_placement, invalid};
use crate::error::BoundError;
use crate::ops::{Interval, Region, Substitution};
use crate::tensor::AnyTensor;

impl Perturbation {
    /// At most `changes` positions of an input `[B, T, E]` replaced by a candidate: position `t` of
    /// sentence `b` by one of the `K` rows `candidates[b, t, ..]`, for candidates `[B, T, K, E]`.
    ///
    /// These are the synonyms of words, as embeddings (Jia et al. 2019, arXiv 1909.00986; with a
    /// limit on the changes Xu et al. 2020, arXiv 2002.12920). Every position may stay as it is,
    /// whether its candidates contain it or not. Where a word has fewer than `K` synonyms, fill its
    /// list up with the word itself. `changes` of `T` or more is no limit.
    ///
    /// Linear bounds are minimised over the allowed sentences exactly. Intervals hold every mixture
    /// of the candidates, element by element, whatever `changes` is above 0; the first affine
    /// layers, as far as they work on each position alone, take them through one by one.
    ///
    /// The region starts at the embeddings, so a model with an embedding of its own offers a pass
    /// behind it:
    ///
    /// ```
    /// use burn::{module::Module, nn, tensor::{Device, Int, Tensor}};
    /// use burn_crown::{Bounded, Perturbation, Specification, Verifier};
    ///
    /// #[derive(Module, Bounded, Debug)]
    /// #[bounded(forward = "forward_embedded")]
    /// struct Sentiment {
    ///     embedding: nn::Embedding,
    ///     lstm: nn::Lstm,
    ///     output: nn::Linear,
    /// }
    ///
    /// impl Sentiment {
    ///     fn forward(&self, words: Tensor<2, Int>) -> Tensor<2> {
    ///         self.forward_embedded(self.embedding.forward(words))
    ///     }
    ///
    ///     fn forward_embedded(&self, words: Tensor<3>) -> Tensor<2> {
    ///         let (states, _) = self.lstm.forward(words, None);
    ///         self.output.forward(states.mean_dim(1).squeeze_dim(1))
    ///     }
    /// }
    ///
    /// let device = Device::flex();
    /// let model = Sentiment {
    ///     embedding: nn::EmbeddingConfig::new(100, 8).init(&device),
    ///     lstm: nn::LstmConfig::new(8, 6, true).init(&device),
    ///     output: nn::LinearConfig::new(6, 2).init(&device),
    /// };
    /// // Two sentences of three words, and of each word up to two synonyms.
    /// let words = Tensor::<2, Int>::from_ints([[7, 20, 31], [8, 20, 5]], &device);
    /// let synonyms = Tensor::<3, Int>::from_ints(
    ///     [[[7, 7], [21, 22], [35, 31]], [[9, 8], [21, 22], [6, 4]]],
    ///     &device,
    /// );
    /// let embed = |words| model.embedding.forward(words);
    /// let candidates = embed(synonyms.reshape([2, 6])).reshape([2, 3, 2, 8]);
    /// let perturbation = Perturbation::substitution(candidates, 2);
    /// let inputs = embed(words.clone());
    /// let outputs = model.forward(words);
    /// let bounds = Verifier::new(model).bounds(inputs, &perturbation, &Specification::Outputs)?;
    /// assert!((outputs - bounds.lower).min().into_scalar::<f32>() >= 0.0);
    /// # Ok::<(), burn_crown::BoundError>(())
    /// ```
    ///
    /// A region of substitutions has no radius, and takes neither a valid range nor a channel scale;
    /// what is wrong with it is a [`BoundError::Perturbation`] when bounds are asked for.
    pub fn substitution(candidates: Tensor<4>, changes: usize) -> Self {
        Self::of(RegionShape::Substitution {
            candidates: Box::new(AnyTensor::new(candidates)),
            changes,
        })
    }
}

/// The region around `x` `[B, T, E]`.
pub(super) fn region(
    x: &AnyTensor,
    candidates: &AnyTensor,
    changes: usize,
) -> Result<Region, BoundError> {
    let (shape, given) = (x.shape(), candidates.shape());
    let fits = match (&shape[..], &given[..]) {
        (&[batch, length, width], &[sentences, positions, count, features]) => {
            [sentences, positions, features] == [batch, length, width] && count > 0
        }
        _ => false,
    };
    if !fits {
        return Err(invalid(format!(
            "candidates of shape {given:?} for an input of shape {shape:?}; an input [B, T, E] \
             takes candidates [B, T, K, E] with at least one for each position, if only the \
             original itself"
        )));
    }
    check_placement(x, candidates, "the candidates are")?;
    if !candidates.clone().detach().abs().largest().is_finite() {
        return Err(invalid(
            "a candidate is infinite or not a number; fill lists of different lengths up with the \
             original"
                .into(),
        ));
    }
    if changes == 0 {
        return Ok(Region::Box(Interval {
            lower: x.clone(),
            upper: x.clone(),
        }));
    }
    let whole: Vec<(usize, usize)> = given.iter().map(|&size| (0, size)).collect();
    let candidate = |index: usize| {
        let mut ranges = whole.clone();
        ranges[2] = (index, index + 1);
        candidates.clone().slice(&ranges).reshape(&shape)
    };
    Ok(Region::Substitution(Substitution {
        original: x.clone(),
        candidates: (0..given[2]).map(candidate).collect(),
        changes,
    }))
}
