//! A recurrent network that reads an image from top to bottom.

use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig, Lstm, LstmConfig};
use burn::tensor::{Device, Tensor};
use burn_crown::{Bounded, Method};

use crate::classifier::train_and_certify;
use crate::error::ExampleError;
use crate::experiment::{Example, Report, Settings};
use crate::training::Recipe;

/// The example.
pub const EXAMPLE: Example = Example {
    name: "lstm",
    about: "Trains an LSTM that reads digits from top to bottom, two rows at a time, and certifies it",
    lesson: "\
The network is Burn's own Lstm with a linear layer on its states. Its gates are products of values
that are all perturbed; they are bounded step by step through time. Training minimises the robust
cross-entropy of interval bounds, the cheapest, while ε grows.

Try:
  lstm --epsilon 0.02             an easier radius: smaller errors
  lstm --epochs 3                 too short a ramp of ε: the verified error suffers first
  lstm --seed 2                   another start, errors alike",
    settings: Settings {
        epsilon: 0.05,
        epochs: 10,
        train_images: 3_000,
        test_images: 500,
        crown_images: 10,
        seed: 1,
    },
    run,
};

const RECIPE: Recipe = Recipe {
    method: Method::Interval,
    final_kappa: None,
    learning_rate: 5e-3,
    batch_size: 32,
};

/// The steps in time; each reads two of the 28 rows of pixels.
const STEPS: usize = 14;
const HIDDEN: usize = 32;

/// An LSTM over the rows of an image, and a linear layer on all its states.
#[derive(Module, Bounded, Debug)]
pub struct RowReader {
    lstm: Lstm,
    output: Linear,
}

impl RowReader {
    /// A network with random weights.
    pub fn new(device: &Device) -> Self {
        Self {
            // Small weights: intervals would grow from step to step through the usual ones, more
            // than the start of training can undo.
            lstm: LstmConfig::new(28 * 28 / STEPS, HIDDEN, true)
                .with_initializer(Initializer::XavierNormal { gain: 0.3 })
                .init(device),
            output: LinearConfig::new(STEPS * HIDDEN, 10).init(device),
        }
    }

    /// Images `[B, 1, 28, 28]` to logits `[B, 10]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let [batch, ..] = images.dims();
        let rows = images.reshape([batch, STEPS, 28 * 28 / STEPS]);
        let (states, _) = self.lstm.forward(rows, None);
        self.output.forward(states.flatten(1, 2))
    }
}

/// Trains a network, and certifies it at the trained radius and at half of it.
///
/// # Errors
///
/// If the network cannot be bounded.
pub fn run(settings: &Settings, device: &Device) -> Result<Report, ExampleError> {
    train_and_certify(RowReader::new, RECIPE, settings, device)
}
