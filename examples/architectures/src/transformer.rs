//! An encoder that attends to the patches of an image.

use burn::module::Module;
use burn::nn::transformer::{
    TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput,
};
use burn::nn::{Linear, LinearConfig, PositionalEncoding, PositionalEncodingConfig};
use burn::tensor::{Device, Tensor, s};
use burn_crown::{Bounded, Input, Method, Perturbation};

use crate::certificate::{Sample, certify, certify_images};
use crate::error::ExampleError;
use crate::experiment::{Example, Report, Settings};
use crate::training::{Recipe, digits, pixels, train};

/// The example.
pub const EXAMPLE: Example = Example {
    name: "transformer",
    about: "Trains a Transformer encoder on the patches of digits, and certifies it",
    lesson: "\
The network is Burn's own TransformerEncoder on 16 patches of 7 × 7 pixels, with a linear layer before
and after it. Bounds go through attention, which is a softmax of products and a product again, and
through layer normalisation. Training minimises the robust cross-entropy of interval bounds.

Three regions are certified: all pixels by at most ε; a Euclidean ball of radius 10 ε; and the pixels
of one patch alone, each by at most 5 ε.

Try:
  transformer --epsilon 0.005     an easier radius: smaller errors
  transformer --crown-images 0    a quicker look: without CROWN",
    settings: Settings {
        epsilon: 0.01,
        epochs: 6,
        train_images: 3_000,
        test_images: 200,
        crown_images: 10,
        seed: 1,
    },
    run,
};

const RECIPE: Recipe = Recipe {
    method: Method::Interval,
    final_kappa: None,
    learning_rate: 3e-3,
    batch_size: 32,
};

/// The patches along a side of the image, and the pixels along a side of a patch.
const GRID: usize = 4;
const PATCH: usize = 7;
const TOKENS: usize = GRID * GRID;
const WIDTH: usize = 16;
/// The patch that one of the regions changes, counted along the rows: right of the middle of the
/// second row.
const CHANGED: usize = 6;

/// Patches to tokens, an encoder, and a linear layer on all tokens.
#[derive(Module, Bounded, Debug)]
pub struct PatchReader {
    embedding: Linear,
    positions: PositionalEncoding,
    encoder: TransformerEncoder,
    output: Linear,
}

impl PatchReader {
    /// A network with random weights.
    pub fn new(device: &Device) -> Self {
        Self {
            embedding: LinearConfig::new(PATCH * PATCH, WIDTH).init(device),
            positions: PositionalEncodingConfig::new(WIDTH)
                .with_max_sequence_size(TOKENS)
                .init(device),
            encoder: TransformerEncoderConfig::new(WIDTH, 2 * WIDTH, 2, 1)
                .with_dropout(0.0)
                // The usual 1e-5 lets tokens of little variance be scaled by up to 300, and so their
                // intervals.
                .with_layer_norm_eps(0.1)
                .init(device),
            output: LinearConfig::new(TOKENS * WIDTH, 10).init(device),
        }
    }

    /// Images `[B, 1, 28, 28]` to logits `[B, 10]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let [batch, ..] = images.dims();
        let patches = images
            .reshape([batch, GRID, PATCH, GRID, PATCH])
            .permute([0, 1, 3, 2, 4])
            .reshape([batch, TOKENS, PATCH * PATCH]);
        let tokens = self.positions.forward(self.embedding.forward(patches));
        let tokens = self.encoder.forward(TransformerEncoderInput::new(tokens));
        self.output.forward(tokens.flatten(1, 2))
    }
}

/// Every image that differs from the given ones `[B, 1, 28, 28]` in one patch alone, by at most
/// `epsilon` a pixel.
fn one_patch(images: &Tensor<4>, patch: usize, epsilon: f64) -> Perturbation {
    let (row, column) = (patch / GRID * PATCH, patch % GRID * PATCH);
    let place = s![.., .., row..row + PATCH, column..column + PATCH];
    let changed = |by: f64| {
        let pixels = images.clone().slice(place).add_scalar(by).clamp(0.0, 1.0);
        images.clone().slice_assign(place, pixels)
    };
    Perturbation::between(changed(-epsilon), changed(epsilon))
}

/// Trains a network, and certifies it on the three regions.
///
/// # Errors
///
/// If the network cannot be bounded.
pub fn run(settings: &Settings, device: &Device) -> Result<Report, ExampleError> {
    let (model, training) = train(PatchReader::new, RECIPE, settings, device)?;
    let [_, test] = digits(settings);
    let Settings { epsilon, .. } = *settings;
    let balls = [
        (format!("L∞, ε {epsilon}"), pixels(epsilon)),
        (
            format!("L2, ε {}", 10.0 * epsilon),
            Perturbation::l2(10.0 * epsilon).with_range(0.0, 1.0),
        ),
    ];
    let mut rows = certify_images(&model, &test, &balls, settings, device)?;
    let region = format!("one patch, ε {}", 5.0 * epsilon);
    for method in settings.methods() {
        let sample = |range| {
            let (images, labels) = test.tensors(range, device);
            let changes = one_patch(&images, CHANGED, 5.0 * epsilon);
            Sample {
                logits: model.forward(images.clone()),
                inputs: vec![Input::perturbed(images, changes)],
                labels,
            }
        };
        rows.push(certify(&model, method, &region, settings, sample)?);
    }
    Ok(Report {
        training,
        rows,
        outputs: Vec::new(),
    })
}
