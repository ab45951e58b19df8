//! Bounds over regions of parameters.
#![allow(clippy::unwrap_used, reason = "tests panic where something is wrong")]

mod errors;
mod exact;
mod gradients;
mod layers;
mod networks;
mod region;

use burn::tensor::{DType, Distribution, Tensor};
use burn_crown_tests::parameters::map_parameters;
use burn_crown_tests::test_device;

/// A random tensor in `f64`.
fn random<const D: usize>(dims: [usize; D], seed: u64) -> Tensor<D> {
    let device = test_device();
    device.seed(seed);
    Tensor::random(
        dims,
        Distribution::Uniform(-1.0, 1.0),
        (&device, DType::F64),
    )
}

/// [`random`] in `f32`, for layers that compute in it whatever the type of their input.
fn single<const D: usize>(dims: [usize; D], seed: u64) -> Tensor<D> {
    random(dims, seed).cast(DType::F32)
}

/// A module in `f64`.
fn double<M: burn::module::Module>(module: M) -> M {
    map_parameters(module, DType::F64, |_, _, _| ())
}
