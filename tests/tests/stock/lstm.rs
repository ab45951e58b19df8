//! `nn::Lstm` and `nn::BiLstm`.

use burn::module::{Module, Param};
use burn::nn::activation::ActivationConfig;
use burn::nn::{BiLstm, BiLstmConfig, Lstm, LstmConfig, LstmState};
use burn::tensor::{DType, Tensor};
use burn_crown::Bounded;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::case::{DEVICE, Recipe, assert_sound};
use crate::draw::{self, Weights, log_uniform, optional, small};

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a case holds one module")]
enum Direction {
    One(Lstm),
    Both(BiLstm),
}

/// What of the layer's results is the output.
#[derive(Clone, Copy, Debug)]
enum Read {
    Sequence,
    Hidden,
    Cell,
}

const READS: [Read; 3] = [Read::Sequence, Read::Hidden, Read::Cell];

#[derive(Module, Bounded, Debug)]
struct Recurrent {
    layer: Direction,
    /// The cell state and the hidden state before the first step, `[directions, d_hidden]`.
    initial: Option<(Param<Tensor<2>>, Param<Tensor<2>>)>,
    /// An index of [`READS`].
    read: usize,
}

impl Recurrent {
    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let batch = x.dims()[0];
        // `[directions, B, d_hidden]`
        let spread = |state: &Param<Tensor<2>>| {
            let [directions, hidden] = state.dims();
            let state: Tensor<3> = state.val().unsqueeze_dim(1);
            state.expand([directions, batch, hidden])
        };
        let initial = self.initial.as_ref();
        let initial = initial.map(|(cell, hidden)| LstmState::new(spread(cell), spread(hidden)));
        let (sequence, state) = match &self.layer {
            Direction::One(layer) => {
                let initial = initial.map(|LstmState { cell, hidden }| {
                    LstmState::new(cell.squeeze_dim(0), hidden.squeeze_dim(0))
                });
                layer.forward(x, initial)
            }
            Direction::Both(layer) => {
                return layer.forward(x, initial).0.flatten(1, 2);
            }
        };
        match READS[self.read] {
            Read::Sequence => sequence.flatten(1, 2),
            Read::Hidden => state.hidden,
            Read::Cell => state.cell,
        }
    }
}

#[derive(Debug)]
struct Settings {
    steps: usize,
    features: usize,
    hidden: usize,
    both: bool,
    bias: bool,
    reverse: bool,
    clip: Option<f64>,
    input_forget: bool,
    gate: ActivationConfig,
    cell: ActivationConfig,
    output: ActivationConfig,
    initial: bool,
    read: usize,
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
            reverse: random.random_bool(0.3),
            clip: optional(random, |random| log_uniform(random, 0.1, 3.0)),
            input_forget: random.random_bool(0.3),
            gate: draw::gate(random),
            cell: draw::state(random),
            output: draw::state(random),
            initial: random.random_bool(0.3),
            // The final states of both directions have the batch in their second dim.
            read: if both {
                0
            } else {
                random.random_range(0..READS.len())
            },
            weights: Weights::draw(random),
        }
    }

    fn dims(&self, batch: usize) -> [usize; 3] {
        [batch, self.steps, self.features]
    }

    fn module(&self, random: &mut StdRng) -> Recurrent {
        let (inputs, hidden) = (self.features, self.hidden);
        let layer = if self.both {
            let config = BiLstmConfig::new(inputs, hidden, self.bias)
                .with_clip(self.clip)
                .with_input_forget(self.input_forget)
                .with_gate_activation(self.gate.clone())
                .with_cell_activation(self.cell.clone())
                .with_hidden_activation(self.output.clone());
            Direction::Both(config.init(&DEVICE))
        } else {
            let config = LstmConfig::new(inputs, hidden, self.bias)
                .with_reverse(self.reverse)
                .with_clip(self.clip)
                .with_input_forget(self.input_forget)
                .with_gate_activation(self.gate.clone())
                .with_cell_activation(self.cell.clone())
                .with_hidden_activation(self.output.clone());
            Direction::One(config.init(&DEVICE))
        };
        let state = || {
            let shape = [if self.both { 2 } else { 1 }, hidden];
            Param::from_tensor(Tensor::zeros(shape, (&*DEVICE, DType::F64)))
        };
        let module = Recurrent {
            layer,
            initial: self.initial.then(|| (state(), state())),
            read: self.read,
        };
        self.weights.fill(module, random)
    }
}

#[test]
fn lstm_is_sound() {
    assert_sound::<Settings, 3>();
}
