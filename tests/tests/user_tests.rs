//! What a user has for property tests of a model: the check, its message, the strategies.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{DType, Device, Int, Tensor};
use burn_crown::testing::{
    Claim, RegionPoints, Regions, SoundnessCheck, SoundnessError, TestRegion, check_soundness,
    models,
};
use burn_crown::{
    BoundConfig, BoundError, Bounded, Input, LowerSlope, Method, Norm, Perturbation, Projections,
    Specification, assert_sound,
};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::sound::METHODS;
use burn_crown_tests::test_device;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{TestError, TestRunner};

#[derive(Module, Bounded, Debug)]
struct Net {
    hidden: Linear,
    output: Linear,
}

impl Net {
    fn new(device: &Device) -> Self {
        Self {
            hidden: LinearConfig::new(4, 6).init(device),
            output: LinearConfig::new(6, 3).init(device),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(x)))
    }
}

/// A network that computes something else once it was called a few times: its bounds, which are
/// those of the first calls, do not hold.
#[derive(Module, Bounded, Debug)]
struct Drifting {
    layer: Linear,
    #[module(skip)]
    calls: Arc<AtomicUsize>,
}

/// Recording it, and the check of the recording.
const CALLS_BEFORE: usize = 2;

impl Drifting {
    fn new(device: &Device) -> Self {
        Self {
            layer: LinearConfig::new(4, 2).init(device),
            calls: Arc::default(),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        let drift = if calls < CALLS_BEFORE { 0.0 } else { 100.0 };
        self.layer.forward(x).add_scalar(drift)
    }
}

fn methods() -> impl Strategy<Value = Method> {
    prop::sample::select(METHODS.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn random_models_are_sound(
        net in models(&test_device(), Net::new),
        region in Regions::new([3, 4], 0.5, &test_device()).strategy(),
        method in methods(),
    ) {
        assert_sound!(net, region, method);
    }

    #[test]
    fn a_trained_model_is_sound(
        region in Regions::around(images(), 0.3)
            .with_range(0.0, 1.0)
            .with_norms(vec![Norm::Lp(3.0), Norm::Linf])
            .strategy(),
        slope in prop::sample::select(vec![LowerSlope::Zero, LowerSlope::One]),
    ) {
        let net = Net::new(&test_device());
        prop_assert!(region.input.dims()[0] <= 4);
        assert_sound!(net, region, BoundConfig::new(Method::Crown).with_slope(slope));
    }

    #[test]
    fn regions_lie_in_their_range(
        region in Regions::new([2, 4], 0.7, &test_device())
            .with_range(0.2, 0.9)
            .with_dtype(DType::F64)
            .with_norms(vec![Norm::L2])
            .strategy(),
        seed in any::<u64>(),
    ) {
        let points = RegionPoints::new(region.input.clone(), &region.perturbation).unwrap();
        let center = to_vec(region.input.clone());
        let radius = region.perturbation.radius().unwrap();
        let points: Tensor<2> = points.points(20, seed);
        for point in to_vec(points).chunks(center.len()) {
            prop_assert!(point.iter().all(|value| (0.2..=0.9).contains(value)));
            for (point, center) in point.chunks(4).zip(center.chunks(4)) {
                let square = |(a, b): (&f64, &f64)| (a - b) * (a - b);
                let distance = point.iter().zip(center).map(square).sum::<f64>().sqrt();
                prop_assert!(distance <= radius + 1e-12);
            }
        }
    }
}

/// Six images of four pixels.
fn images() -> Tensor<2> {
    Tensor::<1, Int>::arange(0..24, &test_device())
        .float()
        .div_scalar(24.0)
        .reshape([6, 4])
}

#[test]
fn a_failure_names_what_does_not_hold() {
    let device = test_device();
    let error = check_soundness(
        &Drifting::new(&device),
        images(),
        &Perturbation::linf(0.1),
        Method::CrownIbp,
    );
    let Err(SoundnessError::Violation(violation)) = error else {
        panic!("{error:?}");
    };
    assert_eq!(violation.claim, Claim::Specification);
    assert!(violation.value > violation.upper, "{violation}");
    assert_eq!(violation.point.len(), 1);
    assert_eq!(violation.point[0].len(), 4);
    let message = violation.to_string();
    for part in [
        "CROWN-IBP: the bound of the specification of node",
        "in module `layer`",
        "does not hold: row",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_failing_property_shrinks_to_one_image_and_no_radius() {
    let device = test_device();
    let regions = Regions::new([4, 4], 1.0, &device).strategy();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let property = |region: TestRegion<2>| {
        assert_sound!(Drifting::new(&test_device()), region, Method::Crown);
        Ok(())
    };
    let result = TestRunner::new(config).run(&regions, property);
    let Err(TestError::Fail(reason, smallest)) = result else {
        panic!("{result:?}");
    };
    assert!(reason.to_string().contains("does not hold"), "{reason}");
    assert_eq!(smallest.input.dims(), [1, 4]);
    assert!(smallest.perturbation.radius().unwrap() < 1e-6);
}

#[test]
fn a_model_of_a_strategy_stays_the_same() {
    let strategy = models(&test_device(), Net::new);
    let mut runner = TestRunner::deterministic();
    let tree = strategy.new_tree(&mut runner).unwrap();
    let weights = |net: Net| to_vec(net.hidden.weight.val());
    let first = weights(tree.current());
    assert_eq!(first, weights(tree.current()));
    assert_ne!(
        first,
        weights(strategy.new_tree(&mut runner).unwrap().current())
    );
}

#[test]
fn what_has_no_bounds_is_an_error() {
    let net = Net::new(&test_device());
    let check = |perturbation, method: SoundnessCheck| {
        check_soundness(&net, images(), &perturbation, method).unwrap_err()
    };
    assert!(matches!(
        check(Perturbation::linf(-1.0), Method::Crown.into()),
        SoundnessError::Bound(BoundError::Perturbation(_))
    ));
    let estimate =
        BoundConfig::new(Method::ConvexAdversarial).with_projections(Some(Projections::new(3)));
    assert!(matches!(
        check(Perturbation::linf(0.1), estimate.into()),
        SoundnessError::Bound(BoundError::Estimate)
    ));
    let output = SoundnessCheck::new([Method::Crown]).with_output(1);
    assert!(matches!(
        check(Perturbation::linf(0.1), output),
        SoundnessError::Bound(BoundError::Output { .. })
    ));
}

#[test]
fn margins_and_substitutions_are_checked() {
    #[derive(Module, Bounded, Debug)]
    struct Text {
        hidden: Linear,
        output: Linear,
    }

    impl Text {
        fn forward(&self, words: Tensor<3>, shift: Tensor<2>) -> Tensor<2> {
            let x = self.hidden.forward(words).tanh();
            self.output.forward(x.mean_dim(1).squeeze_dim(1)) + shift
        }
    }

    let device = test_device();
    let net = Text {
        hidden: LinearConfig::new(2, 6).init(&device),
        output: LinearConfig::new(6, 3).init(&device),
    };
    let tensor = |count: i64, shape: &[i32]| {
        Tensor::<1, Int>::arange(0..count, &device)
            .float()
            .sin()
            .reshape::<4, _>([shape[0], shape[1], shape[2], shape[3]])
    };
    let words = tensor(12, &[2, 3, 2, 1]).squeeze_dim::<3>(3);
    let candidates = tensor(48, &[2, 3, 4, 2]);
    let inputs = vec![
        Input::perturbed(words, Perturbation::substitution(candidates, 2)),
        Input::fixed(Tensor::<2>::ones([1, 3], &device)),
    ];
    let labels = Tensor::<1, Int>::from_ints([0, 2], &device);
    let report = SoundnessCheck::new(METHODS)
        .with_specification(Specification::Margins(labels))
        .with_points(10)
        .with_seed(5)
        .check(&net, inputs)
        .unwrap();
    assert_eq!(report.bounds.len(), METHODS.len());
    assert_eq!(report.bounds[0].lower.dims(), [2, 2]);
    assert!(report.points > 10 && report.nodes > 4, "{report:?}");
}
