//! Soundness of bounds over word substitutions, for random networks of stock layers.

use burn::module::Module;
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig};
use burn::nn::transformer::{
    TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput,
};
use burn::nn::{Gelu, Linear, Lstm, LstmConfig};
use burn::tensor::{DType, Tensor, activation};
use burn_crown::{AnyTensor, Bounded};
use burn_crown_tests::test_device;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::holds::{ROUNDING, ROUNDING_F32, assert_holds};
use crate::layers::{linear, shaken};
use crate::words::Words;

/// Checks random cases: words of a width, and a module for a length and a seed.
fn check<M: Bounded>(
    cases: u64,
    width: usize,
    dtype: DType,
    rounding: f64,
    module: impl Fn(usize, u64) -> M,
) {
    for seed in 0..cases {
        let mut random = StdRng::seed_from_u64(seed);
        let (sentences, length) = (random.random_range(1..=2), random.random_range(1..=4));
        let synonyms = random.random_range(1..=3);
        let changes = random.random_range(0..=length + 1);
        let words = Words::new([sentences, length, synonyms, width], changes, dtype, seed);
        let what = format!("seed {seed}: {length} words, {changes} changes");
        let points = vec![AnyTensor::new(words.points(60, seed))];
        assert_holds(
            &module(length, seed),
            &[words.input()],
            points,
            rounding,
            &what,
        );
    }
}

#[derive(Module, Bounded, Debug)]
struct Perceptron {
    word: Linear,
    hidden: Linear,
    output: Linear,
    smooth: bool,
}

impl Perceptron {
    fn forward(&self, words: Tensor<3>) -> Tensor<2> {
        let hidden = self.word.forward(words);
        let hidden = if self.smooth {
            Gelu::new().forward(hidden)
        } else {
            activation::relu(hidden)
        };
        let hidden = activation::relu(self.hidden.forward(hidden.flatten(1, 2)));
        self.output.forward(hidden)
    }
}

#[test]
fn linear_layers_are_sound() {
    check(60, 3, DType::F64, ROUNDING, |length, seed| Perceptron {
        word: linear(3, 4, seed),
        hidden: linear(4 * length, 5, seed + 1000),
        output: linear(5, 2, seed + 2000),
        smooth: seed % 3 == 0,
    });
}

#[derive(Module, Bounded, Debug)]
struct Recurrent {
    lstm: Lstm,
    output: Linear,
    last: bool,
}

impl Recurrent {
    fn forward(&self, words: Tensor<3>) -> Tensor<2> {
        let [batch, length, _] = words.dims();
        let (states, _) = self.lstm.forward(words, None);
        let state = if self.last {
            states.narrow(1, length - 1, 1).reshape([batch as i32, -1])
        } else {
            states.mean_dim(1).reshape([batch as i32, -1])
        };
        self.output.forward(state)
    }
}

/// In `f32`: Burn's recurrent layers make their state in the default type.
#[test]
fn lstm_is_sound() {
    check(24, 3, DType::F32, ROUNDING_F32, |_, seed| {
        let lstm = LstmConfig::new(3, 4, true).init(&test_device());
        Recurrent {
            lstm: shaken(lstm, DType::F32, 2.0, seed),
            output: shaken(linear(4, 2, seed), DType::F32, 1.0, seed),
            last: seed % 2 == 0,
        }
    });
}

#[derive(Module, Bounded, Debug)]
struct Attentive {
    attention: MultiHeadAttention,
    output: Linear,
}

impl Attentive {
    fn forward(&self, words: Tensor<3>) -> Tensor<2> {
        let context = self.attention.forward(MhaInput::self_attn(words)).context;
        self.output.forward(context.mean_dim(1).squeeze_dim(1))
    }
}

#[test]
fn attention_is_sound() {
    check(24, 4, DType::F64, ROUNDING, |_, seed| {
        let config = MultiHeadAttentionConfig::new(4, 1 + seed as usize % 2).with_dropout(0.0);
        Attentive {
            attention: shaken(config.init(&test_device()), DType::F64, 1.5, seed),
            output: linear(4, 2, seed),
        }
    });
}

#[derive(Module, Bounded, Debug)]
struct Encoded {
    encoder: TransformerEncoder,
    output: Linear,
}

impl Encoded {
    fn forward(&self, words: Tensor<3>) -> Tensor<2> {
        let encoded = self.encoder.forward(TransformerEncoderInput::new(words));
        self.output.forward(encoded.mean_dim(1).squeeze_dim(1))
    }
}

#[test]
fn transformer_is_sound() {
    check(16, 4, DType::F64, ROUNDING, |_, seed| {
        let config = TransformerEncoderConfig::new(4, 6, 2, 1)
            .with_dropout(0.0)
            .with_norm_first(seed % 2 == 1);
        Encoded {
            encoder: shaken(config.init(&test_device()), DType::F64, 1.0, seed),
            output: linear(4, 2, seed),
        }
    });
}
