//! Random networks of every operator with an account of rounding, in `f32`: their values, computed
//! in `f64`, lie within the bounds, and so do for `Statement::AsRun` the values computed in `f32`,
//! with no allowance at all. Regions without extent leave nothing but rounding between the bounds.

use burn::tensor::{DType, Tensor};
use burn_crown::{
    BoundConfig, BoundError, GraphCache, LowerSlope, Method, Rounding, Specification, Statement,
};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::random_net::{RandomNet, Recipe, recipes};
use burn_crown_tests::regions::{RandomRegion, RegionRecipe, region_recipes};
use burn_crown_tests::{on_libtorch, test_device};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Sampled points of each image.
const POINTS: usize = 12;

#[derive(Clone, Debug)]
struct Case {
    recipes: Vec<Recipe>,
    region: RegionRecipe,
    seed: u64,
    statement: Statement,
}

fn cases() -> impl Strategy<Value = Case> {
    let statement = prop::sample::select(vec![Statement::RealNetwork, Statement::AsRun]);
    let parts = (recipes(3), region_recipes(), any::<u64>(), statement, 0..3);
    parts.prop_map(|(recipes, mut region, seed, statement, extent)| {
        if extent < 2 {
            region.radius = 0.0;
        }
        Case {
            recipes,
            region,
            seed,
            statement,
        }
    })
}

fn configs() -> Vec<BoundConfig> {
    let methods = [Method::Interval, Method::CrownIbp, Method::Crown];
    let methods = methods.into_iter().chain([Method::ConvexAdversarial]);
    let with = |slope| BoundConfig::new(Method::CrownIbp).with_slope(slope);
    methods
        .map(BoundConfig::new)
        .chain([LowerSlope::Same, LowerSlope::One].map(with))
        .collect()
}

/// Whether the case could be bounded with an account of rounding.
fn check<const D: usize>(case: &Case, features: [usize; D]) -> Result<bool, TestCaseError> {
    let device = test_device();
    let mut dims = features;
    dims[0] = 2;
    let net = |dtype| RandomNet::new(&case.recipes, features, case.seed, dtype, &device);
    let region = |dtype| RandomRegion::new(&case.region, dims, case.seed, dtype, &device);
    let (single, double) = (net(DType::F32), net(DType::F64));
    let asked = region(DType::F32);
    let points = |region: &RandomRegion<D>| -> Tensor<D> { region.points(POINTS, case.seed) };
    let values = match case.statement {
        // The same points, as far as `f32` has them, in both.
        Statement::RealNetwork => double.forward(points(&asked).cast(DType::F64)),
        Statement::AsRun => single.forward(points(&asked)),
    };
    let values = to_vec(values);
    let analysis = GraphCache::new().analyse(&single, asked.input.clone(), &asked.perturbation);
    let analysis = analysis.map_err(|error| TestCaseError::fail(error.to_string()))?;
    for config in configs() {
        let config = config.with_rounding(Rounding::Sound(case.statement));
        let bounds = match analysis.bounds(&Specification::Outputs, &config) {
            Err(BoundError::Rounding(_)) => return Ok(false),
            bounds => bounds.unwrap(),
        };
        let (lower, upper) = (to_vec(bounds.lower), to_vec(bounds.upper));
        for (at, value) in values.iter().enumerate() {
            let row = at % lower.len();
            // Written so that NaN fails.
            prop_assert!(
                lower[row] <= *value && *value <= upper[row],
                "{config:?}: {value} of row {row} is not in [{}, {}]\n{single:?}",
                lower[row],
                upper[row],
            );
        }
    }
    Ok(true)
}

fn run<const D: usize>(count: u32, features: [usize; D]) {
    if on_libtorch() {
        // Its `f32` is refused, see `refused`.
        return;
    }
    let config = Config {
        cases: count,
        failure_persistence: None,
        ..Config::default()
    };
    let (mut bounded, mut all) = (0, 0);
    let outcome = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    )
    .run(&cases(), |case| {
        let sound = check(&case, features)?;
        COUNTS.with(|counts| {
            let (bounded, all) = counts.get();
            counts.set((bounded + u32::from(sound), all + 1));
        });
        Ok(())
    });
    COUNTS.with(|counts| (bounded, all) = counts.get());
    if let Err(error) = outcome {
        panic!("{error}");
    }
    eprintln!("{bounded} of {all} networks have an account of rounding");
    assert!(
        2 * bounded > all,
        "{bounded} of {all} networks were bounded"
    );
}

thread_local! {
    /// How many networks were bounded, of how many.
    static COUNTS: std::cell::Cell<(u32, u32)> = const { std::cell::Cell::new((0, 0)) };
}

#[test]
fn bounds_of_random_networks_of_vectors_hold() {
    run(120, [1, 5]);
}

#[test]
fn bounds_of_random_networks_of_sequences_hold() {
    run(80, [1, 3, 4]);
}

#[test]
fn bounds_of_random_networks_of_images_hold() {
    run(80, [1, 2, 4, 4]);
}
