//! What an account of rounding costs in tightness, on the networks of the golden cases; what the
//! network as it runs computes; and that plain bounds are what they were.

use std::path::Path;

use burn::tensor::{DType, Tensor, TensorData};
use burn_crown::{
    Analysis, BoundConfig, Bounds, GraphCache, Method, Perturbation, Rounding, Specification,
    Statement,
};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::spec_net::SpecNet;
use burn_crown_tests::tensors::TensorFile;
use burn_crown_tests::{on_libtorch, test_device};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::exact::data_types;
use crate::nets::{Rectified, Twin, random};

const METHODS: [Method; 4] = [
    Method::Interval,
    Method::CrownIbp,
    Method::Crown,
    Method::ConvexAdversarial,
];

fn analysis<const D: usize>(case: &str, dtype: DType) -> Analysis {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/cases")
        .join(case);
    let net = SpecNet::<D>::load(&folder, dtype, &test_device());
    let name = if dtype == DType::F32 { "f32" } else { "f64" };
    let io = TensorFile::open(folder.join("io.safetensors"));
    let (values, shape) = io.values(&format!("input.{name}"));
    let input = TensorData::new(values, shape);
    let input = Tensor::<D>::from_data(input, (&test_device(), dtype));
    let region = Perturbation::linf(0.05);
    GraphCache::new().analyse(&net, input, &region).unwrap()
}

fn bounds(analysis: &Analysis, method: Method, rounding: Rounding) -> [Vec<f64>; 2] {
    let config = BoundConfig::new(method).with_rounding(rounding);
    let bounds = analysis.bounds(&Specification::Outputs, &config);
    let Bounds { lower, upper } = bounds.unwrap();
    [to_vec(lower), to_vec(upper)]
}

/// By how much sound bounds are wider than plain ones, relative to the larger of 1 and the width.
fn cost([lower, upper]: &[Vec<f64>; 2], [plain_lower, plain_upper]: &[Vec<f64>; 2]) -> f64 {
    let mut most = 0.0_f64;
    for at in 0..lower.len() {
        let width = (plain_upper[at] - plain_lower[at]).max(1.0);
        let gaps = [plain_lower[at] - lower[at], upper[at] - plain_upper[at]];
        assert!(
            gaps.iter().all(|&gap| gap >= 0.0),
            "sound bounds {} and {} in plain ones {} and {}",
            lower[at],
            upper[at],
            plain_lower[at],
            plain_upper[at]
        );
        most = most.max((gaps[0] + gaps[1]) / width);
    }
    most
}

fn costs<const D: usize>(case: &str) {
    for dtype in data_types() {
        let analysis = analysis::<D>(case, dtype);
        for method in METHODS {
            let plain = bounds(&analysis, method, Rounding::Plain);
            for statement in [Statement::RealNetwork, Statement::AsRun] {
                let sound = bounds(&analysis, method, Rounding::Sound(statement));
                let cost = cost(&sound, &plain);
                eprintln!("{case}, {method} in {dtype:?}, {statement:?}: wider by {cost:.1e}");
                // Twice what the README says.
                let allowed = if dtype == DType::F32 { 1e-3 } else { 2e-12 };
                assert!(cost < allowed, "{case}, {method} in {dtype:?}: {cost:e}");
            }
        }
    }
}

#[test]
fn sound_bounds_hold_plain_ones_and_are_hardly_wider() {
    for case in ["mlp_relu", "mlp_tanh", "mlp_gelu", "mlp_leaky_relu"] {
        costs::<2>(case);
    }
    for case in [
        "cnn_avgpool",
        "cnn_batchnorm",
        "cnn_maxpool",
        "cnn_stride_pad",
        "resnet_small",
    ] {
        costs::<4>(case);
    }
}

#[test]
fn plain_bounds_do_not_change_beside_sound_ones() {
    for dtype in data_types() {
        let [alone, mixed] = [0, 1].map(|_| analysis::<4>("resnet_small", dtype));
        for method in METHODS {
            let before = bounds(&alone, method, Rounding::Plain);
            for statement in [Statement::RealNetwork, Statement::AsRun] {
                let sound = bounds(&mixed, method, Rounding::Sound(statement));
                assert_ne!(sound, before, "{method}");
                assert_eq!(bounds(&mixed, method, Rounding::Plain), before, "{method}");
            }
        }
    }
    assert_eq!(BoundConfig::new(Method::Crown).rounding, Rounding::Plain);
}

/// The values that a network computes in `f32` are not those of real arithmetic: plain bounds of a
/// small region miss some of them, and so may those of the real network.
#[test]
fn bounds_of_the_network_as_it_runs_hold_what_it_computes() {
    if on_libtorch() {
        // Its `f32` is refused, see `refused`.
        return;
    }
    let mut missed = 0;
    for seed in 0..40 {
        let net: Rectified = random(seed, DType::F32);
        let mut draw = StdRng::seed_from_u64(seed);
        let x: Vec<f32> = (0..6).map(|_| draw.random_range(-1.0..1.0)).collect();
        let input = |x: Vec<f32>| {
            Tensor::<2>::from_data(TensorData::new(x, Rectified::INPUT), &test_device())
        };
        let radius = 1e-7;
        let region = Perturbation::linf(radius);
        let analysis = GraphCache::new().analyse(&net, input(x.clone()), &region);
        let analysis = analysis.unwrap();
        for _ in 0..8 {
            // The neighbours in `f32` that lie in the region.
            let near = |&x: &f32| {
                let step = [x, x.next_up(), x.next_down()][draw.random_range(0..3)];
                let inside = (f64::from(step) - f64::from(x)).abs() <= radius;
                if inside { step } else { x }
            };
            let point = input(x.iter().map(near).collect());
            let outputs = to_vec(net.forward(point));
            for method in METHODS {
                let inside = |rounding| {
                    let [lower, upper] = bounds(&analysis, method, rounding);
                    let mut ends = lower.iter().zip(&upper).zip(&outputs);
                    ends.all(|((lower, upper), y)| lower <= y && y <= upper)
                };
                assert!(
                    inside(Rounding::Sound(Statement::AsRun)),
                    "{method}, {seed}"
                );
                missed += usize::from(!inside(Rounding::Plain));
            }
        }
    }
    eprintln!("plain bounds missed {missed} of {} outputs", 40 * 8 * 4);
    assert!(missed > 0, "no plain bound was wrong: a test of nothing");
}
