//! Weights from PyTorch and back, on small committed files (see `tests/fixtures/make.py`) and on
//! the reference program's own, in the folder that `BURN_CROWN_SHARED` names.
#![allow(clippy::unwrap_used)]

mod by_hand;
mod command_line;
mod forms;
mod reference;
mod refused;
mod round_trip;
#[path = "../support/program.rs"]
mod support;

use std::path::PathBuf;

use burn::module::Module;
use burn::store::{ModuleSnapshot, bridge};
use burn::tensor::{Device, TensorData};
use crown_ibp::models::{MlpAnyConfig, Model, ModelConfig};
use crown_ibp::weights::load_weights;

/// The device that the tests run on: `flex`, or what `BURN_CROWN_TEST_DEVICE` says.
fn test_device() -> Device {
    let name = std::env::var("BURN_CROWN_TEST_DEVICE").ok();
    crown_ibp::device::parse(name.as_deref()).unwrap()
}

/// The architecture of the committed files: 4 inputs, 2 hidden neurons, 3 outputs.
fn mlp() -> ModelConfig {
    ModelConfig::MlpAny(MlpAnyConfig::new(4, vec![2]).with_out_dim(3))
}

fn fixture(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    folder.join(name)
}

fn loaded(name: &str) -> Model {
    load_weights(&mlp(), &test_device(), fixture(name)).unwrap()
}

/// Why a committed file is refused.
fn refused(name: &str) -> String {
    load_weights(&mlp(), &test_device(), fixture(name))
        .unwrap_err()
        .to_string()
}

/// All numbers of a model, with their names.
fn numbers<M: Module>(model: &M) -> Vec<(String, TensorData)> {
    model
        .collect(None, None, true)
        .into_iter()
        .map(|tensor| (tensor.name.clone(), bridge::into_data(tensor).unwrap()))
        .collect()
}
