//! `nn::attention::MultiHeadAttention`.

use burn::module::Module;
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig};
use burn::tensor::Tensor;
use burn_crown::Bounded;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::case::{DEVICE, Recipe, assert_sound};
use crate::draw::{Weights, pick, small};
use crate::masks::{MaskSettings, Masks};

#[derive(Module, Bounded, Debug)]
struct Attention {
    layer: MultiHeadAttention,
    masks: Masks,
    /// The first steps are the queries and the others the keys; none means self-attention.
    queries: usize,
    /// Whether the output is the attention weights.
    reads_weights: bool,
}

impl Attention {
    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let [batch, steps, _] = x.dims();
        let (queries, keys) = match self.queries {
            0 => (x.clone(), x.clone()),
            cut => (
                x.clone().narrow(1, 0, cut),
                x.clone().narrow(1, cut, steps - cut),
            ),
        };
        let shape = [batch, queries.dims()[1], keys.dims()[1]];
        let mut input = MhaInput::new(queries, keys.clone(), keys);
        if let Some(mask) = self.masks.padding(batch, shape[2], &x.device()) {
            input = input.mask_pad(mask);
        }
        if let Some(mask) = self.masks.attention(shape, &x.device()) {
            input = input.mask_attn(mask);
        }
        let output = self.layer.forward(input);
        match self.reads_weights {
            true => output.weights.flatten(1, 3),
            false => output.context.flatten(1, 2),
        }
    }
}

#[derive(Debug)]
struct Settings {
    queries: usize,
    keys: usize,
    /// Whether queries and keys are different steps.
    cross: bool,
    heads: usize,
    head_size: usize,
    biases: [bool; 4],
    min_float: f64,
    masks: MaskSettings,
    reads_weights: bool,
    weights: Weights,
}

impl Recipe<3> for Settings {
    type Module = Attention;

    fn draw(random: &mut StdRng, batch: usize) -> Self {
        let cross = random.random_bool(0.3);
        let keys = small(random, if cross { 3 } else { 4 });
        let heads = random.random_range(1..=2);
        Self {
            queries: if cross { small(random, 2) } else { keys },
            keys,
            cross,
            heads,
            head_size: small(random, 4 / heads),
            biases: [0; 4].map(|_| random.random_bool(0.7)),
            min_float: pick(random, &[-1e4, -1e9, -5.0]),
            masks: MaskSettings::draw(random, batch, keys),
            reads_weights: random.random_bool(0.2),
            weights: Weights::draw(random),
        }
    }

    fn dims(&self, batch: usize) -> [usize; 3] {
        let steps = self.keys + if self.cross { self.queries } else { 0 };
        [batch, steps, self.heads * self.head_size]
    }

    fn module(&self, random: &mut StdRng) -> Attention {
        let [query, key, value, output] = self.biases;
        let config = MultiHeadAttentionConfig::new(self.heads * self.head_size, self.heads)
            .with_min_float(self.min_float)
            .with_query_bias(query)
            .with_key_bias(key)
            .with_value_bias(value)
            .with_output_bias(output);
        let module = Attention {
            layer: config.init(&DEVICE),
            masks: self.masks.masks(self.queries, self.keys, random),
            queries: if self.cross { self.queries } else { 0 },
            reads_weights: self.reads_weights,
        };
        self.weights.fill(module, random)
    }
}

#[test]
fn attention_is_sound() {
    assert_sound::<Settings, 3>();
}
