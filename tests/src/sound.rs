//! Soundness of a module's bounds around random inputs.

use burn::tensor::{DType, Distribution, Tensor};
use burn_crown::{BoundConfig, Bounded, GraphCache, Method, Norm, Perturbation, Specification};

use crate::parameters::to_vec;
use crate::regions::RandomRegion;
use crate::test_device;

/// How far rounding in `f64` may take a value past a bound, relative to the largest value.
pub const ROUNDING: f64 = 1e-9;

/// Sampled points of each image.
const POINTS: usize = 40;

/// The methods that differ in how they bound an operator.
pub const METHODS: [Method; 5] = [
    Method::Interval,
    Method::CrownIbp,
    Method::Crown,
    Method::Forward,
    Method::ForwardBackward,
];

/// Checks `lower ≤ f(x) ≤ upper` for `cases` random inputs of shape `dims` around `center`, in each
/// norm, by every method, and that bounds are finite and close in on the value for radius 0.
///
/// `module` makes the module for a case; its parameters are in `f64`.
///
/// # Panics
///
/// If a bound does not hold.
pub fn assert_sound<const D: usize, M: Bounded>(
    dims: [usize; D],
    center: f64,
    radii: &[f64],
    cases: u64,
    module: impl Fn(u64) -> M,
) {
    assert_sound_within(ROUNDING, dims, center, radii, cases, module);
}

/// [`assert_sound`] with another allowance for rounding, relative to the largest value.
///
/// # Panics
///
/// If a bound does not hold.
pub fn assert_sound_within<const D: usize, M: Bounded>(
    rounding: f64,
    dims: [usize; D],
    center: f64,
    radii: &[f64],
    cases: u64,
    module: impl Fn(u64) -> M,
) {
    let device = test_device();
    for case in 0..cases {
        device.seed(case);
        let module = module(case);
        let spread = Distribution::Uniform(center - 1.0, center + 1.0);
        let input = Tensor::<D>::random(dims, spread, (&device, DType::F64));
        for (index, norm) in [Norm::L1, Norm::L2, Norm::Linf].into_iter().enumerate() {
            for &radius in radii {
                let seed = case * 16 + index as u64;
                check(&module, &input, norm, radius, seed, rounding);
            }
        }
        check(&module, &input, Norm::Linf, 0.0, case, rounding);
    }
}

fn check<const D: usize, M: Bounded>(
    module: &M,
    input: &Tensor<D>,
    norm: Norm,
    radius: f64,
    seed: u64,
    rounding: f64,
) {
    let region = RandomRegion::ball(input.clone(), norm, radius);
    let value = |x: Tensor<D>| {
        let y = module.forward_any(vec![burn_crown::AnyTensor::new(x)]);
        let shape = y.shape();
        let data = flat(y);
        (shape, data)
    };
    let points = region.points(POINTS, seed);
    let (shape, values) = value(points);
    let width: usize = shape[1..].iter().product();
    let batch = input.dims()[0];
    let largest = values
        .iter()
        .fold(1.0_f64, |most, value| most.max(value.abs()));
    for method in METHODS {
        let what = format!("{method}, {norm:?}, radius {radius}, seed {seed}");
        let analysis = GraphCache::new()
            .analyse(module, input.clone(), &Perturbation::ball(norm, radius))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let bounds = analysis
            .bounds(&Specification::Outputs, &BoundConfig::new(method))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let (lower, upper) = (to_vec(bounds.lower), to_vec(bounds.upper));
        for (at, &value) in values.iter().enumerate() {
            let place = (at / width % batch) * width + at % width;
            let (low, high) = (lower[place], upper[place]);
            assert!(
                low.is_finite() && high.is_finite(),
                "{what}: the bounds of output {place} are {low} and {high}"
            );
            let slack = rounding * (largest + low.abs() + high.abs());
            assert!(
                low <= value + slack && value <= high + slack,
                "{what}: output {place} is {value}, its bounds {low} and {high}"
            );
            if radius == 0.0 {
                assert!(
                    high - low <= 1e-5 * (1.0 + value.abs()),
                    "{what}: a point has the bounds {low} and {high}"
                );
            }
        }
    }
}

fn flat(y: burn_crown::AnyTensor) -> Vec<f64> {
    match y.rank() {
        1 => to_vec(y.into_tensor::<1>()),
        2 => to_vec(y.into_tensor::<2>()),
        3 => to_vec(y.into_tensor::<3>()),
        4 => to_vec(y.into_tensor::<4>()),
        _ => to_vec(y.into_tensor::<5>()),
    }
}
