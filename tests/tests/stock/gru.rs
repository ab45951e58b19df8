//! `nn::gru::Gru` and `nn::gru::BiGru`.

use burn::module::{Module, Param};
use burn::nn::activation::ActivationConfig;
use burn::nn::gru::{BiGru, BiGruConfig, Gru, GruConfig};
use burn::tensor::{DType, Tensor};
use burn_crown::Bounded;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::case::{DEVICE, Recipe, assert_sound};
use crate::draw::{self, Weights, log_uniform, optional, small};

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a case holds one module")]
enum Direction {
    One(Gru),
    Both(BiGru),
}

#[derive(Module, Bounded, Debug)]
struct Recurrent {
    layer: Direction,
    /// The state before the first step, `[directions, d_hidden]`.
    initial: Option<Param<Tensor<2>>>,
}

impl Recurrent {
    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let batch = x.dims()[0];
        // `[directions, B, d_hidden]`
        let initial = self.initial.as_ref().map(|state| {
            let [directions, hidden] = state.dims();
            let state: Tensor<3> = state.val().unsqueeze_dim(1);
            state.expand([directions, batch, hidden])
        });
        let sequence = match &self.layer {
            Direction::One(layer) => {
                let initial = initial.map(|state| state.squeeze_dim(0));
                layer.forward(x, initial)
            }
            Direction::Both(layer) => layer.forward(x, initial).0,
        };
        sequence.flatten(1, 2)
    }
}

#[derive(Debug)]
struct Settings {
    steps: usize,
    features: usize,
    hidden: usize,
    both: bool,
    bias: bool,
    reset_after: bool,
    clip: Option<f64>,
    gate: ActivationConfig,
    candidate: ActivationConfig,
    initial: bool,
    weights: Weights,
}

impl Recipe<3> for Settings {
    type Module = Recurrent;

    fn draw(random: &mut StdRng, _: usize) -> Self {
        let both = random.random_bool(0.2);
        Self {
            steps: small(random, if both { 2 } else { 4 }),
            features: small(random, 4),
            hidden: small(random, 4),
            both,
            bias: random.random_bool(0.7),
            reset_after: random.random_bool(0.5),
            clip: optional(random, |random| log_uniform(random, 0.1, 3.0)),
            gate: draw::gate(random),
            candidate: draw::state(random),
            initial: random.random_bool(0.3),
            weights: Weights::draw(random),
        }
    }

    fn dims(&self, batch: usize) -> [usize; 3] {
        [batch, self.steps, self.features]
    }

    fn module(&self, random: &mut StdRng) -> Recurrent {
        let (inputs, hidden) = (self.features, self.hidden);
        let layer = if self.both {
            let config = BiGruConfig::new(inputs, hidden, self.bias)
                .with_reset_after(self.reset_after)
                .with_clip(self.clip)
                .with_gate_activation(self.gate.clone())
                .with_hidden_activation(self.candidate.clone());
            Direction::Both(config.init(&DEVICE))
        } else {
            let config = GruConfig::new(inputs, hidden, self.bias)
                .with_reset_after(self.reset_after)
                .with_clip(self.clip)
                .with_gate_activation(self.gate.clone())
                .with_hidden_activation(self.candidate.clone());
            Direction::One(config.init(&DEVICE))
        };
        let shape = [if self.both { 2 } else { 1 }, hidden];
        let state = || Param::from_tensor(Tensor::zeros(shape, (&*DEVICE, DType::F64)));
        let module = Recurrent {
            layer,
            initial: self.initial.then(state),
        };
        self.weights.fill(module, random)
    }
}

#[test]
fn gru_is_sound() {
    assert_sound::<Settings, 3>();
}
