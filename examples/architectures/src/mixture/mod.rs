//! Convolution, recurrence, attention and a layer of one's own, with two inputs.

pub mod model;
mod readings;
mod training;

use std::ops::Range;

use burn::tensor::Device;
use burn_crown::{Input, Method};

use self::readings::{Readings, scores_radius};
use self::training::train;
use crate::certificate::{Sample, certify, output_bounds};
use crate::error::ExampleError;
use crate::experiment::{Example, Report, Settings};
use crate::training::{digits, pixels};

/// The example.
pub const EXAMPLE: Example = Example {
    name: "mixture",
    about: "Trains and certifies a network of many parts that takes an image and a second reading",
    lesson: "\
A convolution, Burn's Lstm over the rows of its channels, masked self-attention over the states, and a
gate written for this example, by which a second input has a say: the scores that another reader
gives to the ten digits, right in 7 of 10 cases. The loop of training is written out: bounds of the
margins by `GraphCache` and `Analysis`, the robust cross-entropy, Burn's optimizer.

Three regions are certified: the image alone changes, the other reader's scores alone, and both. The
last table bounds the outputs for the first image by CROWN-IBP.

Try:
  mixture --epsilon 0.005         an easier radius: smaller errors
  mixture --crown-images 0        a quicker look: without CROWN",
    settings: Settings {
        epsilon: 0.01,
        epochs: 6,
        train_images: 3_000,
        test_images: 200,
        crown_images: 5,
        seed: 1,
    },
    run,
};

/// Trains a network, certifies it on the three regions, and bounds the outputs for one image.
///
/// # Errors
///
/// If the network cannot be bounded.
pub fn run(settings: &Settings, device: &Device) -> Result<Report, ExampleError> {
    let [train_images, test_images] = digits(settings);
    let test = Readings::new(test_images, settings.seed.wrapping_add(1));
    let train_images = Readings::new(train_images, settings.seed);
    let (model, training) = train(&train_images, &test, settings, device)?;

    let Settings { epsilon, .. } = *settings;
    let sample = |range: Range<usize>, image: bool, scores: bool| {
        let (images, readings, labels) = test.tensors(&range.collect::<Vec<_>>(), device);
        Sample {
            logits: model.forward(images.clone(), readings.clone()),
            inputs: vec![
                if image {
                    Input::perturbed(images, pixels(epsilon))
                } else {
                    Input::fixed(images)
                },
                if scores {
                    Input::perturbed(readings, pixels(scores_radius(epsilon)))
                } else {
                    Input::fixed(readings)
                },
            ],
            labels,
        }
    };
    let regions = [
        (format!("image, ε {epsilon}"), true, false),
        (format!("scores, ε {}", scores_radius(epsilon)), false, true),
        ("both".into(), true, true),
    ];
    let mut rows = Vec::new();
    for (region, image, scores) in &regions {
        for method in settings.methods() {
            let sample = |range| sample(range, *image, *scores);
            rows.push(certify(&model, method, region, settings, sample)?);
        }
    }
    Ok(Report {
        training,
        rows,
        outputs: output_bounds(&model, Method::CrownIbp, sample(0..1, true, true))?,
    })
}
