//! Masks of attention, made in the forward pass from settings.

use burn::module::Module;
use burn::nn::attention::generate_autoregressive_mask;
use burn::tensor::{Bool, Device, Tensor, TensorData};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::draw::{optional, pick};

/// Which positions see which.
#[derive(Clone, Copy, Debug)]
enum Attention {
    All,
    /// Each position those before it and itself.
    Causal,
    /// Any, by chance; a position may see none.
    Random,
}

#[derive(Debug)]
pub(crate) struct MaskSettings {
    /// The length of each image's sequence; the rest is padding.
    lengths: Option<Vec<usize>>,
    attention: Attention,
}

impl MaskSettings {
    /// For a batch of sequences of so many keys.
    pub(crate) fn draw(random: &mut StdRng, batch: usize, keys: usize) -> Self {
        let kinds = [Attention::All, Attention::Causal, Attention::Random];
        Self {
            lengths: optional(random, |random| {
                (0..batch).map(|_| random.random_range(1..=keys)).collect()
            }),
            attention: pick(random, &kinds),
        }
    }

    pub(crate) fn masks(&self, queries: usize, keys: usize, random: &mut StdRng) -> Masks {
        let hidden = match self.attention {
            Attention::Random => (0..queries * keys)
                .map(|_| usize::from(random.random_bool(0.4)))
                .collect(),
            _ => Vec::new(),
        };
        Masks {
            lengths: self.lengths.clone().unwrap_or_default(),
            causal: matches!(self.attention, Attention::Causal),
            hidden,
        }
    }
}

/// Masks for a batch, repeated any number of times.
#[derive(Module, Debug)]
pub(crate) struct Masks {
    /// None means no padding.
    lengths: Vec<usize>,
    causal: bool,
    /// For each query, which keys are hidden (1).
    hidden: Vec<usize>,
}

impl Masks {
    /// `[batch, keys]`
    pub(crate) fn padding(
        &self,
        batch: usize,
        keys: usize,
        device: &Device,
    ) -> Option<Tensor<2, Bool>> {
        let lengths = self.lengths.iter().cycle().take(batch);
        let padded: Vec<bool> = lengths
            .flat_map(|&length| (0..keys).map(move |key| key >= length))
            .collect();
        let data = || TensorData::new(padded, [batch, keys]);
        (!self.lengths.is_empty()).then(|| Tensor::from_data(data(), device))
    }

    /// `[batch, queries, keys]`
    pub(crate) fn attention(
        &self,
        [batch, queries, keys]: [usize; 3],
        device: &Device,
    ) -> Option<Tensor<3, Bool>> {
        if self.causal {
            let mask = generate_autoregressive_mask(batch, queries.max(keys), device);
            return Some(mask.slice([0..batch, 0..queries, 0..keys]));
        }
        let hidden: Vec<bool> = self.hidden.iter().map(|&hidden| hidden == 1).collect();
        let data = || TensorData::new(hidden, [1, queries, keys]);
        (!self.hidden.is_empty()).then(|| {
            let mask = Tensor::<3, Bool>::from_data(data(), device);
            mask.expand([batch, queries, keys])
        })
    }
}
