//! Clean and verified errors of a model, and bounds of its outputs.

use std::ops::Range;
use std::time::Instant;

use burn::tensor::{Bool, Device, Int, Tensor};
use burn_crown::train::classified;
use burn_crown::{
    AnyTensor, BoundConfig, BoundError, Bounded, GraphCache, Input, Method, Perturbation,
    Specification, certified,
};
use crown_ibp::data::ImageDataset;

use crate::experiment::Settings;

/// How many images are bounded at once.
const BATCH_SIZE: usize = 50;

/// The errors of a model on a region around each image, by one method.
#[derive(Clone, Debug)]
pub struct Row {
    /// The region, in words.
    pub region: String,
    /// The method that verifies.
    pub method: Method,
    /// The images that were looked at.
    pub images: usize,
    /// The share that is classified wrongly, in percent.
    pub clean_error: f64,
    /// The share that is not certified, in percent.
    pub verified_error: f64,
    /// How long the certificates took, in seconds.
    pub seconds: f64,
}

/// Images as a model gets them, each with its region.
pub struct Sample {
    /// What the model gets, perturbed and fixed.
    pub inputs: Vec<Input>,
    /// What it makes of the images themselves, `[B, classes]`.
    pub logits: Tensor<2>,
    /// The classes, `[B]`.
    pub labels: Tensor<1, Int>,
}

/// Certifies as many of the first samples by a method as the settings say.
///
/// `sample` gives the samples of a range. The model is one for inference.
///
/// # Errors
///
/// If the model cannot be bounded.
pub fn certify<M: Bounded>(
    model: &M,
    method: Method,
    region: &str,
    settings: &Settings,
    sample: impl Fn(Range<usize>) -> Sample,
) -> Result<Row, BoundError> {
    let started = Instant::now();
    let images = settings.images(method);
    let config = BoundConfig::new(method);
    let cache = GraphCache::new();
    let (mut right, mut verified) = (0, 0);
    for start in (0..images).step_by(BATCH_SIZE) {
        let Sample {
            inputs,
            logits,
            labels,
        } = sample(start..(start + BATCH_SIZE).min(images));
        right += count(classified(logits, labels.clone()));
        let analysis = cache.analyse_inputs(model, inputs)?;
        verified += count(certified(
            analysis.lower(&Specification::Margins(labels), &config)?,
        ));
    }
    let error = |good: usize| 100.0 * (images - good) as f64 / images as f64;
    Ok(Row {
        region: region.into(),
        method,
        images,
        clean_error: error(right),
        verified_error: error(verified),
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// Certifies a model of one input, the image `[B, 1, 28, 28]`, by all methods of the
/// settings on several regions.
///
/// # Errors
///
/// If the model cannot be bounded.
pub fn certify_images<M: Bounded>(
    model: &M,
    data: &ImageDataset,
    regions: &[(String, Perturbation)],
    settings: &Settings,
    device: &Device,
) -> Result<Vec<Row>, BoundError> {
    let mut rows = Vec::new();
    for (region, perturbation) in regions {
        for method in settings.methods() {
            let sample = |range| {
                let (images, labels) = data.tensors(range, device);
                let values = vec![AnyTensor::new(images.clone())];
                Sample {
                    logits: model.forward_any(values).into_tensor(),
                    inputs: vec![Input::perturbed(images, perturbation.clone())],
                    labels,
                }
            };
            rows.push(certify(model, method, region, settings, sample)?);
        }
    }
    Ok(rows)
}

/// An output of a model at an input, with its bounds over the region around it.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputBounds {
    /// The class.
    pub class: usize,
    /// The lower bound.
    pub lower: f64,
    /// The output at the input itself.
    pub output: f64,
    /// The upper bound.
    pub upper: f64,
}

/// The outputs of the first sample, with their bounds.
///
/// # Errors
///
/// If the model cannot be bounded.
pub fn output_bounds<M: Bounded>(
    model: &M,
    method: Method,
    sample: Sample,
) -> Result<Vec<OutputBounds>, BoundError> {
    let analysis = GraphCache::new().analyse_inputs(model, sample.inputs)?;
    let bounds = analysis.bounds(&Specification::Outputs, &BoundConfig::new(method))?;
    let first =
        |values: Tensor<2>| -> Vec<f64> { values.narrow(0, 0, 1).into_data().iter().collect() };
    let outputs = first(sample.logits).into_iter().zip(first(bounds.lower));
    Ok(outputs
        .zip(first(bounds.upper))
        .enumerate()
        .map(|(class, ((output, lower), upper))| OutputBounds {
            class,
            lower,
            output,
            upper,
        })
        .collect())
}

fn count(samples: Tensor<1, Bool>) -> usize {
    samples.int().sum().into_scalar::<i64>() as usize
}
