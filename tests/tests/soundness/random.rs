//! `lower ≤ f(x) ≤ upper` for every point of the region: random networks of every operator, every
//! method with every option, every norm.

use burn::module::Module;
use burn::tensor::{DType, Tensor, TensorData};
use burn_crown::{GraphCache, Method, Norm};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::random_net::{Combine, RandomNet, Recipe, short_recipes};
use burn_crown_tests::regions::{RandomRegion, RegionRecipe, Shape};
use burn_crown_tests::rows::apply;
use burn_crown_tests::test_device;
use proptest::prelude::*;

use crate::case::{Asked, Case, NORM_FLOOR, cases, configs, networks};

/// Sampled points of each image.
const POINTS: usize = 24;

/// The points at which the linear functions that the rows are at the centre would be largest and
/// smallest: where affine networks take their bounds.
fn extreme_points<const D: usize>(
    net: &RandomNet<D>,
    region: &RandomRegion<D>,
    rows: &[f64],
    batch: usize,
    width: usize,
) -> Vec<Tensor<D>> {
    // Frozen, or a batch norm on a tracked input takes the batch's statistics.
    let net = net.clone().freeze();
    let count = rows.len() / batch / width;
    let mut points = Vec::new();
    for row in 0..count {
        let input = region.input.clone().autodiff().require_grad();
        let outputs = net.forward(input.clone());
        let picked: Vec<f64> = (0..batch)
            .flat_map(|image| rows[(image * count + row) * width..][..width].to_vec())
            .collect();
        let data = TensorData::new(picked, [batch, width]);
        let weights = Tensor::<2>::from_data(data, (&test_device(), region.input.dtype()));
        let value = outputs * Tensor::from_inner(weights);
        let gradients = value.sum().backward();
        let Some(gradient) = input.grad(&gradients) else {
            continue;
        };
        let gradient = to_vec(gradient);
        let opposite: Vec<f64> = gradient.iter().map(|value| -value).collect();
        points.push(region.furthest(&gradient));
        points.push(region.furthest(&opposite));
    }
    points
}

fn check<const D: usize>(case: &Case, features: [usize; D]) -> Result<(), TestCaseError> {
    let (net, region) = case.network_and_region(features);
    let width = net.forward(region.input.clone()).dims()[1];
    let (rows, specification) = case.specify(width);
    let mut points = extreme_points(&net, &region, &rows, case.batch, width);
    points.push(region.points(POINTS, case.seed));
    let outputs = to_vec(net.forward(Tensor::cat(points, 0)));
    let values = apply(&rows, &outputs, case.batch, width);
    let allowed = case.allowed(&net, &region, &rows);

    let analysis = GraphCache::new().analyse(&net, region.input.clone(), &region.perturbation);
    let analysis = analysis.map_err(|error| TestCaseError::fail(format!("{error}\n{net:?}")))?;
    for config in configs() {
        let bounds = analysis.bounds(&specification, &config).unwrap();
        let (lower, upper) = (to_vec(bounds.lower), to_vec(bounds.upper));
        prop_assert_eq!(lower.len(), allowed.len());
        for (at, value) in values.iter().enumerate() {
            let row = at % lower.len();
            // Written so that NaN fails.
            let inside = lower[row] - allowed[row] <= *value && *value <= upper[row] + allowed[row];
            prop_assert!(
                inside,
                "{config:?}: {value} of row {row} is not in [{}, {}], allowed {:e}\n{net:?}",
                lower[row],
                upper[row],
                allowed[row]
            );
        }
        if net.is_affine() && region.is_whole() && config.method != Method::Interval {
            // Bounds of an affine network are values that it takes.
            let rows = lower.len();
            let attained = |row: usize, bound: f64| {
                let closest = (row..values.len())
                    .step_by(rows)
                    .map(|at| (values[at] - bound).abs());
                closest.fold(f64::INFINITY, f64::min) <= allowed[row] + NORM_FLOOR
            };
            for row in 0..rows {
                prop_assert!(
                    attained(row, lower[row]) && attained(row, upper[row]),
                    "{config:?}: row {row} takes not the bounds [{}, {}]\n{net:?}",
                    lower[row],
                    upper[row]
                );
            }
        }
    }
    Ok(())
}

/// A case that was found: the image of the range, which is far wider than the ball, was rounded by more
/// than the ball.
#[test]
fn a_small_ball_at_the_end_of_a_wide_range() {
    let case = Case {
        recipes: vec![Recipe::Operand {
            along: [false; 3],
            constant: false,
            combine: Combine::Mul,
        }],
        region: RegionRecipe {
            shape: Shape::Ball(Norm::L2),
            radius: 0.0,
            ranged: true,
            per_channel: false,
            frozen: false,
        },
        batch: 1,
        asked: Asked::Outputs,
        seed: 3219492267406778254,
        dtype: DType::F64,
    };
    check::<2>(&case, [1, 4]).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn vectors(case in networks(), size in 1..=6usize) {
        check::<2>(&case, [1, size])?;
    }

    #[test]
    fn sequences(case in networks(), channels in 1..=3usize, length in 1..=6usize) {
        check::<3>(&case, [1, channels, length])?;
    }

    #[test]
    fn images(case in networks(), channels in 1..=2usize, height in 1..=4usize, width in 2..=5usize) {
        check::<4>(&case, [1, channels, height, width])?;
    }

    #[test]
    fn operators_on_vectors(case in cases(short_recipes()), size in 1..=6usize) {
        check::<2>(&case, [1, size])?;
    }

    #[test]
    fn operators_on_sequences(
        case in cases(short_recipes()), channels in 1..=4usize, length in 1..=6usize
    ) {
        check::<3>(&case, [1, channels, length])?;
    }

    #[test]
    fn operators_on_images(
        case in cases(short_recipes()), channels in 1..=4usize, height in 1..=4usize, width in 1..=4usize
    ) {
        check::<4>(&case, [1, channels, height, width])?;
    }
}
