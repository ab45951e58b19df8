//! What the integration tests share.
#![allow(missing_docs, reason = "fields of test data are told by their names")]

pub mod differences;
pub mod logs;
pub mod parameters;
pub mod random_net;
pub mod regions;
pub mod rows;
pub mod sound;
pub mod spec_net;
pub mod tensors;

use std::path::PathBuf;

use burn::tensor::Device;

/// The device that the tests run on: `flex`, or `libtorch` when `BURN_CROWN_TEST_DEVICE` says so.
///
/// # Panics
///
/// If the variable names a device that this build does not have.
pub fn test_device() -> Device {
    match std::env::var(DEVICE_VARIABLE).as_deref() {
        Err(_) | Ok("flex") => Device::flex(),
        #[cfg(feature = "tch")]
        #[expect(
            deprecated,
            reason = "Burn deprecates its libtorch backend, but still has it"
        )]
        Ok("libtorch") => Device::libtorch(),
        Ok(other) => panic!("{DEVICE_VARIABLE}={other}: this build has no such device"),
    }
}

/// Whether the tests run on libtorch.
pub fn on_libtorch() -> bool {
    std::env::var(DEVICE_VARIABLE).is_ok_and(|name| name == "libtorch")
}

const DEVICE_VARIABLE: &str = "BURN_CROWN_TEST_DEVICE";

/// The folder with real data and reference figures, where the environment names one.
///
/// Tests that need it say that they are skipped when it is absent.
pub fn shared_folder() -> Option<PathBuf> {
    let folder = std::env::var_os("BURN_CROWN_SHARED").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: BURN_CROWN_SHARED names no folder with reference figures");
    }
    folder
}
