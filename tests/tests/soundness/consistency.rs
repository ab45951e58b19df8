//! What different ways to ask for the same bounds must agree on.

use burn::tensor::Tensor;
use burn_crown::{BoundConfig, Bounds, GraphCache, Method, Norm, Specification, Verifier};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::random_net::Recipe;
use burn_crown_tests::regions::Shape;
use burn_crown_tests::rows::{identity_rows, margin_rows};
use proptest::prelude::*;

use crate::case::{Case, NORM_FLOOR, cases, configs, networks};

type Pair = (Vec<f64>, Vec<f64>);

fn values(bounds: Bounds) -> Pair {
    (to_vec(bounds.lower), to_vec(bounds.upper))
}

/// Whether two lists agree within an allowance each.
fn agree(left: &[f64], right: &[f64], allowed: &[f64]) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .zip(allowed)
            .all(|((left, right), allowed)| (left - right).abs() <= *allowed)
}

/// Whether `inner` lies in `outer` within an allowance.
fn inside(inner: &Pair, outer: &Pair, allowed: &[f64]) -> bool {
    let above = |high: &[f64], low: &[f64]| {
        high.iter()
            .zip(low)
            .zip(allowed)
            .all(|((high, low), allowed)| high + allowed >= *low)
    };
    above(&inner.0, &outer.0) && above(&outer.1, &inner.1)
}

fn check<const D: usize>(case: &Case, features: [usize; D]) -> Result<(), TestCaseError> {
    let (net, region) = case.network_and_region(features);
    let width = net.forward(region.input.clone()).dims()[1];
    let cache = GraphCache::new();
    let analysis = cache
        .analyse(&net, region.input.clone(), &region.perturbation)
        .unwrap();
    let (rows, specification) = case.specify(width);
    let allowed = case.allowed(&net, &region, &rows);
    let floored: Vec<f64> = allowed.iter().map(|allowed| allowed + NORM_FLOOR).collect();
    for config in configs() {
        let bounds = values(analysis.bounds(&specification, &config).unwrap());
        prop_assert!(inside(
            &(bounds.1.clone(), bounds.0.clone()),
            &bounds,
            &allowed
        ));

        let whole_outputs = matches!(specification, Specification::Outputs);
        let merged = values(
            analysis
                .bounds(&case.linear(&rows, width), &config)
                .unwrap(),
        );
        let layer_by_layer = matches!(config.method, Method::Interval | Method::Forward);
        if whole_outputs && layer_by_layer {
            // Merged into the last affine layers, never looser than layer after layer; but of a ball
            // that is cut, every bound takes the better of the ball and the cut.
            prop_assert!(!region.is_whole() || inside(&merged, &bounds, &floored));
        } else {
            prop_assert_eq!(&merged, &bounds, "linear rows, {:?}", config);
        }
        if !(whole_outputs && config.method == Method::Interval) {
            let lower = to_vec(analysis.lower(&specification, &config).unwrap());
            prop_assert_eq!(&lower, &bounds.0, "lower bounds alone, {:?}", config);
        }

        // One row at a time instead of all at once.
        let small = config.clone().with_memory_limit(Some(1));
        let chunked = values(analysis.bounds(&specification, &small).unwrap());
        prop_assert!(
            agree(&chunked.0, &bounds.0, &allowed),
            "in chunks, {config:?}"
        );
        prop_assert!(
            agree(&chunked.1, &bounds.1, &allowed),
            "in chunks, {config:?}"
        );

        let verifier = Verifier::new(net.clone()).with_config(config.clone());
        let input = region.input.clone();
        let verified = verifier
            .bounds(input, &region.perturbation, &specification)
            .unwrap();
        prop_assert_eq!(values(verified), bounds, "the verifier, {:?}", config);
    }
    Ok(())
}

/// An image's bounds do not depend on the others of its batch.
fn check_alone<const D: usize>(case: &Case, features: [usize; D]) -> Result<(), TestCaseError> {
    let mut case = case.clone();
    if case.region.shape == Shape::Between {
        // The ends of a box are those of all images; a ball goes with each of them.
        case.region.shape = Shape::Ball(Norm::L2);
    }
    let (net, region) = case.network_and_region(features);
    let width = net.forward(region.input.clone()).dims()[1];
    let allowed = case.allowed(&net, &region, &identity_rows(case.batch, width));
    let cache = GraphCache::new();
    for config in configs() {
        let bounds = |input: Tensor<D>| {
            let analysis = cache.analyse(&net, input, &region.perturbation).unwrap();
            values(analysis.bounds(&Specification::Outputs, &config).unwrap())
        };
        let together = bounds(region.input.clone());
        for image in 0..case.batch {
            let alone = bounds(region.input.clone().slice_dim(0, image..image + 1));
            let part = image * width..(image + 1) * width;
            let (lower, upper) = (&together.0[part.clone()], &together.1[part.clone()]);
            let allowed = &allowed[part];
            prop_assert!(agree(&alone.0, lower, allowed), "image {image}, {config:?}");
            prop_assert!(agree(&alone.1, upper, allowed), "image {image}, {config:?}");
        }
    }
    Ok(())
}

/// A region of one point has one value.
fn check_point<const D: usize>(case: &Case, features: [usize; D]) -> Result<(), TestCaseError> {
    let mut case = case.clone();
    case.region.radius = 0.0;
    let (net, region) = case.network_and_region(features);
    let outputs = to_vec(net.forward(region.input.clone()));
    let width = outputs.len() / case.batch;
    let allowed = case.allowed(&net, &region, &identity_rows(case.batch, width));
    // The relaxation of a rectifier has a floor of 1e-8 under its width.
    let allowed: Vec<f64> = allowed.iter().map(|allowed| allowed + 1e-7).collect();
    let analysis = GraphCache::new()
        .analyse(&net, region.input.clone(), &region.perturbation)
        .unwrap();
    for config in configs() {
        let bounds = values(analysis.bounds(&Specification::Outputs, &config).unwrap());
        prop_assert!(agree(&bounds.0, &outputs, &allowed), "lower, {config:?}");
        prop_assert!(agree(&bounds.1, &outputs, &allowed), "upper, {config:?}");
    }
    Ok(())
}

/// Intervals of a smaller region are never wider.
fn check_growth<const D: usize>(case: &Case, features: [usize; D]) -> Result<(), TestCaseError> {
    let (net, region) = case.network_and_region(features);
    let width = net.forward(region.input.clone()).dims()[1];
    let allowed = case.allowed(&net, &region, &identity_rows(case.batch, width));
    let config = BoundConfig::new(Method::Interval);
    let bounds = |radius: f64| {
        let perturbation = region.perturbation.clone().with_radius(radius);
        let analysis = GraphCache::new().analyse(&net, region.input.clone(), &perturbation);
        values(
            analysis
                .unwrap()
                .bounds(&Specification::Outputs, &config)
                .unwrap(),
        )
    };
    let (small, large) = (bounds(case.region.radius * 0.7), bounds(case.region.radius));
    prop_assert!(inside(&small, &large, &allowed));
    Ok(())
}

/// One affine layer on the region leaves the methods no choice.
fn check_first<const D: usize>(case: &Case, features: [usize; D]) -> Result<(), TestCaseError> {
    let (net, region) = case.network_and_region(features);
    let width = net.forward(region.input.clone()).dims()[1];
    let allowed = case.allowed(&net, &region, &identity_rows(case.batch, width));
    let floored: Vec<f64> = allowed.iter().map(|allowed| allowed + NORM_FLOOR).collect();
    let analysis = GraphCache::new()
        .analyse(&net, region.input.clone(), &region.perturbation)
        .unwrap();
    let bounds =
        |config: &BoundConfig| values(analysis.bounds(&Specification::Outputs, config).unwrap());
    let intervals = bounds(&BoundConfig::new(Method::Interval));
    for config in configs() {
        let (lower, upper) = bounds(&config);
        prop_assert!(agree(&lower, &intervals.0, &floored), "lower, {config:?}");
        prop_assert!(agree(&upper, &intervals.1, &floored), "upper, {config:?}");
    }
    Ok(())
}

/// Networks of one linear layer.
fn linear_layers() -> impl Strategy<Value = Case> {
    let layer = (1..=4usize, any::<bool>());
    cases(layer.prop_map(|(outputs, bias)| vec![Recipe::Linear { outputs, bias }]))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn requests_agree(case in networks(), channels in 1..=3usize, length in 1..=6usize) {
        check::<3>(&case, [1, channels, length])?;
    }

    #[test]
    fn requests_agree_on_images(case in networks(), height in 1..=4usize, width in 2..=5usize) {
        check::<4>(&case, [1, 2, height, width])?;
    }

    #[test]
    fn images_are_apart(case in networks(), height in 1..=4usize, width in 2..=5usize) {
        check_alone::<4>(&case, [1, 2, height, width])?;
    }

    #[test]
    fn a_point_has_one_value(case in networks(), height in 1..=4usize, width in 2..=5usize) {
        check_point::<4>(&case, [1, 2, height, width])?;
    }

    #[test]
    fn bounds_of_one_layer_are_its_intervals(case in linear_layers(), size in 1..=6usize) {
        check_first::<3>(&case, [1, 2, size])?;
    }

    #[test]
    fn intervals_grow_with_the_radius(case in networks(), channels in 1..=3usize, length in 1..=6usize) {
        check_growth::<3>(&case, [1, channels, length])?;
    }
}

#[test]
fn margin_rows_are_differences_of_identity_rows() {
    assert_eq!(
        margin_rows(2, 3),
        [1., -1., 0., 1., 0., -1., -1., 1., 0., 0., 1., -1.]
    );
}
