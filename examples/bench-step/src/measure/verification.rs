//! Bounds of margins.

use burn::tensor::Device;
use burn_crown::{BoundConfig, Perturbation, Specification, Verifier, certified};
use crown_ibp::weights::load_weights;

use super::{Measured, clock, images, networks};
use crate::arguments::Settings;
use crate::case::{Network, Verification};
use crate::error::BenchError;

/// Times the lower bounds of all margins of the images, which are one batch.
///
/// One image alone warms up: some of these cases take minutes.
pub(super) fn measure(
    network: Network,
    what: &Verification,
    settings: &Settings,
    device: &Device,
) -> Result<Measured, BenchError> {
    let count = settings.images.unwrap_or(what.images);
    let weights = settings.weights.as_ref().filter(|_| what.trained);
    let model = match weights {
        Some(file) => load_weights(&network.config(), device, file)?,
        None => networks::drawn(network, settings, device),
    };
    let verifier = Verifier::new(model);
    let region = Perturbation::linf(what.epsilon).with_range(0.0, 1.0);
    let config = BoundConfig::new(what.method)
        .with_memory_limit(settings.memory_limit.map(|mebibytes| mebibytes << 20));
    let data = images::to_verify(settings, count)?;
    let certified_of = |count| -> Result<usize, BenchError> {
        let (images, labels) = data.tensors(0..count, device);
        let analysis = verifier.analyse(images, &region)?;
        let margins = analysis.lower(&Specification::Margins(labels), &config)?;
        Ok(certified(margins).int().sum().into_scalar::<i64>() as usize)
    };
    for _ in 0..settings.warmup {
        certified_of(1)?;
    }
    let mut certified = None;
    let without_warmup = Settings {
        warmup: 0,
        ..settings.clone()
    };
    let times = clock::times(&without_warmup, || {
        certified = Some(certified_of(count)?);
        Ok::<(), BenchError>(())
    })?;
    Ok(Measured {
        times,
        batch: count,
        epsilon: Some(what.epsilon),
        beta: None,
        kappa: None,
        clean_outputs: None,
        images: Some(images::verified(settings).to_string()),
        certified,
        weights: weights.map(|file| file.display().to_string()),
    })
}
