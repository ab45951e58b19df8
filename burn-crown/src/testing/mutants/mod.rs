//! Whether the check bites: deliberately wrong bounds, each of which it must find within the default
//! number of cases of proptest.
#![allow(clippy::unwrap_used)]

mod operator;

use std::cell::RefCell;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};

use super::{Claim, Regions, Report, SoundnessCheck, SoundnessError, TestRegion, models};
use crate::bound::{Input, Method};
use crate::perturbation::Perturbation;
use crate::trace::GraphCache;
use crate::weights::WeightPerturbation;
use operator::Wrong;

/// A network with an operator of each kind that is changed.
#[derive(Module, burn_crown::Bounded, Debug)]
struct Net {
    conv: Conv2d,
    norm: BatchNorm,
    hidden: Linear,
    output: Linear,
}

impl Net {
    fn new(device: &Device) -> Self {
        Self {
            conv: Conv2dConfig::new([1, 2], [3, 3])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device),
            norm: BatchNormConfig::new(2).with_epsilon(1e-2).init(device),
            hidden: LinearConfig::new(2 * 9, 5).init(device),
            output: LinearConfig::new(5, 3).init(device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = relu(self.norm.forward(self.conv.forward(x)));
        let x = self.hidden.forward(x.flatten::<2>(1, 3));
        self.output.forward(x.tanh())
    }
}

/// The check of a network in which an operator's bounds are wrong.
fn check(
    net: &Net,
    region: &TestRegion<4>,
    operator: &str,
    wrong: &Wrong,
) -> Result<Report, SoundnessError> {
    let inputs = vec![Input::perturbed(
        region.input.clone(),
        region.perturbation.clone(),
    )];
    check_over(net, inputs, WeightPerturbation::new(), operator, wrong)
}

fn check_over(
    net: &Net,
    inputs: Vec<Input>,
    weights: WeightPerturbation,
    operator: &str,
    wrong: &Wrong,
) -> Result<Report, SoundnessError> {
    let analysis = GraphCache::new().analyse_weights(net, inputs.clone(), &weights)?;
    let analysis = analysis.with_operators(|graph| wrong.clone().put_into(graph, operator));
    let check = SoundnessCheck::new([Method::Interval, Method::CrownIbp, Method::Crown]);
    let check = check.with_weights(weights);
    check.check_analysis(analysis, net, &inputs)
}

fn regions() -> impl Strategy<Value = TestRegion<4>> {
    Regions::new([3, 1, 3, 3], 1.0, &Device::flex()).strategy()
}

fn runner(config: ProptestConfig) -> TestRunner {
    let config = ProptestConfig {
        failure_persistence: None,
        ..config
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// The first of proptest's cases that fails, and why.
fn first_failure(
    operator: &str,
    wrong: &Wrong,
    config: ProptestConfig,
) -> Option<(usize, SoundnessError)> {
    let mut runner = runner(config.clone());
    let cases = (models(&Device::flex(), Net::new), regions());
    (1..=config.cases as usize).find_map(|case| {
        let (net, region) = cases.new_tree(&mut runner).unwrap().current();
        let error = check(&net, &region, operator, wrong).err()?;
        Some((case, error))
    })
}

/// The operators, what is wrong with them, and the bounds that it makes wrong.
fn mutations() -> Vec<(&'static str, &'static str, Wrong, Claim)> {
    use Claim::{Forward, Interval, Relaxation};
    vec![
        ("slope off by 1 %", "Relu", Wrong::Slope, Relaxation),
        (
            "sign of the intercept",
            "Relu",
            Wrong::InterceptSign,
            Relaxation,
        ),
        ("missing bias", "Kernel", Wrong::NoBias, Relaxation),
        (
            "tangent on the wrong side",
            "Elementwise(Tanh",
            Wrong::LowerSide,
            Relaxation,
        ),
        (
            "padding at the wrong end",
            "Kernel",
            Wrong::padding(),
            Interval,
        ),
        ("wrong dual norm", "Kernel", Wrong::DualNorm, Interval),
        (
            "chord from the wrong end",
            "Relu",
            Wrong::Reflected,
            Relaxation,
        ),
        (
            "lower and upper swapped for negative coefficients",
            "Elementwise(Tanh",
            Wrong::UpperSide,
            Relaxation,
        ),
        (
            "rows of the batch mixed",
            "Matmul",
            Wrong::RowsMixed,
            Relaxation,
        ),
        (
            "bounds of another image",
            "Relu",
            Wrong::OtherImage,
            Relaxation,
        ),
        (
            "variance without ε",
            "BatchNorm",
            Wrong::no_epsilon(),
            Interval,
        ),
        ("interval 1 % too narrow", "Relu", Wrong::Narrow, Interval),
        (
            "slope off by 1 %, forward",
            "Relu",
            Wrong::ForwardSlope,
            Forward,
        ),
        (
            "slope off by 1 %, forward",
            "Elementwise(Tanh",
            Wrong::ForwardSlope,
            Forward,
        ),
        (
            "linear part with swapped bounds",
            "Kernel",
            Wrong::LinearSwapped,
            Forward,
        ),
        (
            "linear part with swapped bounds",
            "Matmul",
            Wrong::LinearSwapped,
            Forward,
        ),
    ]
}

#[test]
fn every_mutation_is_caught() {
    let mut missed = Vec::new();
    eprintln!(
        "{:<50} {:<18} {:>5}  found by",
        "mutation", "operator", "case"
    );
    for (name, operator, wrong, claim) in mutations() {
        let Some((case, error)) = first_failure(operator, &wrong, ProptestConfig::default()) else {
            missed.push(name);
            continue;
        };
        let SoundnessError::Violation(violation) = error else {
            panic!("{name}: {error}");
        };
        eprintln!(
            "{name:<50} {operator:<18} {case:>5}  {:?}, {}",
            violation.claim, violation.method
        );
        // The first node that is wrong is the one that was changed.
        assert!(violation.operator.contains(operator), "{name}: {violation}");
        assert_eq!(violation.claim, claim, "{name}: {violation}");
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

#[test]
fn right_bounds_hold() {
    let few = ProptestConfig::with_cases(16);
    for operator in ["Kernel", "BatchNorm", "Relu", "Elementwise(Tanh"] {
        let found = first_failure(operator, &Wrong::Nothing, few.clone());
        assert!(found.is_none(), "{operator}: {found:?}");
    }
}

#[test]
fn bounds_over_parameters_are_checked() {
    let mut runner = runner(ProptestConfig::default());
    let net = models(&Device::flex(), Net::new).new_tree(&mut runner);
    let net = net.unwrap().current();
    let image = |count: usize| Tensor::<4>::ones([count, 1, 3, 3], &Device::flex());
    let weights = WeightPerturbation::new()
        .with("hidden", Perturbation::l2(0.2))
        .with("output.bias", Perturbation::linf(0.1));
    for (operator, wrong, claim) in [
        ("Matmul", Wrong::Narrow, Claim::Interval),
        ("Elementwise(Tanh", Wrong::Slope, Claim::Relaxation),
        ("Elementwise(Tanh", Wrong::ForwardSlope, Claim::Forward),
    ] {
        let inputs = vec![Input::fixed(image(1))];
        let found = check_over(&net, inputs, weights.clone(), operator, &wrong);
        let Err(SoundnessError::Violation(violation)) = found else {
            panic!("{operator}, {wrong:?}: {found:?}");
        };
        assert_eq!(violation.claim, claim, "{violation}");
        // The image, and the three parameters.
        assert_eq!(violation.point.len(), 4, "{violation}");
    }
    // Right bounds, also where the image and a running statistic may change.
    let statistic = |weights: &WeightPerturbation| {
        let region = Perturbation::linf(0.01);
        weights.clone().with("norm.running_var", region)
    };
    let perturbed = Input::perturbed(image(2), Perturbation::linf(0.05));
    for inputs in [vec![Input::fixed(image(2))], vec![perturbed]] {
        let weights = statistic(&weights);
        check_over(&net, inputs, weights, "Elementwise(Tanh", &Wrong::Nothing).unwrap();
    }
}

/// The region of the first case that fails, what it shrinks to, and the message for that.
fn shrunk(operator: &str, wrong: &Wrong) -> (TestRegion<4>, TestRegion<4>, String) {
    let first = RefCell::new(None);
    let nets = models(&Device::flex(), Net::new);
    let mut runner = runner(ProptestConfig::default());
    let net = nets.new_tree(&mut runner).unwrap().current();
    let result = runner.run(&regions(), |region| {
        check(&net, &region, operator, wrong).map_err(|error| {
            first.borrow_mut().get_or_insert_with(|| region.clone());
            TestCaseError::fail(error.to_string())
        })?;
        Ok(())
    });
    let Err(TestError::Fail(reason, smallest)) = result else {
        panic!("{operator}: {result:?}");
    };
    (first.into_inner().unwrap(), smallest, reason.to_string())
}

#[test]
fn a_failure_shrinks_to_the_smallest_region() {
    // Two images are the fewest of which one can have the bounds of the other.
    for (operator, wrong, images) in [("Relu", Wrong::Slope, 1), ("Relu", Wrong::OtherImage, 2)] {
        let (first, smallest, message) = shrunk(operator, &wrong);
        let [images_first, images_last] = [&first, &smallest].map(|region| region.input.dims()[0]);
        assert!(images_first > images, "{first:?}");
        assert_eq!(images_last, images, "{smallest:?}");
        let radius = |region: &TestRegion<4>| region.perturbation.radius().unwrap();
        assert!(
            radius(&smallest) < 0.1 * radius(&first),
            "{smallest:?} of {first:?}"
        );
        let named = "the relaxation of node";
        let operator = "operator `Mutant { right: Relu";
        let module = "module `norm`";
        for part in [named, operator, module] {
            assert!(message.contains(part), "{message}");
        }
    }
}
