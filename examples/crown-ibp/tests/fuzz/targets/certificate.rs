//! Files of certificates.

use std::sync::LazyLock;

use burn::tensor::Device;
use burn_crown::certificate::ModelIdentity;
use burn_crown::{BoundConfig, Method, Norm};
use crown_ibp::certificates::{Checker, Issuer, Verdict, lines, read};
use crown_ibp::data::{DatasetName, Digits};
use crown_ibp::evaluation::{Verification, evaluate_each};
use crown_ibp::models::MlpAnyConfig;
use crown_ibp::precision::Precision;
use crown_ibp::region::{certified_region, perturbation};

use super::Outcome;

/// Certificates, and what checks them.
struct Issued {
    lines: Vec<Vec<u8>>,
    checker: Checker,
}

static ISSUED: LazyLock<Issued> = LazyLock::new(|| {
    let device = Device::flex();
    device.seed(2019);
    let (images, dataset) = (Digits::new(1, 3).draw(), DatasetName::Digits);
    let model = MlpAnyConfig::new(784, vec![2]).init(&device);
    let (first, _) = images.tensors(0..1, &device);
    let identity = ModelIdentity::of("mlp", &model, first).unwrap();
    let (normalization, config) = (images.normalization(), BoundConfig::new(Method::Crown));
    let region = certified_region(Norm::Linf, 0.01, true, &normalization);
    let verification = Verification {
        perturbation: perturbation(Norm::Linf, 0.01, true, &normalization),
        config: config.clone(),
    };
    let (of_images, single) = (images.clone(), Precision::F32);
    let issuer = Issuer::new(identity, dataset, of_images, region, &config, single).unwrap();
    let mut lines = Vec::new();
    let by = Some(&verification);
    evaluate_each(&model, &images, 3, &device, by, "", |index, margins| {
        lines.push(serde_json::to_vec(&issuer.certificate(index, margins)).unwrap());
    })
    .unwrap();
    let checker = Checker::new("mlp", &model, dataset, images, &device).unwrap();
    Issued { lines, checker }
});

/// Files of one certificate each, which is confirmed.
pub(crate) fn valid_certificates() -> Vec<Vec<u8>> {
    ISSUED.lines.clone()
}

/// A file of certificates, each of which is checked if it can be read.
pub(crate) fn certificate(bytes: &[u8]) -> Outcome {
    let lines = lines(bytes);
    let check = |&(number, line): &(usize, &[u8])| {
        let certificate = read(line).map_err(|reason| format!("line {number}: {reason}"))?;
        match ISSUED.checker.check(&certificate, None) {
            Verdict::Confirmed { .. } => Ok(()),
            verdict => Err(format!("line {number}: {verdict}")),
        }
    };
    // All of them, whatever the first ones are.
    let outcomes: Vec<Outcome> = lines.iter().map(check).collect();
    match outcomes.is_empty() {
        true => Err("no line".into()),
        false => outcomes.into_iter().collect(),
    }
}
