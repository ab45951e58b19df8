//! Random projections: estimates that converge to the convex adversarial polytope's bounds as
//! theory says, and that nothing takes for a bound.
#![allow(clippy::unwrap_used)]

use std::f64::consts::PI;

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::{DType, Int, Tensor, TensorData};
use burn_crown::{
    BoundConfig, BoundError, Bounded, GraphCache, Input, Method, Norm, Perturbation, Projections,
    Specification, Verifier,
};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::random_net::{RandomNet, Recipe};
use burn_crown_tests::test_device;

fn tensor<const D: usize>(dims: [usize; D]) -> Tensor<D> {
    let count = dims.iter().product::<usize>();
    let values: Vec<f64> = (0..count).map(|at| (at as f64 * 2.3 + 0.7).sin()).collect();
    Tensor::from_data(TensorData::new(values, dims), (&test_device(), DType::F64))
}

fn zeros<const D: usize>(dims: [usize; D]) -> Tensor<D> {
    Tensor::zeros(dims, (&test_device(), DType::F64))
}

fn exact() -> BoundConfig {
    BoundConfig::new(Method::ConvexAdversarial)
}

fn projected(count: usize, seed: u64) -> BoundConfig {
    exact().with_projections(Some(Projections::new(count).with_seed(seed)))
}

fn root_mean_square(values: &[f64]) -> f64 {
    (values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64).sqrt()
}

/// `−relu(x · w)`, and so the only pre-activation's upper bound.
#[derive(Module, Bounded, Debug)]
struct Neuron {
    weight: Param<Tensor<2>>,
}

impl Neuron {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        relu(x.matmul(self.weight.val())).neg()
    }
}

/// The relative errors of the estimated norm of 40 weights, for 200 seeds.
///
/// Around 0 the pre-activation is in `[−r, r]`. With an estimate `s` of `r` its rectifier is under
/// the line `(z + s) / 2`, so the output is estimated at `−(r + s) / 2`.
fn relative_errors(perturbation: &Perturbation, norm: f64, count: usize) -> Vec<f64> {
    let neuron = Neuron {
        weight: Param::from_tensor(tensor([40, 1])),
    };
    let cache = GraphCache::new();
    let analysis = cache
        .analyse(&neuron, zeros([1, 40]), perturbation)
        .unwrap();
    let lower = |config: BoundConfig| {
        let lower = analysis.estimate(&Specification::Outputs, &config).unwrap();
        to_vec(lower)[0]
    };
    assert!((lower(exact()) + norm).abs() < 1e-12);
    (0..200)
        .map(|seed| (-2.0 * lower(projected(count, seed)) - norm) / norm - 1.0)
        .collect()
}

/// Compares the mean and the spread of relative errors with theory, within four standard errors
/// of the figures themselves.
fn errors_are_as_expected(errors: &[f64], bias: f64, deviation: f64) {
    let runs = errors.len() as f64;
    let mean = errors.iter().sum::<f64>() / runs;
    let spread = root_mean_square(errors);
    assert!(
        (mean - bias).abs() <= 4.0 * deviation / runs.sqrt(),
        "mean {mean}, expected {bias} with a deviation of {deviation}"
    );
    assert!(
        (spread / deviation - 1.0).abs() <= 4.0 / (2.0 * runs).sqrt(),
        "spread {spread}, expected {deviation}"
    );
}

#[test]
fn medians_of_cauchy_projections_estimate_the_l1_norm() {
    let norm: f64 = to_vec(tensor([40])).iter().map(|w| 0.1 * w.abs()).sum();
    for count in [64, 255] {
        let errors = relative_errors(&Perturbation::linf(0.1), norm, count);
        // The quantile of |Cauchy| is tan(π p / 2), with the slope π and the curvature π² at the
        // median.
        let bias = PI * PI / (8.0 * count as f64);
        errors_are_as_expected(&errors, bias, PI / (2.0 * (count as f64).sqrt()));
    }
}

#[test]
fn normal_projections_estimate_the_l2_norm() {
    let squares: f64 = to_vec(tensor([40])).iter().map(|w| 0.01 * w * w).sum();
    for count in [64, 255] {
        let errors = relative_errors(&Perturbation::l2(0.1), squares.sqrt(), count);
        // The mean and the deviation of a χ variable over √count.
        let bias = -1.0 / (4.0 * count as f64);
        errors_are_as_expected(&errors, bias, (2.0 * count as f64).sqrt().recip());
    }
}

/// Residual convolutions, three layers of rectifiers, and every kind of affine operator between.
fn residual_net() -> RandomNet<4> {
    let conv = |outputs, stride, padding| Recipe::Conv {
        outputs,
        kernel: [2, 3],
        stride: [stride, 1],
        dilation: [1, 1],
        padding,
        grouped: false,
        bias: true,
    };
    let linear = |outputs| Recipe::Linear {
        outputs,
        bias: true,
    };
    let relu = Recipe::Relu { function: true };
    let recipes = [
        conv(3, 1, [0, 1, 1, 1]),
        Recipe::BatchNorm,
        relu.clone(),
        conv(3, 1, [1, 0, 1, 1]),
        Recipe::Skip {
            pick: 0,
            minus: true,
        },
        relu.clone(),
        Recipe::Pool {
            kernel: [2, 2],
            stride: [2, 1],
            padding: [0, 0, 0, 0],
            ceil_mode: false,
            count_include_pad: true,
        },
        Recipe::Reshape { picks: Vec::new() },
        linear(5),
        relu,
        linear(3),
    ];
    RandomNet::new(&recipes, [1, 2, 4, 4], 11, DType::F64, &test_device())
}

fn regions() -> [Perturbation; 4] {
    [
        Perturbation::linf(0.2),
        Perturbation::linf(0.2).with_range(-1.0, 1.0),
        Perturbation::between(tensor([2, 2, 4, 4]) - 0.3, tensor([2, 2, 4, 4]) + 0.1),
        Perturbation::l2(0.6),
    ]
}

#[test]
fn estimates_of_a_deep_network_converge_to_the_bounds() {
    let (net, input) = (residual_net(), tensor([2, 2, 4, 4]));
    let values = to_vec(net.forward(input.clone()));
    for perturbation in regions() {
        let analysis = GraphCache::new()
            .analyse(&net, input.clone(), &perturbation)
            .unwrap();
        assert!(to_vec(analysis.unstable_share())[0] > 0.3);
        let lower = |config: BoundConfig| {
            to_vec(analysis.estimate(&Specification::Outputs, &config).unwrap())
        };
        let bounds = lower(exact());
        let error = |count| {
            let off: Vec<f64> = (0..12)
                .flat_map(|seed| lower(projected(count, seed)))
                .zip(values.iter().zip(&bounds).cycle())
                .map(|(estimate, (value, bound))| (estimate - bound) / (value - bound))
                .collect();
            root_mean_square(&off)
        };
        let (few, many) = (error(16), error(16 * 16));
        eprintln!("{perturbation:?}: {few} with 16 projections, {many} with 256");
        // Errors fall with the root of the number of projections: to a quarter. Each layer's norms
        // are off by π / (2 √256) ≈ 0.1.
        assert!(many < few / 2.0, "{perturbation:?}: {few}, then {many}");
        assert!(many < 0.1, "{perturbation:?}: {many}");
    }
}

/// `relu(Σ relu(−xᵢ))`.
#[derive(Module, Bounded, Debug)]
struct TwoLayers {}

impl TwoLayers {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        relu(relu(x.neg()).sum_dim(1))
    }
}

/// Around 0 each inner rectifier is between `−x/2` and `−x/2 + ε/2`, so their sum `z` is
/// `n ε/4 − Σ x/2 + Σ e` with `|x| ≤ ε` and `|e| ≤ ε/4`: in `[−n ε/2, n ε]`, and `relu(z) ≥ 2/3 z`.
/// Errors that are not independent of the inputs, or without their middle, give another slope.
#[test]
fn errors_of_rectifiers_spread_around_their_middle() {
    let (net, count) = (TwoLayers {}, 20_000);
    let analysis = GraphCache::new()
        .analyse(&net, zeros([1, 10]), &Perturbation::linf(0.3))
        .unwrap();
    for (config, tolerance) in [
        (exact(), 1e-12),
        (
            projected(count, 0),
            4.0 * PI / (2.0 * (count as f64).sqrt()),
        ),
    ] {
        let lower = analysis.estimate(&Specification::Outputs, &config).unwrap();
        let relative = to_vec(lower)[0] / (-2.0 / 3.0 * 1.5);
        assert!(
            (relative - 1.0).abs() <= tolerance,
            "{relative}, {config:?}"
        );
    }
}

/// The sum of two inputs' neurons.
#[derive(Module, Bounded, Debug)]
struct TwoInputs {
    first: Param<Tensor<2>>,
    second: Param<Tensor<2>>,
}

impl TwoInputs {
    fn forward(&self, x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
        relu(x.matmul(self.first.val()) + y.matmul(self.second.val())).neg()
    }
}

#[test]
fn norms_of_several_inputs_add_up() {
    let net = TwoInputs {
        first: Param::from_tensor(tensor([20, 1])),
        second: Param::from_tensor(tensor([20, 1]) * 2.0),
    };
    for (first, second) in [
        (Perturbation::l2(0.3), Perturbation::l2(0.2)),
        (Perturbation::linf(0.1), Perturbation::linf(0.1)),
        (Perturbation::linf(0.1), Perturbation::l2(0.3)),
    ] {
        let inputs = vec![
            Input::perturbed(zeros([1, 20]), first),
            Input::perturbed(zeros([1, 20]), second),
        ];
        let analysis = GraphCache::new().analyse_inputs(&net, inputs).unwrap();
        let lower = |config: BoundConfig| {
            let lower = analysis.estimate(&Specification::Outputs, &config).unwrap();
            to_vec(lower)[0]
        };
        // Half of the bound is exact, so the other half may be off by twice as much.
        let (bound, estimate) = (lower(exact()), lower(projected(4000, 1)));
        let off = 2.0 * (estimate / bound - 1.0).abs();
        assert!(
            off < 4.0 * PI / (2.0 * 4000_f64.sqrt()),
            "{estimate} for {bound}"
        );
    }
}

#[test]
fn a_seed_fixes_the_estimate_of_each_image() {
    let (net, input) = (residual_net(), tensor([2, 2, 4, 4]));
    let estimate = |input: Tensor<4>, projections| {
        let analysis = GraphCache::new()
            .analyse(&net, input, &Perturbation::linf(0.2))
            .unwrap();
        let config = exact().with_projections(Some(projections));
        to_vec(analysis.estimate(&Specification::Outputs, &config).unwrap())
    };
    let drawn = Projections::new(9).with_seed(3);
    let both = estimate(input.clone(), drawn);
    assert_eq!(both, estimate(input.clone(), drawn));
    for other in [drawn.with_seed(4), drawn.at_step(1)] {
        assert_ne!(both, estimate(input.clone(), other));
    }
    assert_eq!(drawn, drawn.at_step(0));
    // What else is in the batch changes nothing.
    let alone = estimate(input.slice_dim(0, 1..2), drawn);
    for (alone, together) in alone.iter().zip(&both[3..]) {
        assert!((alone - together).abs() < 1e-12, "{alone} {together}");
    }
}

#[test]
fn a_point_leaves_nothing_to_estimate() {
    let (net, input) = (residual_net(), tensor([2, 2, 4, 4]));
    let values = to_vec(net.forward(input.clone()));
    for perturbation in [Perturbation::linf(0.0), Perturbation::l2(0.0)] {
        let analysis = GraphCache::new()
            .analyse(&net, input.clone(), &perturbation)
            .unwrap();
        let estimate = analysis.estimate(&Specification::Outputs, &projected(5, 0));
        for (estimate, value) in to_vec(estimate.unwrap()).iter().zip(&values) {
            // The relaxation of a rectifier has a floor of 1e-8 under its width.
            assert!((estimate - value).abs() < 1e-6, "{estimate} {value}");
        }
    }
}

#[test]
fn estimates_are_no_bounds_and_no_certificates() {
    let (net, input) = (residual_net(), tensor([2, 2, 4, 4]));
    let perturbation = Perturbation::linf(1e-6);
    let labels = Tensor::<1, Int>::zeros([2], &test_device());
    let margins = Specification::Margins(labels.clone());
    for config in [
        projected(50, 0),
        BoundConfig::new(Method::Interval).with_projections(Some(Projections::new(50))),
    ] {
        let verifier = Verifier::new(net.clone()).with_config(config.clone());
        let analysis = verifier.analyse(input.clone(), &perturbation).unwrap();
        let inputs = vec![Input::perturbed(input.clone(), perturbation.clone())];
        let refused = [
            verifier
                .certify(input.clone(), labels.clone(), &perturbation)
                .map(|_| ()),
            verifier
                .margins(input.clone(), labels.clone(), &perturbation)
                .map(|_| ()),
            verifier
                .bounds(input.clone(), &perturbation, &margins)
                .map(|_| ()),
            verifier.bounds_of(inputs, &margins).map(|_| ()),
            analysis.bounds(&margins, &config).map(|_| ()),
            analysis.lower(&margins, &config).map(|_| ()),
        ];
        for (at, refused) in refused.into_iter().enumerate() {
            assert_eq!(refused, Err(BoundError::Estimate), "request {at}");
        }
    }
}

#[test]
fn estimates_that_do_not_exist_are_refused() {
    let estimate = |perturbation: &Perturbation, config: &BoundConfig| {
        let analysis = GraphCache::new()
            .analyse(&residual_net(), tensor([2, 2, 4, 4]), perturbation)
            .unwrap();
        match analysis.estimate(&Specification::Outputs, config) {
            Err(BoundError::Projections(reason)) => reason,
            other => panic!("{other:?}"),
        }
    };
    for norm in [Norm::L1, Norm::Lp(3.0)] {
        let reason = estimate(&Perturbation::ball(norm, 0.1), &projected(10, 0));
        assert!(reason.contains("other norms"), "{reason}");
    }
    let ball = Perturbation::linf(0.1);
    for count in [0, Projections::MOST + 1] {
        let reason = estimate(&ball, &projected(count, 0));
        assert!(reason.contains(&count.to_string()), "{reason}");
    }
    for method in [Method::Interval, Method::CrownIbp, Method::Crown] {
        let config = BoundConfig::new(method).with_projections(Some(Projections::new(10)));
        let reason = estimate(&ball, &config);
        assert!(reason.contains(&method.to_string()), "{reason}");
    }
}
