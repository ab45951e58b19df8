//! Whole networks with perturbed parameters: perceptrons, recurrent networks, attention.

use burn::module::Module;
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig};
use burn::nn::gru::{Gru, GruConfig};
use burn::nn::transformer::{
    TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput,
};
use burn::nn::{Linear, LinearConfig, LinearLayout, Lstm, LstmConfig};
use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, relu};
use burn_crown::Bounded;
use burn_crown_tests::test_device;

use crate::region::assert_sound;
use crate::{double, random, single};

#[derive(Module, Bounded, Debug)]
struct Mlp {
    hidden: Linear,
    middle: Linear,
    output: Linear,
}

impl Mlp {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = relu(self.hidden.forward(x));
        self.output.forward(gelu(self.middle.forward(x)))
    }
}

#[test]
fn perceptrons() {
    let device = test_device();
    let layer = |from, to| LinearConfig::new(from, to).init(&device);
    let mlp = double(Mlp {
        hidden: layer(3, 4),
        middle: LinearConfig::new(4, 3)
            .with_layout(LinearLayout::Col)
            .init(&device),
        output: layer(3, 2),
    });
    // Batches as large as a dim of a weight are no dims of it.
    for batch in [1, 3, 4] {
        let x = random([batch, 3], batch as u64);
        for paths in [
            &["hidden"][..],
            &["hidden.weight"],
            &["hidden.bias"],
            &["middle"],
            &["middle.weight", "output.bias"],
            &["output"],
            &[""],
        ] {
            assert_sound(&mlp, &x, paths, 0.1, 0.1);
        }
    }
}

#[derive(Module, Bounded, Debug)]
struct Sequence {
    hidden: Linear,
    output: Linear,
}

impl Sequence {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.output.forward(relu(self.hidden.forward(x)))
    }
}

#[test]
fn sequences() {
    let device = test_device();
    let layer = |from, to| LinearConfig::new(from, to).init(&device);
    let net = double(Sequence {
        hidden: layer(3, 4),
        output: layer(4, 2),
    });
    for dims in [[1, 1, 3], [1, 4, 3], [2, 1, 3], [2, 2, 3], [3, 2, 3]] {
        let x = random(dims, 7);
        for paths in [&["hidden"][..], &["output.weight"], &[""]] {
            assert_sound(&net, &x, paths, 0.1, 0.1);
        }
    }
}

#[derive(Module, Bounded, Debug)]
struct LstmNet {
    lstm: Lstm,
}

impl LstmNet {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.lstm.forward(x, None).0
    }
}

#[derive(Module, Bounded, Debug)]
struct GruNet {
    gru: Gru,
}

impl GruNet {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.gru.forward(x, None)
    }
}

#[test]
fn recurrent_networks() {
    let device = test_device();
    let lstm = LstmNet {
        lstm: LstmConfig::new(2, 2, true).init(&device),
    };
    let gru = GruNet {
        gru: GruConfig::new(2, 2, true).init(&device),
    };
    for batch in [1, 2] {
        let x = single([batch, 2, 2], 11);
        let gate = ["lstm.forget_gate.hidden_transform.weight"];
        assert_sound(&lstm, &x, &gate, 0.1, 0.1);
        assert_sound(&lstm, &x, &["lstm"], 0.05, 0.05);
        assert_sound(&gru, &x, &["gru.new_gate"], 0.05, 0.05);
    }
    assert_sound(&gru, &single([2, 2, 2], 11), &["gru"], 0.05, 0.05);
}

#[derive(Module, Bounded, Debug)]
struct Attention {
    attention: MultiHeadAttention,
}

impl Attention {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.attention.forward(MhaInput::self_attn(x)).context
    }
}

#[test]
fn attention() {
    let config = MultiHeadAttentionConfig::new(4, 2).with_dropout(0.0);
    let net = double(Attention {
        attention: config.init(&test_device()),
    });
    for batch in [1, 2, 4] {
        let x = random([batch, 3, 4], 13);
        assert_sound(&net, &x, &["attention.query"], 0.05, 0.05);
        assert_sound(&net, &x, &["attention.key.weight"], 0.05, 0.05);
        assert_sound(&net, &x, &["attention"], 0.02, 0.02);
    }
}

#[derive(Module, Bounded, Debug)]
struct Encoder {
    encoder: TransformerEncoder,
}

impl Encoder {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.encoder.forward(TransformerEncoderInput::new(x))
    }
}

#[test]
fn transformers() {
    let config = TransformerEncoderConfig::new(4, 3, 2, 1).with_dropout(0.0);
    let net = double(Encoder {
        encoder: config.init(&test_device()),
    });
    let x = random([2, 2, 4], 17);
    assert_sound(&net, &x, &["encoder.layers.0.norm_1"], 0.01, 0.01);
    assert_sound(&net, &x, &["encoder"], 0.005, 0.005);
}
