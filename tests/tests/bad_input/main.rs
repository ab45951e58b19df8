//! `tests/BAD_INPUT.md`: what each entry gives for bad input, found out by trying it.
//!
//! `BURN_CROWN_WRITE=1 cargo test -p burn-crown-tests --test bad_input` writes the file anew.
#![allow(clippy::unwrap_used)]

mod cache;
mod data;
mod formats;
mod loaders;
mod nets;
mod numbers;
mod objective;
mod options;
mod outcome;
#[path = "../plane/mod.rs"]
mod plane;
mod rechecks;
mod regions;
mod shapes;
mod specifications;
mod training;
mod weights;
mod words;

use std::fmt::Write as _;
use std::panic::catch_unwind;
use std::path::Path;

use burn_crown_tests::on_libtorch;

use outcome::Row;

const TABLES: [(&str, &[Row]); 14] = [
    ("Numbers in data and weights", numbers::ROWS),
    ("Regions", regions::ROWS),
    ("Substitutions of words", words::ROWS),
    ("Perturbed weights", weights::ROWS),
    ("Specifications and outputs", specifications::ROWS),
    ("Methods and their options", options::ROWS),
    ("Shapes, data types and devices", shapes::ROWS),
    ("Recordings that are used again", cache::ROWS),
    ("Objectives and schedules", objective::ROWS),
    ("Training and validation steps", training::ROWS),
    ("Data loaders and several devices", loaders::ROWS),
    ("The check of certificates", rechecks::ROWS),
    ("The program's files of images and weights", data::ROWS),
    (
        "The program's experiment files and certificates",
        formats::ROWS,
    ),
];

fn document() -> String {
    let mut text = String::from(
        "# What bad input gives\n\nWritten by `tests/tests/bad_input`, which tries each row: no \
         entry panics, and nothing is certified that is not so.\n",
    );
    let mut panicked = Vec::new();
    for (title, rows) in TABLES {
        let _ = write!(
            text,
            "\n## {title}\n\n| Entry | Input | What it gives |\n| --- | --- | --- |\n"
        );
        for row in rows {
            match catch_unwind(row.run) {
                Ok(outcome) => {
                    let _ = writeln!(text, "| {} | {} | {outcome} |", row.entry, row.input);
                }
                Err(_) => panicked.push(format!("{title}: {}, {}", row.entry, row.input)),
            }
        }
    }
    assert!(panicked.is_empty(), "{panicked:#?}");
    text
}

#[cfg(all(feature = "flex", feature = "tch"))]
#[test]
#[expect(
    deprecated,
    reason = "Burn deprecates its libtorch backend, but still has it"
)]
fn images_on_another_device_are_refused() {
    use burn::module::Module;
    use burn::tensor::{DType, Device};
    use burn_crown::{BoundError, GraphCache, Perturbation};

    let devices = [Device::flex(), Device::libtorch()];
    for (of_images, of_net) in [(&devices[0], &devices[1]), (&devices[1], &devices[0])] {
        let net = nets::Net::new(1, DType::F32).to_device(of_net);
        let images = nets::images(DType::F32).to_device(of_images);
        let error = GraphCache::new().analyse(&net, images, &Perturbation::linf(0.1));
        assert!(matches!(error, Err(BoundError::Device { .. })), "{error:?}");
    }
}

#[test]
fn the_table_of_bad_input_is_true() {
    let found = document();
    // The messages name the device, and those that there are.
    if on_libtorch() || cfg!(feature = "tch") {
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("BAD_INPUT.md");
    if std::env::var_os("BURN_CROWN_WRITE").is_some() {
        std::fs::write(&path, &found).expect("the repository can be written");
    }
    let stated = std::fs::read_to_string(&path).expect("BAD_INPUT.md is in the repository");
    for (stated, found) in stated.lines().zip(found.lines()) {
        assert_eq!(stated, found, "BAD_INPUT.md is out of date");
    }
    assert_eq!(
        stated.lines().count(),
        found.lines().count(),
        "rows of BAD_INPUT.md"
    );
}
