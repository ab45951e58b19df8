//! Networks whose large weights cancel, after Jia & Rinard 2020 (arXiv 2003.03021) and Zombori et
//! al. 2021: what is added to a large number is rounded away, and with it the truth.
//!
//! Beside a large `C`, a change or a bias of about 1 is lost. Where exactly depends on the order in
//! which a method adds, so there is a network for each.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{DType, Int, Tensor};
use burn_crown::{
    BoundConfig, Bounded, Bounds, GraphCache, Method, Perturbation, Rounding, Specification,
    Statement,
};
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::test_device;

use crate::exact::data_types;

/// `w₃ (w₂ relu(w₁ x + b₁) + b₂) + b₃` for the first class, nothing for the second; the middle
/// layer with a rectifier too where it says so.
#[derive(Module, Bounded, Debug)]
struct Cancelling {
    first: Linear,
    second: Linear,
    output: Linear,
    rectified: bool,
}

impl Cancelling {
    fn new(weights: [f64; 3], biases: [f64; 3], rectified: bool, dtype: DType) -> Self {
        let linear = |outputs| LinearConfig::new(1, outputs).init(&test_device());
        let net = Self {
            first: linear(1),
            second: linear(1),
            output: linear(2),
            rectified,
        };
        map_parameters(net, dtype, |path, _, values| {
            let layers = ["first", "second", "output"];
            let layer = layers.iter().position(|layer| path.starts_with(layer));
            let of = if path.ends_with("weight") {
                weights
            } else {
                biases
            };
            values.fill(0.0);
            values[0] = of[layer.unwrap()];
        })
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let hidden = self.second.forward(relu(self.first.forward(x)));
        let hidden = if self.rectified { relu(hidden) } else { hidden };
        self.output.forward(hidden)
    }

    /// Bounds of the first class's margin for `x` in `[0.75, 1.25]`.
    fn margin(&self, method: Method, rounding: Rounding, dtype: DType) -> Bounds {
        let x = Tensor::<2>::from_data([[1.0]], (&test_device(), dtype));
        let region = Perturbation::linf(0.25);
        let analysis = GraphCache::new().analyse(self, x, &region).unwrap();
        let labels = Tensor::<1, Int>::from_data([0], &test_device());
        let config = BoundConfig::new(method).with_rounding(rounding);
        let margins = Specification::Margins(labels);
        analysis.bounds(&margins, &config).unwrap()
    }
}

/// A power of two that a change of 1 is lost beside.
fn large(dtype: DType) -> f64 {
    if dtype == DType::F32 {
        2.0_f64.powi(26)
    } else {
        2.0_f64.powi(55)
    }
}

fn fooled(net: &Cancelling, method: Method, dtype: DType, truth: f64) {
    let what = format!("{method} in {dtype:?}");
    let plain = net.margin(method, Rounding::Plain, dtype);
    assert!(to_vec(plain.lower.clone())[0] > 0.0, "{what} is not fooled");
    assert!(plain.certified().into_data().iter::<bool>().all(|yes| yes));
    let sound = Rounding::Sound(Statement::RealNetwork);
    let sound = net.margin(method, sound, dtype);
    let (lower, upper) = (
        to_vec(sound.lower.clone())[0],
        to_vec(sound.upper.clone())[0],
    );
    assert!(
        lower <= truth && truth <= upper,
        "{what}: the margin is {truth}, sound bounds are {lower} and {upper}"
    );
    assert!(!sound.certified().into_data().iter::<bool>().any(|yes| yes));
}

/// The margin is `½ − x`; the interval of `x + C` is `C` alone, so that of `relu(x + C − C)` is 0,
/// and the margin's is ½.
#[test]
fn intervals_are_fooled_by_a_change_that_is_rounded_away() {
    for dtype in data_types() {
        let large = large(dtype);
        let net = Cancelling::new([1.0, 1.0, -1.0], [large, -large, 0.5], true, dtype);
        fooled(&net, Method::Interval, dtype, 0.5 - 1.0);
    }
}

/// The margin is `x / 8 − 1`; added up from the output backward, its constant is
/// `(−1 − C) + C = 0`.
#[test]
fn linear_bounds_are_fooled_by_a_bias_that_is_rounded_away() {
    for dtype in data_types() {
        let large = large(dtype);
        let net = Cancelling::new([0.125, 1.0, 1.0], [large, -large, -1.0], false, dtype);
        for method in [Method::CrownIbp, Method::Crown, Method::ConvexAdversarial] {
            fooled(&net, method, dtype, 0.125 - 1.0);
        }
    }
}

/// As it runs, the first network does give ½: the statements differ, and both hold.
#[test]
fn the_network_as_it_runs_is_another_one() {
    for dtype in data_types() {
        let large = large(dtype);
        let net = Cancelling::new([1.0, 1.0, -1.0], [large, -large, 0.5], true, dtype);
        let x = Tensor::<2>::from_data([[1.0]], (&test_device(), dtype));
        let outputs = to_vec(net.forward(x));
        assert_eq!(outputs, [0.5, 0.0]);
        for method in [Method::Interval, Method::CrownIbp, Method::Crown] {
            let as_run = Rounding::Sound(Statement::AsRun);
            let bounds = net.margin(method, as_run, dtype);
            let (lower, upper) = (to_vec(bounds.lower)[0], to_vec(bounds.upper)[0]);
            assert!(lower <= 0.5 && 0.5 <= upper, "{method}: {lower} to {upper}");
        }
    }
}
