//! Gradients through the batch's statistics, against central differences.

use burn::module::Module;
use burn::tensor::{DType, Tensor};
use burn_crown::{BoundConfig, GraphCache, Method, Perturbation, Specification, Statistics};
use burn_crown_tests::parameters::{map_parameters, read_parameters, to_vec};
use burn_crown_tests::random_net::{RandomNet, Recipe};

use crate::setup::{FLAT, RELU, SKIP, conv, linear, network, tensor};

/// The step of the central differences: their error is about its square.
const STEP: f64 = 1e-5;

/// The largest difference, relative to the largest gradient of all parameters.
const TOLERANCE: f64 = 1e-7;

/// A sum of all bounds in which none hides another.
fn objective<const D: usize>(
    net: &RandomNet<D>,
    input: &Tensor<D>,
    region: &Perturbation,
    method: Method,
) -> Tensor<1> {
    let cache = GraphCache::new().with_statistics(Statistics::Batch);
    let analysis = cache.analyse(net, input.clone(), region).unwrap();
    let bounds = analysis.bounds(&Specification::Outputs, &BoundConfig::new(method));
    let bounds = bounds.unwrap();
    let weights = tensor(bounds.lower.dims()).autodiff();
    ((bounds.lower - bounds.upper * 0.5) * weights).sum()
}

fn check<const D: usize>(recipes: &[Recipe], dims: [usize; D]) {
    let (net, input) = (network(recipes, dims, 3), tensor(dims));
    let region = Perturbation::linf(0.2);
    for method in [Method::Interval, Method::CrownIbp, Method::Crown] {
        let gradients = objective(&net, &input, &region, method).backward();
        let gradients = read_parameters(&net, &gradients);
        let size = |values: &[f64]| values.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        let scale = gradients.iter().fold(0.0, |most, (_, x)| size(x).max(most));
        assert!(scale > 1e-2, "{method}: a gradient of zero shows nothing");
        let of_norms = gradients.iter().filter(|(name, _)| name.ends_with("gamma"));
        assert!(of_norms.count() >= 2);
        for (name, gradient) in &gradients {
            for (element, gradient) in gradient.iter().enumerate() {
                let at = |step: f64| {
                    let moved = map_parameters(net.valid(), DType::F64, |path, _, values| {
                        if path == name {
                            values[element] += step;
                        }
                    });
                    to_vec(objective(&moved.train(), &input, &region, method))[0]
                };
                let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                let off = (gradient - difference).abs() / scale;
                assert!(
                    off <= TOLERANCE,
                    "{name}[{element}]: gradient {gradient}, difference {difference}, off by \
                     {off:e}, {method}"
                );
            }
        }
    }
}

#[test]
fn behind_linear_layers() {
    let norm = Recipe::BatchNorm;
    check(
        &[
            linear(4),
            norm.clone(),
            RELU,
            linear(3),
            norm,
            RELU,
            linear(2),
        ],
        [4, 3],
    );
}

#[test]
fn in_a_residual_network() {
    let norm = Recipe::BatchNorm;
    let recipes = [
        conv(2),
        norm.clone(),
        RELU,
        conv(2),
        SKIP,
        norm,
        RELU,
        FLAT,
        linear(2),
    ];
    check(&recipes, [2, 1, 2, 3]);
}
