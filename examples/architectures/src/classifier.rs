//! Training a classifier of images, and certifying it in L∞ balls.

use std::fmt::Display;

use burn::tensor::Device;
use burn_crown::Bounded;

use crate::certificate::certify_images;
use crate::error::ExampleError;
use crate::experiment::{Report, Settings};
use crate::training::{Recipe, digits, pixels, train};

/// Trains a network of images `[B, 1, 28, 28]`, and certifies it at the trained radius and at half
/// of it.
///
/// # Errors
///
/// If the network cannot be bounded.
pub fn train_and_certify<M: Bounded + Display + 'static>(
    model: impl FnOnce(&Device) -> M,
    recipe: Recipe,
    settings: &Settings,
    device: &Device,
) -> Result<Report, ExampleError> {
    let (model, training) = train(model, recipe, settings, device)?;
    let [_, test] = digits(settings);
    let regions = [settings.epsilon / 2.0, settings.epsilon]
        .map(|epsilon| (format!("ε {epsilon}"), pixels(epsilon)));
    Ok(Report {
        training,
        rows: certify_images(&model, &test, &regions, settings, device)?,
        outputs: Vec::new(),
    })
}
