//! Bounds against the values at points of the region.

use burn::tensor::{DType, Tensor};
use burn_crown::{AnyTensor, BoundConfig, Bounded, Bounds, GraphCache, Input, Specification};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::test_device;

pub(crate) use burn_crown_tests::sound::METHODS;

/// How far rounding may take a value past a bound, relative to the largest value: of modules in
/// `f64`, and of those that Burn computes in `f32` whatever the input is.
pub(crate) const ROUNDING: f64 = 1e-9;
pub(crate) const ROUNDING_F32: f64 = 2e-5;

/// The bounds of the outputs by each method.
pub(crate) fn bounds_of<M: Bounded>(module: &M, inputs: &[Input], what: &str) -> Vec<Bounds> {
    bounds_by(module, inputs, &Specification::Outputs, what)
}

/// The bounds of the outputs as linear functions of themselves, which intervals take together with
/// the last affine layers.
pub(crate) fn merged_bounds_of<M: Bounded>(
    module: &M,
    inputs: &[Input],
    outputs: usize,
    what: &str,
) -> Vec<Bounds> {
    let rows = Tensor::<2>::eye(outputs, &test_device())
        .cast(DType::F64)
        .unsqueeze::<3>();
    bounds_by(module, inputs, &Specification::Linear(rows), what)
}

fn bounds_by<M: Bounded>(
    module: &M,
    inputs: &[Input],
    specification: &Specification,
    what: &str,
) -> Vec<Bounds> {
    let analysis = GraphCache::new()
        .analyse_inputs(module, inputs.to_vec())
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    METHODS
        .into_iter()
        .map(|method| {
            analysis
                .bounds(specification, &BoundConfig::new(method))
                .unwrap_or_else(|error| panic!("{what}, {method}: {error}"))
        })
        .collect()
}

/// Checks `lower ≤ f(points) ≤ upper` by each method, for a module with an output `[B, N]` and
/// `points` that hold `[count · B, ...]` for each input, the images in turn.
pub(crate) fn assert_holds<M: Bounded>(
    module: &M,
    inputs: &[Input],
    points: Vec<AnyTensor>,
    rounding: f64,
    what: &str,
) {
    let values = to_vec(module.forward_any(points).into_tensor::<2>());
    let largest = values
        .iter()
        .fold(1.0_f64, |most, value| most.max(value.abs()));
    for (method, bounds) in METHODS.into_iter().zip(bounds_of(module, inputs, what)) {
        let (lower, upper) = (to_vec(bounds.lower), to_vec(bounds.upper));
        assert!(values.len() > lower.len() && values.len().is_multiple_of(lower.len()));
        for (at, &value) in values.iter().enumerate() {
            let (low, high) = (lower[at % lower.len()], upper[at % lower.len()]);
            assert!(
                low.is_finite() && high.is_finite(),
                "{what}, {method}: the bounds of output {at} are {low} and {high}"
            );
            let slack = rounding * (largest + low.abs() + high.abs());
            assert!(
                low <= value + slack && value <= high + slack,
                "{what}, {method}: output {at} is {value}, its bounds {low} and {high}"
            );
        }
    }
}
