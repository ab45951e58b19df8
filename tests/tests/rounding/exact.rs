//! Sound bounds against arithmetic with 256 bits: they hold the network's values at the corners of
//! the region, and the bounds of the same method.

use burn::tensor::{DType, Tensor, TensorData};
use burn_crown::{
    BoundConfig, GraphCache, LowerSlope, Method, Perturbation, Rounding, Specification, Statement,
};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::{on_libtorch, test_device};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::dense::{Below, Box};
use crate::nets::{Convolved, Layered, Rectified, Smooth, Twin, random_of_size};
use crate::number::{Number, number};
use crate::products::{Attentive, Gated, Logarithmic, Normed, Recurrent, Stateful};

/// Corners of the region that are tried for each network.
const CORNERS: usize = 24;

const SOUND: Rounding = Rounding::Sound(Statement::RealNetwork);

/// The data types of which rounding is known here.
pub(crate) fn data_types() -> Vec<DType> {
    if on_libtorch() {
        vec![DType::F64]
    } else {
        vec![DType::F32, DType::F64]
    }
}

/// A random network and input, and what is asked of it.
struct Case<const D: usize, N> {
    net: N,
    input: Tensor<D>,
    center: Vec<f64>,
    radius: f64,
}

/// How large things are.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    radius: f64,
    /// What is added to every element of the input.
    offset: f64,
    /// How many times as large parameters are as those that keep the size of values.
    gain: f64,
}

/// Without extent, with next to none, and with some.
const SIZES: [Sizes; 3] = [
    Sizes {
        radius: 0.0,
        ..USUAL
    },
    Sizes {
        radius: 1e-6,
        ..USUAL
    },
    USUAL,
];

const USUAL: Sizes = Sizes {
    radius: 0.1,
    offset: 0.0,
    gain: 1.0,
};

const NARROW: Sizes = Sizes {
    radius: 0.05,
    ..USUAL
};

/// Far from zero, with large parameters, and with those that lead nearly to zero.
const ILL_CONDITIONED: [Sizes; 4] = [
    Sizes {
        radius: 1e-3,
        offset: 1000.0,
        ..USUAL
    },
    Sizes {
        radius: 1e-3,
        gain: 30.0,
        ..USUAL
    },
    Sizes {
        radius: 0.1,
        gain: 1e-4,
        ..USUAL
    },
    Sizes {
        radius: 1e-30,
        gain: 1e-15,
        ..USUAL
    },
];

impl<const D: usize, N: Twin<D>> Case<D, N> {
    fn new(seed: u64, dtype: DType, sizes: Sizes) -> Self {
        let mut random_input = StdRng::seed_from_u64(seed);
        let size = N::INPUT.iter().product();
        let drawn = (0..size).map(|_| random_input.random_range(-1.0_f32..1.0));
        let moved = |x: f32| f64::from(x + sizes.offset as f32);
        let center: Vec<f64> = drawn.map(moved).collect();
        let data = TensorData::new(center.clone(), N::INPUT);
        Self {
            net: random_of_size(seed, dtype, sizes.gain),
            input: Tensor::from_data(data, (&test_device(), dtype)),
            center,
            radius: sizes.radius,
        }
    }

    fn bounds(&self, config: BoundConfig) -> [Vec<f64>; 2] {
        let region = Perturbation::linf(self.radius);
        let analysis = GraphCache::new().analyse(&self.net, self.input.clone(), &region);
        let bounds = analysis.unwrap().bounds(&Specification::Outputs, &config);
        let bounds = bounds.unwrap();
        [to_vec(bounds.lower), to_vec(bounds.upper)]
    }

    /// The region itself.
    fn region(&self) -> Box {
        let radius = number(self.radius);
        let end = |sign: f64| -> Vec<Number> {
            let center = self.center.iter().map(|&x| number(x));
            center.map(|x| x + number(sign) * &radius).collect()
        };
        Box {
            lower: end(-1.0),
            upper: end(1.0),
        }
    }
}

/// Whether the bounds hold these values, and the plain ones too.
fn assert_inside(what: &str, [lower, upper]: &[Vec<f64>; 2], values: &[Number]) {
    for (at, value) in values.iter().enumerate() {
        assert!(
            number(lower[at]) <= *value && *value <= number(upper[at]),
            "{what}: output {at} is {}, its bounds {} and {}",
            value.to_f64().value(),
            lower[at],
            upper[at]
        );
    }
}

/// Checks a network of each of the sizes for every seed.
fn values_at_corners_hold<const D: usize, N: Twin<D>>(networks: u64, sizes: &[Sizes]) {
    let dtypes = data_types().into_iter();
    for dtype in dtypes.filter(|&dtype| N::DOUBLE || dtype == DType::F32) {
        for seed in 0..networks {
            let sizes = sizes[seed as usize % sizes.len()];
            let case = Case::<D, N>::new(seed, dtype, sizes);
            let Box { lower, upper } = case.region();
            let mut choose = StdRng::seed_from_u64(seed);
            let mut corners = Vec::new();
            for _ in 0..CORNERS {
                let ends = lower.iter().zip(&upper);
                let corner = ends.map(|(lower, upper)| {
                    let high: bool = choose.random();
                    if high { upper.clone() } else { lower.clone() }
                });
                corners.push(case.net.value(corner.collect()));
            }
            for method in [
                Method::Interval,
                Method::CrownIbp,
                Method::Crown,
                Method::ConvexAdversarial,
            ] {
                let bounds = case.bounds(BoundConfig::new(method).with_rounding(SOUND));
                for values in &corners {
                    let what = format!("{method} in {dtype:?}, network {seed}, {sizes:?}");
                    assert_inside(&what, &bounds, values);
                }
            }
        }
    }
}

#[test]
fn bounds_hold_the_values_of_linear_layers_and_rectifiers() {
    values_at_corners_hold::<2, Rectified>(12, &SIZES);
}

#[test]
fn bounds_hold_the_values_of_hyperbolic_tangents() {
    values_at_corners_hold::<2, Smooth>(12, &SIZES);
}

#[test]
fn bounds_hold_the_values_of_convolutions() {
    values_at_corners_hold::<4, Convolved>(9, &SIZES);
}

#[test]
fn bounds_hold_the_values_of_products_and_quotients() {
    values_at_corners_hold::<2, Gated>(6, &SIZES);
    values_at_corners_hold::<2, Gated>(4, &ILL_CONDITIONED);
}

#[test]
fn bounds_hold_the_values_of_layer_normalisation() {
    values_at_corners_hold::<2, Normed>(6, &SIZES);
    values_at_corners_hold::<2, Normed>(4, &ILL_CONDITIONED);
}

#[test]
fn bounds_hold_the_values_of_attention() {
    values_at_corners_hold::<3, Attentive>(3, &SIZES);
    values_at_corners_hold::<3, Attentive>(4, &ILL_CONDITIONED);
}

#[test]
fn bounds_hold_the_values_of_computed_constants() {
    values_at_corners_hold::<2, Stateful>(6, &SIZES);
    values_at_corners_hold::<2, Stateful>(4, &ILL_CONDITIONED);
}

#[test]
fn bounds_hold_the_values_of_recurrent_layers() {
    values_at_corners_hold::<3, Recurrent>(3, &SIZES);
    values_at_corners_hold::<3, Recurrent>(4, &ILL_CONDITIONED);
}

#[test]
fn bounds_hold_the_values_of_logarithms_of_sums() {
    values_at_corners_hold::<2, Logarithmic>(6, &SIZES);
    values_at_corners_hold::<2, Logarithmic>(4, &ILL_CONDITIONED);
}

fn intervals_hold<const D: usize, N: Layered<D>>(networks: u64) {
    for dtype in data_types() {
        for seed in 0..networks {
            let case = Case::<D, N>::new(seed, dtype, NARROW);
            let exact = case.net.exact().intervals(case.region()).pop().unwrap();
            let bounds = case.bounds(BoundConfig::new(Method::Interval).with_rounding(SOUND));
            let what = format!("IBP in {dtype:?}, network {seed}");
            assert_inside(&what, &bounds, &exact.lower);
            assert_inside(&what, &bounds, &exact.upper);
        }
    }
}

#[test]
fn intervals_hold_those_of_exact_arithmetic() {
    intervals_hold::<2, Rectified>(10);
    intervals_hold::<2, Smooth>(10);
    intervals_hold::<4, Convolved>(6);
}

/// Bounds of CROWN stand on bounds, and wider ones need not make each of its lines looser: that they
/// do here is a test of figures, where the one above is of a theorem.
fn linear_bounds_hold<const D: usize, N: Layered<D>>(networks: u64) {
    for dtype in data_types() {
        for seed in 0..networks {
            let case = Case::<D, N>::new(seed, dtype, NARROW);
            let exact = case.net.exact();
            let last = exact.0.len();
            for (slope, below) in [
                (LowerSlope::Zero, Below::Zero),
                (LowerSlope::Same, Below::Chord),
            ] {
                for method in [Method::CrownIbp, Method::Crown] {
                    let known = match method {
                        Method::CrownIbp => exact.intervals(case.region()),
                        _ => exact.tightened(case.region(), below),
                    };
                    let rows = |sign: f64| -> Vec<Vec<Number>> {
                        let count = known[last].lower.len();
                        let unit = |own: usize| {
                            let one = |at: usize| number(if at == own { sign } else { 0.0 });
                            (0..count).map(one).collect()
                        };
                        (0..count).map(unit).collect()
                    };
                    let config = BoundConfig::new(method)
                        .with_slope(slope)
                        .with_all_neurons(true)
                        .with_rounding(SOUND);
                    let bounds = case.bounds(config);
                    let what = format!("{method} {slope:?} in {dtype:?}, network {seed}");
                    let lower = exact.crown(last, &rows(1.0), &known, below);
                    assert_inside(&what, &bounds, &lower);
                    let upper = exact.crown(last, &rows(-1.0), &known, below);
                    let upper: Vec<Number> = upper.into_iter().map(|bound| -bound).collect();
                    assert_inside(&what, &bounds, &upper);
                }
            }
        }
    }
}

#[test]
fn linear_bounds_hold_those_of_exact_arithmetic() {
    linear_bounds_hold::<2, Rectified>(6);
    linear_bounds_hold::<4, Convolved>(4);
}
