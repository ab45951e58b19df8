//! Soundness of a module's bounds around random inputs.

use burn::tensor::{DType, Distribution, Tensor};
use burn_crown::testing::{SoundnessCheck, check_soundness};
use burn_crown::{Bounded, Method, Norm, Perturbation};

use crate::parameters::to_vec;
use crate::test_device;

/// How far rounding in `f64` may take a value past a bound, relative to the largest value.
pub const ROUNDING: f64 = 1e-9;

/// Points of each image that are drawn without aim; as many again and half are found from them.
const POINTS: usize = 16;

/// The methods that differ in how they bound an operator.
pub const METHODS: [Method; 5] = [
    Method::Interval,
    Method::CrownIbp,
    Method::Crown,
    Method::Forward,
    Method::ForwardBackward,
];

/// Checks every bound at points of the regions around `cases` random inputs of shape `dims` around
/// `center`, in each norm, by every method, and that bounds are finite and close in on the value for
/// radius 0.
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
    let region = Perturbation::ball(norm, radius);
    let what = format!("{norm:?}, radius {radius}, seed {seed}");
    let check = SoundnessCheck::new(METHODS)
        .with_points(POINTS)
        .with_tolerance(rounding)
        .with_seed(seed);
    let report = check_soundness(module, input.clone(), &region, check)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    for (method, bounds) in METHODS.into_iter().zip(report.bounds) {
        let what = format!("{method}, {what}");
        let bounds = [bounds.lower, bounds.upper].map(to_vec);
        for (output, (low, high)) in bounds[0].iter().zip(&bounds[1]).enumerate() {
            assert!(
                low.is_finite() && high.is_finite(),
                "{what}: the bounds of output {output} are {low} and {high}"
            );
            if radius == 0.0 {
                assert!(
                    high - low <= 1e-5 * (1.0 + low.abs()),
                    "{what}: a point has the bounds {low} and {high}"
                );
            }
        }
    }
}
