//! Values and soundness, on networks of every shape.

use burn::tensor::{DType, Distribution, Tensor};
use burn_crown::{AnyTensor, Bounded, Method, Norm, Perturbation, Statistics};
use burn_crown_tests::random_net::{Recipe, recipes};
use burn_crown_tests::regions::RandomRegion;
use burn_crown_tests::test_device;
use proptest::prelude::*;

use crate::setup::{
    FLAT, RELU, SKIP, bounds, conv, distance, fixed_at, flat, forward_in_training, linear, network,
    running_statistics, tensor,
};

const METHODS: [Method; 6] = [
    Method::Interval,
    Method::CrownIbp,
    Method::Crown,
    Method::ConvexAdversarial,
    Method::Forward,
    Method::ForwardBackward,
];

/// In `f64`; what batch statistics of nearly constant channels magnify is below it.
const TOLERANCE: f64 = 1e-9;

/// How far the bounds with the batch's statistics are from those of the network in which they are
/// fixed, and the values in training from the bounds without a radius.
pub(crate) fn check<M: Bounded, const D: usize>(net: &M, input: &Tensor<D>, what: &str) {
    let tracked = [AnyTensor::new(input.clone().autodiff())];
    let expected = forward_in_training(net, &tracked);
    let fixed = fixed_at(net, &tracked);
    let before = running_statistics(net);
    for method in METHODS {
        let by_batch =
            |region: &Perturbation| bounds(net, input, region, method, Statistics::Batch);
        for bound in by_batch(&Perturbation::linf(0.0)) {
            let off = distance(&bound, &expected);
            assert!(off <= TOLERANCE, "{what}, {method}: off by {off:e}");
        }
        for norm in [Norm::Linf, Norm::L2] {
            let region = RandomRegion::ball(input.clone(), norm, 0.2);
            let found = by_batch(&region.perturbation);
            let [lower, upper] = &found;
            let fixed_ones = bounds(
                &fixed,
                input,
                &region.perturbation,
                method,
                Statistics::Running,
            );
            for (found, expected) in found.iter().zip(&fixed_ones) {
                let off = distance(found, expected);
                assert!(
                    off <= TOLERANCE,
                    "{what}, {method}, {norm:?}: off by {off:e}"
                );
            }
            let values = flat(fixed.forward_any(vec![AnyTensor::new(region.points(40, 1))]));
            for (at, value) in values.iter().enumerate() {
                let (low, high) = (lower[at % lower.len()], upper[at % upper.len()]);
                let slack = TOLERANCE * (1.0 + low.abs() + high.abs());
                assert!(
                    low - slack <= *value && *value <= high + slack,
                    "{what}, {method}, {norm:?}: {value} is not in [{low}, {high}]"
                );
            }
        }
    }
    assert_eq!(running_statistics(net), before, "{what}");
}

/// [`check`], for a network whose running statistics would give other bounds.
fn check_recipes<const D: usize>(what: &str, recipes: &[Recipe], dims: [usize; D]) {
    let (net, input) = (network(recipes, dims, 5), tensor(dims));
    check(&net, &input, what);
    let region = Perturbation::linf(0.2);
    let [batch, running] = [Statistics::Batch, Statistics::Running]
        .map(|statistics| bounds(&net, &input, &region, Method::CrownIbp, statistics));
    assert!(distance(&batch[0], &running[0]) > 1e-2, "{what}");
}

#[test]
fn behind_linear_layers() {
    let norm = Recipe::BatchNorm;
    let recipes = [
        linear(5),
        norm.clone(),
        RELU,
        linear(4),
        norm,
        RELU,
        linear(3),
    ];
    check_recipes("linear", &recipes, [6, 3]);
}

#[test]
fn behind_convolutions_of_images_and_of_sequences() {
    let norm = Recipe::BatchNorm;
    let recipes = [
        conv(3),
        norm.clone(),
        RELU,
        conv(2),
        norm,
        RELU,
        FLAT,
        linear(3),
    ];
    check_recipes("images", &recipes, [3, 2, 4, 3]);
    check_recipes("sequences", &recipes, [4, 2, 5]);
}

#[test]
fn two_in_a_row_and_on_the_input_itself() {
    let norm = Recipe::BatchNorm;
    let recipes = [
        norm.clone(),
        norm.clone(),
        RELU,
        linear(3),
        norm.clone(),
        norm,
    ];
    check_recipes("in a row", &recipes, [5, 4]);
}

#[test]
fn in_a_residual_network() {
    let norm = Recipe::BatchNorm;
    let mut recipes = vec![conv(2), norm.clone(), RELU];
    for _ in 0..2 {
        recipes.extend([conv(2), norm.clone(), SKIP, RELU]);
    }
    recipes.extend([norm, FLAT, linear(3)]);
    check_recipes("residual", &recipes, [3, 1, 3, 4]);
}

#[test]
fn behind_a_product_of_perturbed_values() {
    let product = Recipe::Product { pick: 0 };
    let recipes = [linear(3), product, Recipe::BatchNorm, linear(2)];
    let (net, input) = (network(&recipes, [5, 3], 5), tensor([5, 3]));
    let tracked = [AnyTensor::new(input.clone().autodiff())];
    let expected = forward_in_training(&net, &tracked);
    for method in [Method::Interval, Method::CrownIbp, Method::Crown] {
        let region = Perturbation::linf(0.0);
        for bound in bounds(&net, &input, &region, method, Statistics::Batch) {
            assert!(distance(&bound, &expected) <= TOLERANCE, "{method}");
        }
    }
}

#[test]
fn a_batch_of_one_image_and_channels_of_one_value() {
    // One value a channel has the variance 0, and Burn divides by the root of ε alone.
    let recipes = [linear(4), Recipe::BatchNorm, RELU, linear(3)];
    check_recipes("one value a channel", &recipes, [1, 3]);
    let recipes = [conv(2), Recipe::BatchNorm, RELU, FLAT, linear(3)];
    check_recipes("one image", &recipes, [1, 2, 3, 3]);
}

/// A random network with batch normalisation at its end, and a batch for it.
fn check_random<const D: usize>(recipes: &[Recipe], dims: [usize; D], seed: u64) {
    // A product and most activations have no relaxation by parallel lines. Of the layers of batch
    // normalisation one stays: in a row, they magnify the rounding of a constant channel.
    let mut norms = 0;
    let mut recipes = recipes.to_vec();
    recipes.retain(|recipe| match recipe {
        Recipe::Product { .. } | Recipe::Activation { .. } => false,
        Recipe::BatchNorm => {
            norms += 1;
            norms == 1
        }
        _ => true,
    });
    recipes.extend([Recipe::BatchNorm, RELU, FLAT, linear(3)]);
    let net = network(&recipes, dims, seed);
    let spread = Distribution::Uniform(-1.0, 1.0);
    let options = (&test_device(), DType::F64);
    check(
        &net,
        &Tensor::<D>::random(dims, spread, options),
        &format!("{net:?}"),
    );
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_networks(recipes in recipes(3), batch in 2..=4usize, seed in any::<u64>()) {
        check_random::<2>(&recipes, [batch, 4], seed);
        check_random::<3>(&recipes, [batch, 2, 4], seed);
        check_random::<4>(&recipes, [batch, 2, 3, 4], seed);
    }
}
