//! A recurrent network that reads an image from top to bottom.

use burn::module::Module;
use burn::nn::pool::{AvgPool2d, AvgPool2dConfig};
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
    about: "Trains an LSTM that reads digits row by row, and certifies it",
    lesson: "\
The network is Burn's own Lstm, which reads the rows of the image at half of its resolution, with a
linear layer on its states. Its gates are products of values that are all perturbed; they are bounded
step by step through time. Training minimises the robust cross-entropy of CROWN-IBP bounds while ε
grows, and goes over to interval bounds, which cost less.

Try:
  lstm --epsilon 0.01             an easier radius: smaller errors
  lstm --epochs 3                 too short a ramp of ε: all errors grow
  lstm --seed 2                   another start, errors alike",
    settings: Settings {
        epsilon: 0.02,
        epochs: 6,
        train_images: 2_000,
        test_images: 500,
        crown_images: 100,
        seed: 1,
    },
    run,
};

const RECIPE: Recipe = Recipe {
    method: Method::CrownIbp,
    final_kappa: None,
    learning_rate: 1e-2,
    batch_size: 32,
};

/// The rows that are read, one in a step, and the numbers in each: half of an image's 28.
const ROWS: usize = 14;
const HIDDEN: usize = 32;

/// An LSTM over the rows of a halved image, and a linear layer on all its states.
#[derive(Module, Bounded, Debug)]
pub struct RowReader {
    halve: AvgPool2d,
    lstm: Lstm,
    output: Linear,
}

impl RowReader {
    /// A network with random weights.
    pub fn new(device: &Device) -> Self {
        Self {
            halve: AvgPool2dConfig::new([2, 2]).init(),
            // Small weights: intervals would grow from step to step through the usual ones, more
            // than the start of training can undo.
            lstm: LstmConfig::new(ROWS, HIDDEN, true)
                .with_initializer(Initializer::XavierNormal { gain: 0.3 })
                .init(device),
            output: LinearConfig::new(ROWS * HIDDEN, 10).init(device),
        }
    }

    /// Images `[B, 1, 28, 28]` to logits `[B, 10]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let [batch, ..] = images.dims();
        let rows = self.halve.forward(images).reshape([batch, ROWS, ROWS]);
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
