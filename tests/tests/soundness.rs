//! `lower ≤ f(x) ≤ upper` for every point of the region: random networks of every operator, every
//! method with every option, every norm.
#![allow(clippy::unwrap_used)]

use burn::module::Module;
use burn::tensor::{DType, Int, Tensor, TensorData};
use burn_crown::{BoundConfig, GraphCache, LowerSlope, Method, Specification};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::random_net::{RandomNet, Recipe, recipes};
use burn_crown_tests::regions::{RandomRegion, RegionRecipe, region_recipes};
use burn_crown_tests::test_device;
use proptest::prelude::*;

/// The rounding errors that a bound and a value may have together, in units of the data type's
/// epsilon times the sum of the absolute values of all terms. A network here has up to eight
/// layers, each sums up to 72 terms in two passes (forward, and backward with centre and radius
/// apart), and errors of sums grow with the number of terms at worst. Inexact relaxations add terms
/// of the same size.
const ROUNDING: f64 = 8.0;

/// Sampled points of each image.
const POINTS: usize = 24;

fn configs() -> Vec<BoundConfig> {
    let slopes = [LowerSlope::Adaptive, LowerSlope::Same, LowerSlope::Zero, LowerSlope::One];
    let linear = slopes.into_iter().flat_map(|slope| {
        let config = move |method| BoundConfig::new(method).with_slope(slope);
        [
            config(Method::CrownIbp),
            config(Method::Crown),
            config(Method::Crown).with_all_neurons(true),
        ]
    });
    std::iter::once(BoundConfig::new(Method::Interval)).chain(linear).collect()
}

/// What is asked of the output.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Outputs,
    Margins,
    Linear,
}

#[derive(Clone, Debug)]
struct Case {
    recipes: Vec<Recipe>,
    region: RegionRecipe,
    batch: usize,
    asked: Asked,
    seed: u64,
    dtype: DType,
}

fn cases() -> impl Strategy<Value = Case> {
    let asked = prop::sample::select(vec![Asked::Outputs, Asked::Margins, Asked::Linear]);
    let dtype = prop::sample::select(vec![DType::F64, DType::F64, DType::F32]);
    (recipes(3), region_recipes(), 1..=3usize, asked, any::<u64>(), dtype).prop_map(
        |(recipes, region, batch, asked, seed, dtype)| Case {
            recipes,
            region,
            batch,
            asked,
            seed,
            dtype,
        },
    )
}

/// The rows of a specification `[B, S, O]`, and the specification.
fn specify(asked: Asked, batch: usize, outputs: usize, dtype: DType) -> (Vec<f64>, Specification) {
    let device = test_device();
    match asked {
        Asked::Margins if outputs > 1 => {
            let labels: Vec<i64> = (0..batch).map(|image| (image % outputs) as i64).collect();
            let mut rows = Vec::new();
            for label in (0..batch).map(|image| image % outputs) {
                for other in (0..outputs).filter(|&other| other != label) {
                    rows.extend((0..outputs).map(|output| {
                        f64::from(u8::from(output == label)) - f64::from(u8::from(output == other))
                    }));
                }
            }
            let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &device);
            (rows, Specification::Margins(labels))
        }
        Asked::Linear => {
            let count = 2 * outputs;
            let rows: Vec<f64> =
                (0..batch * count).map(|row| (row * 7 % 5) as f64 * 0.5 - 1.0).collect();
            let data = TensorData::new(rows.clone(), [batch, 2, outputs]);
            let tensor = Tensor::<3>::from_data(data, (&device, dtype));
            (rows, Specification::Linear(tensor))
        }
        _ => {
            let identity = |at: usize| f64::from(u8::from(at % (outputs + 1) == 0));
            let rows = (0..batch).flat_map(|_| (0..outputs * outputs).map(identity)).collect();
            (rows, Specification::Outputs)
        }
    }
}

/// `rows · y` `[N, S]` for rows `[B, S, O]` and outputs `[N, O]`, point `n` being one of image
/// `n mod B`.
fn apply(rows: &[f64], outputs: &[f64], batch: usize, width: usize) -> Vec<f64> {
    let per_image = rows.len() / batch;
    let value = |row: &[f64], y: &[f64]| row.iter().zip(y).map(|(a, b)| a * b).sum::<f64>();
    outputs
        .chunks(width)
        .enumerate()
        .flat_map(|(point, y)| {
            let image = point % batch;
            rows[image * per_image..(image + 1) * per_image]
                .chunks(width)
                .map(move |row| value(row, y))
        })
        .collect()
}

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
        let Some(gradient) = input.grad(&gradients) else { continue };
        let gradient = to_vec(gradient);
        let opposite: Vec<f64> = gradient.iter().map(|value| -value).collect();
        points.push(region.furthest(&gradient));
        points.push(region.furthest(&opposite));
    }
    points
}

fn check<const D: usize>(case: &Case, features: [usize; D]) -> Result<(), TestCaseError> {
    let device = test_device();
    let mut dims = features;
    dims[0] = case.batch;
    let net = RandomNet::<D>::new(&case.recipes, features, case.seed, case.dtype, &device);
    let region = RandomRegion::new(&case.region, dims, case.seed, case.dtype, &device);

    let width = net.forward(region.input.clone()).dims()[1];
    let (rows, specification) = specify(case.asked, case.batch, width, case.dtype);
    let mut points = extreme_points(&net, &region, &rows, case.batch, width);
    points.push(region.points(POINTS, case.seed));
    let outputs = to_vec(net.forward(Tensor::cat(points, 0)));
    let values = apply(&rows, &outputs, case.batch, width);

    let sizes = to_vec(net.magnitude().forward(region.largest()));
    let absolute: Vec<f64> = rows.iter().map(|value| value.abs()).collect();
    let epsilon = if case.dtype == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    let allowed: Vec<f64> = apply(&absolute, &sizes, case.batch, width)
        .iter()
        .map(|size| ROUNDING * epsilon * size)
        .collect();

    let analysis = GraphCache::new().analyse(&net, region.input.clone(), &region.perturbation);
    let analysis = analysis.map_err(|error| TestCaseError::fail(format!("{error}\n{net:?}")))?;
    for config in configs() {
        let bounds = analysis.bounds(&specification, &config).unwrap();
        let (lower, upper) = (to_vec(bounds.lower), to_vec(bounds.upper));
        prop_assert_eq!(lower.len(), allowed.len());
        for (at, value) in values.iter().enumerate() {
            let row = at % lower.len();
            // Written so that NaN fails.
            let inside =
                lower[row] - allowed[row] <= *value && *value <= upper[row] + allowed[row];
            prop_assert!(
                inside,
                "{} by {config:?}: {value} of row {row} is not in [{}, {}], allowed {:e}\n{net:?}",
                "unsound",
                lower[row],
                upper[row],
                allowed[row]
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn vectors(case in cases(), size in 1..=6usize) {
        check::<2>(&case, [1, size])?;
    }

    #[test]
    fn sequences(case in cases(), channels in 1..=3usize, length in 1..=6usize) {
        check::<3>(&case, [1, channels, length])?;
    }

    #[test]
    fn images(case in cases(), channels in 1..=2usize, height in 1..=4usize, width in 2..=5usize) {
        check::<4>(&case, [1, channels, height, width])?;
    }
}
