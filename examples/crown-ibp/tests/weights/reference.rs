//! The reference program's own networks: their errors on the 10,000 MNIST test images are those
//! that it printed itself, in the README of the folder that `BURN_CROWN_SHARED` names.

use std::path::PathBuf;

use burn_crown::{BoundConfig, Method, Perturbation};
use crown_ibp::data::{DataSource, DatasetName, ImageDataset, Split, load};
use crown_ibp::evaluation::{Verification, evaluate};
use crown_ibp::models::{Cnn2LayerConfig, Model, ModelConfig};
use crown_ibp::weights::{load_weights, save_weights};

use super::{numbers, test_device};

/// A network, its clean error, and its verified errors by IBP and CROWN-IBP at two radii, in
/// percent.
type Row = (&'static str, f64, [f64; 2], [f64; 2], [f64; 2]);

const TABLE: [Row; 4] = [
    (
        "crown_ibp",
        14.88,
        [0.1, 0.3],
        [22.17, 45.58],
        [23.11, 52.57],
    ),
    ("ibp", 16.36, [0.1, 0.3], [22.78, 44.70], [24.16, 52.53]),
    (
        "ibp_kappa",
        11.24,
        [0.1, 0.3],
        [17.77, 41.96],
        [18.70, 50.71],
    ),
    (
        "natural",
        6.06,
        [0.01, 0.03],
        [90.12, 100.00],
        [10.62, 72.93],
    ),
];

fn shared_folder() -> Option<PathBuf> {
    let folder = std::env::var_os("BURN_CROWN_SHARED").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: BURN_CROWN_SHARED names no folder with reference figures");
    }
    folder
}

fn architecture() -> ModelConfig {
    ModelConfig::Cnn2Layer(Cnn2LayerConfig::new(1, 28, 1))
}

/// A network in the form that the file's ending tells.
fn model(name: &str, ending: &str) -> Option<Model> {
    let folder = shared_folder()?.join("golden/reference-models");
    let file = folder.join(format!("cnn_2layer_width_1-{name}.{ending}"));
    Some(load_weights(&architecture(), &test_device(), file).unwrap())
}

#[test]
fn all_three_forms_hold_the_same_network() {
    for (name, ..) in TABLE {
        let Some(safetensors) = model(name, "safetensors") else {
            return;
        };
        for ending in ["state_dict.pth", "checkpoint.pth"] {
            let pytorch = model(name, ending).unwrap();
            assert_eq!(numbers(&pytorch), numbers(&safetensors), "{name}.{ending}");
        }
    }
}

#[test]
fn an_export_holds_the_same_network() {
    let Some(model) = model("crown_ibp", "checkpoint.pth") else {
        return;
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    save_weights::<ModelConfig>(&model, file.path()).unwrap();
    let again = load_weights(&architecture(), &test_device(), file.path()).unwrap();
    assert_eq!(numbers(&again), numbers(&model));
}

/// The errors of a network from one of the forms; the others hold the same numbers, see above.
fn errors_equal_the_reference(row: &Row) {
    let (name, clean, radii, ibp, crown_ibp) = *row;
    let Some(model) = model(name, "checkpoint.pth") else {
        return;
    };
    let source = DataSource::new(Some(shared_folder().unwrap().join("data/mnist")));
    let images: ImageDataset = load(DatasetName::Mnist, Split::Test, &source).unwrap();
    for (method, expected) in [(Method::Interval, ibp), (Method::CrownIbp, crown_ibp)] {
        for (radius, expected) in radii.into_iter().zip(expected) {
            let verification = Verification {
                config: BoundConfig::new(method),
                perturbation: Perturbation::linf(radius).with_range(0.0, 1.0),
            };
            let device = test_device();
            let errors = evaluate(&model, &images, 100, &device, Some(&verification), name);
            let errors = errors.unwrap();
            let verified = errors.verified.unwrap();
            eprintln!("{name}, {method}, ε {radius}: {errors:?}");
            assert_eq!(errors.images, 10_000);
            assert_eq!(errors.clean, clean, "{name}: clean error");
            // One image in 10,000 may lie on the edge of rounding.
            assert!(
                (verified - expected).abs() < 0.015,
                "{name}, {method}, ε {radius}: {verified} for {expected}"
            );
        }
    }
}

#[test]
fn errors_of_the_crown_ibp_network_equal_the_reference() {
    errors_equal_the_reference(&TABLE[0]);
}

#[test]
fn errors_of_the_ibp_network_equal_the_reference() {
    errors_equal_the_reference(&TABLE[1]);
}

#[test]
fn errors_of_the_kappa_network_equal_the_reference() {
    errors_equal_the_reference(&TABLE[2]);
}

#[test]
fn errors_of_the_natural_network_equal_the_reference() {
    errors_equal_the_reference(&TABLE[3]);
}
