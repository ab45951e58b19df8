//! Clean and verified errors of a model over a dataset.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::data::dataset::Dataset;
use burn::tensor::{Device, Tensor};
use burn_crown::train::classified;
use burn_crown::{
    AnyTensor, BoundConfig, BoundError, Bounded, Perturbation, Specification, TraceError, Verifier,
    certified,
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::data::ImageDataset;
use crate::precision::Precision;
use crate::terminal::panic_message;

/// What a model does on a dataset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// The images that were looked at.
    pub images: usize,
    /// The share that is classified wrongly, in percent; NaN if there are no images.
    pub clean: f64,
    /// The share that is not certified, in percent; none where nothing was bounded.
    pub verified: Option<f64>,
}

/// How a model is verified.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The bound method and its options.
    pub config: BoundConfig,
    /// The region around each image.
    pub perturbation: Perturbation,
}

/// Evaluates a model, batch by batch, with a progress bar.
///
/// # Errors
///
/// If the model cannot be bounded, or is no classifier of such images.
pub fn evaluate<M: Bounded>(
    model: &M,
    data: &ImageDataset,
    batch_size: usize,
    device: &Device,
    verification: Option<&Verification>,
    label: &str,
) -> Result<Errors, BoundError> {
    evaluate_each(
        model,
        data,
        batch_size,
        device,
        verification,
        label,
        |_, _| (),
    )
}

/// [`evaluate`], and gives the number of each image and the lower bounds of its margins to `each`,
/// as far as they are bounded. Images are converted to the precision of the model.
///
/// # Errors
///
/// If the model cannot be bounded, or is no classifier of such images.
pub fn evaluate_each<M: Bounded>(
    model: &M,
    data: &ImageDataset,
    batch_size: usize,
    device: &Device,
    verification: Option<&Verification>,
    label: &str,
    mut each: impl FnMut(usize, &[f64]),
) -> Result<Errors, BoundError> {
    let precision = Precision::of(model);
    let images = data.len();
    let bar = progress_bar(images, label);
    let verifier = verification
        .map(|verification| Verifier::new(model.clone()).with_config(verification.config.clone()));
    let (mut wrong, mut unverified) = (0, 0);
    for start in (0..images).step_by(batch_size.max(1)) {
        let end = (start + batch_size.max(1)).min(images);
        let (batch, labels) = data.tensors(start..end, device);
        let batch = precision.tensor(batch);
        let logits = logits(model, batch.clone(), &data.labels()[start..end])?;
        let right = classified(logits, labels.clone());
        wrong += right.bool_not().int().sum().into_scalar::<i64>();
        if let (Some(verifier), Some(verification)) = (&verifier, verification) {
            let margins = verifier
                .analyse(batch, &verification.perturbation)?
                .lower(&Specification::Margins(labels), &verification.config)?;
            let [_, others] = margins.dims();
            let certified = certified(margins.clone());
            unverified += certified.bool_not().int().sum().into_scalar::<i64>();
            let margins: Vec<f64> = margins.into_data().iter::<f64>().collect();
            for (index, margins) in (start..end).zip(margins.chunks(others)) {
                each(index, margins);
            }
        }
        bar.set_position(end as u64);
    }
    bar.finish_and_clear();
    // Of no images it is not a number, not 0.
    let percent = |count: i64| 100.0 * count as f64 / images as f64;
    Ok(Errors {
        images,
        clean: percent(wrong),
        verified: verification.map(|_| percent(unverified)),
    })
}

/// The outputs `[B, classes]`, if the labels are among the classes.
fn logits<M: Bounded>(
    model: &M,
    images: Tensor<4>,
    labels: &[u8],
) -> Result<Tensor<2>, BoundError> {
    let forward = || model.forward_any(vec![AnyTensor::new(images)]);
    let output = catch_unwind(AssertUnwindSafe(forward)).map_err(|panic| {
        let message = panic_message(panic.as_ref());
        TraceError::ForwardPanicked { message }
    })?;
    let shape = output.shape();
    let [_, classes] = shape[..] else {
        return Err(BoundError::Specification(format!(
            "a classifier gives [batch, classes]; the model gives {shape:?}"
        )));
    };
    if let Some(label) = labels.iter().find(|&&label| usize::from(label) >= classes) {
        return Err(BoundError::Specification(format!(
            "label {label}, but there are {classes} classes"
        )));
    }
    Ok(output.into_tensor())
}

fn progress_bar(images: usize, label: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar:.cyan/blue} {pos}/{len} {eta:>4}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(images as u64)
        .with_style(style)
        .with_prefix(label.to_string())
}
