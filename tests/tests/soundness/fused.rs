//! The fused loss is no lower than the cross-entropy anywhere in the region: random networks, norms
//! and methods, at sampled points, corners, and points that gradients lead to.

use burn::module::Module;
use burn::tensor::{DType, Int, Tensor};
use burn::train::{Interrupter, TrainStep};
use burn_crown::train::{
    EpsilonSchedule, LearnerError, NonFinite, RobustBatch, RobustLearner, RobustLoss,
    RobustObjective, RunGuard, natural_cross_entropy,
};
use burn_crown::{BoundConfig, GraphCache, Method, Norm, Specification};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::random_net::{RandomNet, Recipe};
use burn_crown_tests::regions::{RandomRegion, Shape};
use burn_crown_tests::rows::margin_rows;
use burn_crown_tests::test_device;
use proptest::prelude::*;

use crate::case::{Case, networks};

/// Sampled points of each image.
const POINTS: usize = 24;
/// How often gradients are followed.
const STEPS: usize = 4;
/// The step at which ε is half of the target, so that β is half-way to its end.
const HALF_WAY: usize = 1;

/// A network that ends in outputs for some classes, without batch normalisation, whose running
/// statistics a training step would change.
fn classifier<const D: usize>(case: &Case, classes: usize, features: [usize; D]) -> RandomNet<D> {
    let mut recipes = case.recipes.clone();
    recipes.retain(|recipe| !matches!(recipe, Recipe::BatchNorm));
    recipes.push(Recipe::Reshape { picks: Vec::new() });
    recipes.push(Recipe::Linear {
        outputs: classes,
        bias: true,
    });
    let device = test_device().autodiff();
    RandomNet::new(&recipes, features, case.seed, case.dtype, &device)
}

/// Points to which the gradient of the cross-entropy leads, step by step.
fn attacked<const D: usize>(
    net: &RandomNet<D>,
    region: &RandomRegion<D>,
    labels: &Tensor<1, Int>,
) -> Vec<Tensor<D>> {
    let net = net.clone().freeze();
    let mut points = vec![region.input.clone()];
    for _ in 0..STEPS {
        let last = points[points.len() - 1].clone();
        let input = Tensor::from_inner(last).require_grad();
        let loss = natural_cross_entropy(net.forward(input.clone()), labels.clone());
        let Some(gradient) = input.grad(&loss.sum().backward()) else {
            break;
        };
        points.push(region.furthest(&to_vec(gradient)));
    }
    points
}

/// The losses of a training step at the region's radius, or why there are none.
fn losses<const D: usize>(
    net: &RandomNet<D>,
    region: &RandomRegion<D>,
    labels: &Tensor<1, Int>,
    (radius, bound, final_beta): (f64, Method, f64),
    loss: RobustLoss,
) -> Result<Vec<f64>, LearnerError> {
    let schedule = EpsilonSchedule::new(2.0 * radius).with_end_step(2 * HALF_WAY);
    let objective = RobustObjective::new(region.perturbation.clone(), schedule)
        .with_bound(BoundConfig::new(bound))
        .with_final_beta(final_beta)
        .with_loss(loss);
    let guard = RunGuard::new(Interrupter::new());
    let learner = RobustLearner::<_, D>::new(net.clone(), objective).with_guard(guard.clone());
    let images = Tensor::from_inner(region.input.clone());
    let output = TrainStep::step(&learner, RobustBatch::new(images, labels.clone(), HALF_WAY));
    match guard.take() {
        Some(error) => Err(error),
        None => Ok(to_vec(output.item.loss)),
    }
}

fn check<const D: usize>(
    mut case: Case,
    classes: usize,
    features: [usize; D],
) -> Result<(), TestCaseError> {
    if case.region.shape == Shape::Between {
        case.region.shape = Shape::Ball(Norm::Linf);
    }
    let net = classifier(&case, classes, features);
    let mut dims = features;
    dims[0] = case.batch;
    let region = RandomRegion::<D>::new(&case.region, dims, case.seed, case.dtype, &test_device());
    let of_images: Vec<i64> = (0..case.batch)
        .map(|image| (image % classes) as i64)
        .collect();
    let labels = |times: usize| {
        let device = test_device().autodiff();
        Tensor::<1, Int>::from_data(of_images.repeat(times).as_slice(), &device)
    };
    let mut points = attacked(&net, &region, &labels(1));
    points.push(region.points(POINTS, case.seed));
    let points = Tensor::from_inner(Tensor::cat(points, 0));
    let outputs = net.forward(points).cast(DType::F64);
    let times = outputs.dims()[0] / case.batch;
    let exact = to_vec(natural_cross_entropy(outputs, labels(times)));

    let (lowest, allowed) = ends_and_allowance(&case, &net, &region);
    for (bound, final_beta) in [
        (Method::Interval, 0.0),
        (Method::CrownIbp, 0.0),
        (Method::CrownIbp, 1.0),
        (Method::Crown, 0.0),
        (Method::ConvexAdversarial, 0.0),
        (Method::Forward, 0.0),
        (Method::ForwardBackward, 0.0),
    ] {
        let trained = (case.region.radius, bound, final_beta);
        let found = |loss| losses(&net, &region, &labels(1), trained, loss);
        let found = match found(RobustLoss::Fused) {
            Ok(found) => found,
            // Bounds that overflow bound nothing, and the margins' loss says the same.
            Err(error) => {
                let overflows = found(RobustLoss::Margins).is_err();
                let in_bounds = matches!(
                    error,
                    LearnerError::NotFinite {
                        origin: NonFinite::Bounds { .. } | NonFinite::Coefficients { .. },
                        ..
                    }
                );
                prop_assert!(overflows || in_bounds, "{bound:?}: {error}\n{net:?}");
                continue;
            }
        };
        for (at, exact) in exact.iter().enumerate() {
            let image = at % case.batch;
            // Rounding of the sum counts for more where the interval's end is far above the loss.
            let share = (-lowest[image] - exact).exp().clamp(1.0, 1e6);
            let allowed = allowed[image] * share;
            prop_assert!(
                found[image] >= exact - allowed,
                "{bound:?}, β {final_beta}: {exact} of image {image} is above {}, allowed \
                 {allowed:e}\n{net:?}",
                found[image]
            );
        }
    }
    Ok(())
}

/// The lowest interval bound of each image's margins, and what rounding may take from its loss.
fn ends_and_allowance<const D: usize>(
    case: &Case,
    net: &RandomNet<D>,
    region: &RandomRegion<D>,
) -> (Vec<f64>, Vec<f64>) {
    let net = net.clone().valid();
    let classes = net.forward(region.input.clone()).dims()[1];
    let rows = margin_rows(case.batch, classes);
    let others = classes - 1;
    let allowed = case.allowed(&net, region, &rows);
    let allowed = allowed.chunks(others).map(|allowed| allowed.iter().sum());
    let labels: Vec<i64> = (0..case.batch)
        .map(|image| (image % classes) as i64)
        .collect();
    let labels = Tensor::from_data(labels.as_slice(), &test_device());
    let interval = GraphCache::new()
        .analyse(&net, region.input.clone(), &region.perturbation)
        .unwrap()
        .lower(
            &Specification::Margins(labels),
            &BoundConfig::new(Method::Interval),
        )
        .unwrap();
    let lowest = to_vec(interval);
    let lowest = lowest
        .chunks(others)
        .map(|margins| margins.iter().copied().fold(f64::INFINITY, f64::min));
    (lowest.collect(), allowed.collect())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn vectors_fused(case in networks(), classes in 2..=5usize, size in 1..=6usize) {
        check::<2>(case, classes, [1, size])?;
    }

    #[test]
    fn images_fused(
        case in networks(), classes in 2..=5usize, height in 1..=4usize, width in 2..=5usize
    ) {
        check::<4>(case, classes, [1, 1, height, width])?;
    }
}
