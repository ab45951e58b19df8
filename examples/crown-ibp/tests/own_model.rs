//! A program with a model and a dataset of its own: the one that the package's README shows.
#![allow(clippy::unwrap_used)]
#![allow(unreachable_pub, reason = "the program is a whole one in the README")]

#[path = "own_model/program.rs"]
#[allow(dead_code, reason = "the tests run what its `main` runs")]
mod stripes;

#[path = "own_model/normalised.rs"]
mod normalised;

use std::path::Path;

use burn::tensor::Device;
use burn_crown::{BoundConfig, Method};
use clap::Parser;
use crown_ibp::config::ExperimentConfig;
use crown_ibp::data::{DataSource, DatasetName, Split, load};
use crown_ibp::evaluation::evaluate;
use crown_ibp::models::Architecture;
use crown_ibp::program::{CommandLine, ProgramError, run};
use crown_ibp::training::verification;
use crown_ibp::weights::load_weights;
use normalised::NormalisedNetConfig;
use stripes::{DATASETS, StripesNetConfig};

const README: &str = include_str!("../README.md");

/// What stands in the README's block of a language.
fn block(language: &str) -> &'static str {
    let start = README.find(&format!("```{language}\n")).unwrap() + language.len() + 4;
    &README[start..start + README[start..].find("```").unwrap()]
}

fn run_in(folder: &Path, arguments: &[&str]) -> Result<(), ProgramError> {
    run_model_in::<StripesNetConfig>(folder, arguments)
}

/// The program with a model in place of the README's.
fn run_model_in<A: Architecture>(folder: &Path, arguments: &[&str]) -> Result<(), ProgramError> {
    let file = folder.join("stripes.json");
    std::fs::write(&file, block("json")).unwrap();
    let [file, prefix] = [&file, folder].map(|path| path.to_str().unwrap());
    let [command, rest @ ..] = arguments else {
        unreachable!()
    };
    let given = [
        "stripes",
        command,
        "--config",
        file,
        "--path-prefix",
        prefix,
    ];
    let words = given.iter().chain(rest);
    run::<A>(CommandLine::try_parse_from(words).unwrap(), &DATASETS)
}

#[test]
fn the_readme_shows_the_program_under_test() {
    assert_eq!(
        block("rust,no_run"),
        include_str!("own_model/program.rs"),
        "copy tests/own_model/program.rs into the README"
    );
}

#[test]
fn the_program_trains_a_model_that_verifies() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["train"]).unwrap();
    run_in(folder.path(), &["train", "--resume"]).unwrap();
    run_in(folder.path(), &["eval"]).unwrap();
    let weights = folder.path().join("weights.safetensors");
    let weights = weights.to_str().unwrap();
    run_in(folder.path(), &["export", "--output", weights]).unwrap();
    run_in(folder.path(), &["eval", "--weights", weights]).unwrap();

    assert_verifies(folder.path(), StripesNetConfig::new(32));
}

#[test]
fn a_model_with_batch_normalisation_trains_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| run_model_in::<NormalisedNetConfig>(folder.path(), arguments);
    run(&["train"]).unwrap();
    run(&["eval"]).unwrap();
    assert_verifies(folder.path(), NormalisedNetConfig::new(32));
}

/// The model that was trained in the folder is `expected`, and verified on most test images.
fn assert_verifies<A: Architecture>(folder: &Path, expected: A) {
    let experiment = ExperimentConfig::<A>::load_with(folder.join("stripes.json"), &[], &DATASETS)
        .unwrap()
        .with_path_prefix(folder);
    assert_eq!(experiment.dataset, DatasetName::Custom(&DATASETS[0]));
    let entry = &experiment.models[0];
    assert_eq!(entry.model, expected);
    let device = Device::default();
    let trained = load_weights(&entry.model, &device, experiment.files(entry).last).unwrap();
    let test = load(experiment.dataset, Split::Test, &DataSource::new(None)).unwrap();
    let verification = verification(&entry.eval_params, &test.normalization()).unwrap();
    assert_eq!(verification.config, BoundConfig::new(Method::Crown));
    let errors = evaluate(&trained, &test, 128, &device, Some(&verification), "").unwrap();
    assert_eq!(errors.images, 128);
    // Bright stripes are at least 128/255 above dark ones, and ε is 0.1.
    assert!(errors.clean < 5.0, "{errors:?}");
    assert!(errors.verified.unwrap() < 20.0, "{errors:?}");
}

#[test]
fn what_the_file_says_wrongly_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |old: &str, new: &str| {
        let text = block("json");
        assert!(text.contains(old), "{old}");
        let file = folder.path().join("wrong.json");
        std::fs::write(&file, text.replace(old, new)).unwrap();
        ExperimentConfig::<StripesNetConfig>::load_with(&file, &[], &DATASETS)
            .unwrap_err()
            .to_string()
    };
    for (old, new, words) in [
        (
            "\"stripes_net\"",
            "\"stripe_net\"",
            "models:0:model_class: is \"stripe_net\", which is no known class; the nearest is \
             \"stripes_net\"",
        ),
        (
            "\"neurons\": 32",
            "\"neuron\": 32",
            "models:0:model_params: cannot be read: missing field `neurons`",
        ),
        (
            "\"neurons\": 32",
            "\"neurons\": 32, \"layers\": 2",
            "models:0:model_params:layers: unknown key; the nearest known one is \
             models:0:model_params:neurons",
        ),
        (
            "\"dataset\": \"stripes\"",
            "\"dataset\": \"stripe\"",
            "\"digits\", \"stripes\"; the nearest is \"stripes\"",
        ),
    ] {
        let error = refused(old, new);
        assert!(error.contains(words), "{error}");
    }
}
