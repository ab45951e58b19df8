//! Bounds of networks that the CROWN-IBP reference program trained, against the reference's own
//! figures. Reads the folder that `BURN_CROWN_SHARED` names.
#![allow(clippy::unwrap_used)]

use burn::tensor::{Int, Tensor};
use burn_crown::{BoundConfig, LowerSlope, Method, Perturbation, Verifier};
use burn_crown_tests::tensors::{TensorFile, largest_difference};
use burn_crown_tests::{shared_folder, test_device};
use crown_ibp::data::{DataSource, DatasetName, ImageDataset, Split, load};
use crown_ibp::models::{Cnn2LayerConfig, Model, ModelConfig};
use crown_ibp::weights::load_weights;

/// The largest difference, relative where a bound is above 1.
const TOLERANCE: f64 = 1e-4;

fn model(name: &str) -> Option<Model> {
    let folder = shared_folder()?.join("golden/reference-models");
    let config = ModelConfig::Cnn2Layer(Cnn2LayerConfig::new(1, 28, 1));
    let file = folder.join(format!("cnn_2layer_width_1-{name}.safetensors"));
    Some(load_weights(&config, &test_device(), file).unwrap())
}

fn test_images() -> Option<ImageDataset> {
    let source = DataSource::new(Some(shared_folder()?.join("data/mnist")));
    Some(load(DatasetName::Mnist, Split::Test, &source).unwrap())
}

fn first_hundred() -> Option<(Tensor<4>, Tensor<1, Int>)> {
    Some(test_images()?.tensors(0..100, &test_device()))
}

/// The lower bounds of the margins of the first hundred test images, by each method and slope, at
/// each ε of the reference.
fn bounds_equal_the_reference(name: &str, model_name: &str, epsilons: [f64; 2]) {
    let (Some(model), Some((images, labels))) = (model(model_name), first_hundred()) else {
        return;
    };
    let folder = shared_folder().unwrap().join("golden/reference-bounds");
    let reference = TensorFile::open(folder.join(format!("{name}_model.safetensors")));
    let cases = [
        (Method::Interval, "ibp", vec![("", LowerSlope::Adaptive)]),
        (Method::CrownIbp, "crown_ibp", SLOPES.to_vec()),
        (Method::Crown, "crown_full", SLOPES.to_vec()),
        (
            Method::ConvexAdversarial,
            "convex_adv",
            vec![("", LowerSlope::Adaptive)],
        ),
    ];
    let mut compared = 0;
    for epsilon in epsilons {
        let perturbation = Perturbation::linf(epsilon).with_range(0.0, 1.0);
        for (method, prefix, slopes) in &cases {
            for (suffix, slope) in slopes {
                let key = format!("{prefix}{suffix}@{epsilon}");
                if !reference.has(&key) {
                    continue;
                }
                let config = BoundConfig::new(*method)
                    .with_slope(*slope)
                    .with_all_neurons(true);
                let verifier = Verifier::new(model.clone()).with_config(config);
                let bounds = verifier
                    .margins(images.clone(), labels.clone(), &perturbation)
                    .unwrap();
                let (worst, at) = largest_difference(bounds.lower, &reference.values(&key).0);
                eprintln!("{name} {key}: largest difference {worst:.2e}");
                assert!(worst <= TOLERANCE, "{name} {key}: {worst:e} at {at}");
                compared += 1;
                let upper = format!("{prefix}{suffix}_upper@{epsilon}");
                if reference.has(&upper) {
                    let (worst, at) = largest_difference(bounds.upper, &reference.values(&upper).0);
                    eprintln!("{name} {upper}: largest difference {worst:.2e}");
                    assert!(worst <= TOLERANCE, "{name} {upper}: {worst:e} at {at}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared >= 22, "only {compared} bounds were compared");
}

const SLOPES: [(&str, LowerSlope); 4] = [
    ("", LowerSlope::Adaptive),
    ("_same_slope", LowerSlope::Same),
    ("_zero_lb", LowerSlope::Zero),
    ("_one_lb", LowerSlope::One),
];

#[test]
fn bounds_of_the_robust_model_equal_the_reference() {
    bounds_equal_the_reference("crown_ibp", "crown_ibp", [0.1, 0.3]);
}

#[test]
fn bounds_of_the_natural_model_equal_the_reference() {
    bounds_equal_the_reference("natural", "natural", [0.01, 0.03]);
}
