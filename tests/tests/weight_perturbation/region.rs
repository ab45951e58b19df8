//! Soundness over random parameters of a region.

use burn::tensor::{DType, Tensor, TensorData};
use burn_crown::{
    AnyTensor, BoundConfig, Bounded, GraphCache, Input, Norm, Perturbation, Specification,
    WeightPerturbation,
};
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::regions::RandomRegion;
use burn_crown_tests::sound::{METHODS, ROUNDING};
use burn_crown_tests::test_device;

/// Sampled sets of parameters.
const POINTS: usize = 16;

/// Checks the bounds of a module, whose parameters have the type of `input`, over the region of radius `radius` around the parameters at
/// `paths`, in each norm, by every method, with the input fixed and in a region of `around`.
pub(crate) fn assert_sound<M: Bounded, const D: usize>(
    module: &M,
    input: &Tensor<D>,
    paths: &[&str],
    radius: f64,
    around: f64,
) {
    for (seed, norm) in (1..).zip([Norm::Linf, Norm::L2, Norm::L1]) {
        for around in [0.0, around] {
            check(module, input, paths, norm, [radius, around], seed);
        }
    }
    check(module, input, paths, Norm::L2, [0.0, 0.0], 0);
}

fn check<M: Bounded, const D: usize>(
    module: &M,
    input: &Tensor<D>,
    paths: &[&str],
    norm: Norm,
    [radius, around]: [f64; 2],
    seed: u64,
) {
    let weights = paths
        .iter()
        .fold(WeightPerturbation::new(), |weights, path| {
            weights.with(*path, Perturbation::ball(norm, radius))
        });
    let images = RandomRegion::ball(input.clone(), norm, around);
    // One input for each set of parameters.
    let points = images.points(POINTS, seed);
    let (batch, dtype) = (input.dims()[0], input.dtype());
    // Relative to the bounds: the rounding of sums, and of a norm that is kept away from zero.
    let (rounding, nothing) = match dtype {
        DType::F32 => (1e-5, 1e-4),
        _ => (ROUNDING, 1e-5),
    };
    let outputs: Vec<Vec<f64>> = (0..POINTS)
        .map(|point| {
            let x = points.clone().narrow(0, point * batch, batch);
            let changed = changed(module, dtype, paths, norm, radius, point, seed);
            flat(changed.forward_any(vec![AnyTensor::new(x)]))
        })
        .collect();
    for method in METHODS {
        let what = format!(
            "{method}, {norm:?}, {paths:?} in {radius}, input {:?} in {around}",
            input.dims()
        );
        let given = if around > 0.0 {
            Input::perturbed(input.clone(), Perturbation::ball(norm, around))
        } else {
            Input::fixed(input.clone())
        };
        let bounds = GraphCache::new()
            .analyse_weights(module, vec![given], &weights)
            .unwrap_or_else(|error| panic!("{what}: {error}"))
            .bounds(&Specification::Outputs, &BoundConfig::new(method))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let (lower, upper) = (to_vec(bounds.lower), to_vec(bounds.upper));
        for values in &outputs {
            assert_eq!(values.len(), lower.len(), "{what}");
            for (&value, (&low, &high)) in values.iter().zip(lower.iter().zip(&upper)) {
                assert!(
                    low.is_finite() && high.is_finite(),
                    "{what}: {low} to {high}"
                );
                let slack = rounding * (1.0 + low.abs() + high.abs());
                assert!(
                    low <= value + slack && value <= high + slack,
                    "{what}: {value} is not between {low} and {high}"
                );
                if radius == 0.0 && around == 0.0 {
                    let width = high - low;
                    assert!(
                        width <= nothing * (1.0 + value.abs()),
                        "{what}: {low} to {high}"
                    );
                }
            }
        }
    }
}

/// The module with other parameters of the region: the centre and then random points.
fn changed<M: Bounded>(
    module: &M,
    dtype: DType,
    paths: &[&str],
    norm: Norm,
    radius: f64,
    point: usize,
    seed: u64,
) -> M {
    let mut parameter = 0;
    map_parameters(module.valid(), dtype, |path, _, values| {
        parameter += 1;
        let inside = |of: &str| of.is_empty() || path == of || path.starts_with(&format!("{of}."));
        if !paths.iter().any(|of| inside(of)) {
            return;
        }
        let data = TensorData::new(values.to_vec(), [1, values.len()]);
        let center = Tensor::<2>::from_data(data, (&test_device(), dtype));
        let region = RandomRegion::ball(center, norm, radius);
        let points = region.points(POINTS, seed * 64 + parameter);
        values.copy_from_slice(&to_vec(points.narrow(0, point, 1)));
    })
}

fn flat(y: AnyTensor) -> Vec<f64> {
    match y.rank() {
        2 => to_vec(y.into_tensor::<2>()),
        3 => to_vec(y.into_tensor::<3>()),
        rank => panic!("no test has an output of rank {rank}"),
    }
}
