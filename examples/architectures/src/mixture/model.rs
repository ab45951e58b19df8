//! The network: convolution, recurrence, attention and a layer of one's own.

use burn::module::Module;
use burn::nn::attention::{
    MhaInput, MultiHeadAttention, MultiHeadAttentionConfig, generate_autoregressive_mask,
};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, Linear, LinearConfig, Lstm, LstmConfig, PaddingConfig2d};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor};
use burn_crown::Bounded;

/// The channels of the convolution, its side, which is the number of steps in time, and the size of
/// the states.
const CHANNELS: usize = 4;
const SIDE: usize = 14;
const STATE: usize = 24;

/// Lets a context scale each feature of every state, by a factor from 0 to 2.
///
/// A layer as a user writes it: nothing in it knows that it will be bounded.
#[derive(Module, Debug)]
pub struct Gate {
    scales: Linear,
}

impl Gate {
    /// States `[B, T, F]` and a context `[B, C]` to states `[B, T, F]`.
    fn forward(&self, states: Tensor<3>, context: Tensor<2>) -> Tensor<3> {
        let scales = sigmoid(self.scales.forward(context)).mul_scalar(2.0);
        states * scales.unsqueeze_dim(1)
    }
}

/// A network that reads an image, and the scores of another reader.
#[derive(Module, Bounded, Debug)]
pub struct Mixture {
    convolution: Conv2d,
    lstm: Lstm,
    attention: MultiHeadAttention,
    gate: Gate,
    output: Linear,
}

impl Mixture {
    /// A network with random weights.
    pub fn new(device: &Device) -> Self {
        let small = Initializer::XavierNormal { gain: 0.3 };
        Self {
            convolution: Conv2dConfig::new([1, CHANNELS], [4, 4])
                .with_stride([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device),
            lstm: LstmConfig::new(CHANNELS * SIDE, STATE, true)
                .with_initializer(small.clone())
                .init(device),
            attention: MultiHeadAttentionConfig::new(STATE, 2)
                .with_dropout(0.0)
                .with_initializer(small)
                .init(device),
            gate: Gate {
                scales: LinearConfig::new(10, STATE).init(device),
            },
            output: LinearConfig::new(SIDE * STATE, 10).init(device),
        }
    }

    /// Images `[B, 1, 28, 28]` and scores `[B, 10]` to logits `[B, 10]`.
    pub fn forward(&self, images: Tensor<4>, scores: Tensor<2>) -> Tensor<2> {
        let [batch, ..] = images.dims();
        let x = relu(self.convolution.forward(images));
        // Each row of all channels is a step in time.
        let rows: Tensor<3> = x.permute([0, 2, 1, 3]).flatten(2, 3);
        let (states, _) = self.lstm.forward(rows, None);
        // A state attends to itself and to those before it.
        let mask = generate_autoregressive_mask(batch, SIDE, &states.device());
        let attended = self
            .attention
            .forward(MhaInput::self_attn(states.clone()).mask_attn(mask));
        let states = self.gate.forward(states + attended.context, scores);
        self.output.forward(states.flatten(1, 2))
    }
}
