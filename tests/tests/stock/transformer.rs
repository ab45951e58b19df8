//! `nn::transformer::TransformerEncoder`.

use burn::module::Module;
use burn::nn::activation::ActivationConfig;
use burn::nn::transformer::{
    TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput,
};
use burn::tensor::Tensor;
use burn_crown::Bounded;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::case::{DEVICE, Recipe, assert_sound};
use crate::draw::{Weights, log_uniform, pick, small};
use crate::masks::{MaskSettings, Masks};

#[derive(Module, Bounded, Debug)]
struct Encoder {
    layers: TransformerEncoder,
    masks: Masks,
}

impl Encoder {
    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let [batch, steps, _] = x.dims();
        let device = x.device();
        let mut input = TransformerEncoderInput::new(x);
        if let Some(mask) = self.masks.padding(batch, steps, &device) {
            input = input.mask_pad(mask);
        }
        if let Some(mask) = self.masks.attention([batch, steps, steps], &device) {
            input = input.mask_attn(mask);
        }
        self.layers.forward(input).flatten(1, 2)
    }
}

#[derive(Debug)]
struct Settings {
    steps: usize,
    heads: usize,
    head_size: usize,
    feed_forward: usize,
    layers: usize,
    norm_first: bool,
    epsilon: f64,
    activation: ActivationConfig,
    masks: MaskSettings,
    weights: Weights,
}

impl Recipe<3> for Settings {
    type Module = Encoder;

    fn draw(random: &mut StdRng, batch: usize) -> Self {
        let layers = pick(random, &[1, 1, 1, 2]);
        let steps = small(random, if layers == 1 { 4 } else { 2 });
        let heads = random.random_range(1..=2);
        let activations = [
            ActivationConfig::Gelu,
            ActivationConfig::Relu,
            ActivationConfig::GeluApproximate,
        ];
        Self {
            steps,
            heads,
            head_size: small(random, 4 / heads),
            feed_forward: small(random, 5),
            layers,
            norm_first: random.random_bool(0.5),
            epsilon: log_uniform(random, 1e-6, 1e-2),
            activation: pick(random, &activations),
            masks: MaskSettings::draw(random, batch, steps),
            weights: Weights::draw(random),
        }
    }

    fn dims(&self, batch: usize) -> [usize; 3] {
        [batch, self.steps, self.heads * self.head_size]
    }

    fn module(&self, random: &mut StdRng) -> Encoder {
        let width = self.heads * self.head_size;
        let config =
            TransformerEncoderConfig::new(width, self.feed_forward, self.heads, self.layers)
                .with_norm_first(self.norm_first)
                .with_layer_norm_eps(self.epsilon)
                .with_activation(self.activation.clone());
        let module = Encoder {
            layers: config.init(&DEVICE),
            masks: self.masks.masks(self.steps, self.steps, random),
        };
        self.weights.fill(module, random)
    }
}

#[test]
fn transformer_is_sound() {
    assert_sound::<Settings, 3>();
}
