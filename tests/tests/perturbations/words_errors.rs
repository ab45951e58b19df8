//! What is no region of substitutions is refused.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{DType, Tensor};
use burn_crown::train::{EpsilonSchedule, LearnerError, RobustObjective};
use burn_crown::{
    BoundConfig, BoundError, Bounded, GraphCache, Method, Perturbation, Projections, Specification,
};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::test_device;

use crate::holds::METHODS;
use crate::layers::{linear, shaken};
use crate::words::Words;

#[derive(Module, Bounded, Debug)]
struct Net {
    layer: Linear,
}

impl Net {
    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        burn::tensor::activation::relu(self.layer.forward(x)).flatten(1, 2)
    }
}

fn net() -> Net {
    Net {
        layer: linear(3, 2, 1),
    }
}

fn words() -> Words {
    Words::new([2, 3, 2, 3], 1, DType::F64, 1)
}

fn reason(input: Tensor<3>, perturbation: &Perturbation) -> String {
    match GraphCache::new().analyse(&net(), input, perturbation) {
        Err(BoundError::Perturbation(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn candidates_of_another_shape() {
    for dims in [[1, 3, 2, 3], [2, 2, 2, 3], [2, 3, 2, 4], [2, 3, 3, 2]] {
        let candidates = Tensor::<4>::zeros(dims, (&test_device(), DType::F64));
        let reason = reason(
            words().original(),
            &Perturbation::substitution(candidates, 1),
        );
        assert!(reason.contains(&format!("{dims:?}")), "{reason}");
        assert!(reason.contains("[2, 3, 3]"), "{reason}");
        assert!(reason.contains("[B, T, K, E]"), "{reason}");
    }
}

#[test]
fn no_candidates() {
    let none = Tensor::<4>::empty([2, 3, 0, 3], (&test_device(), DType::F64));
    let reason = reason(words().original(), &Perturbation::substitution(none, 1));
    assert!(
        reason.contains("at least one for each position"),
        "{reason}"
    );
}

/// Words `[B, E]` without positions.
#[derive(Module, Bounded, Debug)]
struct Flat {
    layer: Linear,
}

impl Flat {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layer.forward(x)
    }
}

#[test]
fn an_input_without_positions() {
    let flat = Flat {
        layer: linear(3, 2, 1),
    };
    let input = Tensor::<2>::zeros([2, 3], (&test_device(), DType::F64));
    match GraphCache::new().analyse(&flat, input, &words().perturbation()) {
        Err(BoundError::Perturbation(reason)) => assert!(reason.contains("[B, T, E]"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn candidates_of_another_type() {
    let candidates = words().candidates().cast(DType::F32);
    let reason = reason(
        words().original(),
        &Perturbation::substitution(candidates, 1),
    );
    assert!(reason.contains("the candidates are F32"), "{reason}");
    assert!(reason.contains("the input F64"), "{reason}");
}

#[test]
fn candidates_that_are_not_finite() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        // Also where no change is allowed.
        for changes in [0, 1] {
            let candidates = words().candidates();
            let bad = Tensor::<4>::full([1, 1, 1, 1], value, (&test_device(), DType::F64));
            let candidates = candidates.slice_assign([1..2, 2..3, 1..2, 0..1], bad);
            let reason = reason(
                words().original(),
                &Perturbation::substitution(candidates, changes),
            );
            assert!(reason.contains("infinite or not a number"), "{reason}");
        }
    }
}

#[test]
fn neither_range_nor_scale() {
    let perturbations = [
        words().perturbation().with_range(-10.0, 10.0),
        words().perturbation().with_channel_scale(vec![1.0; 3]),
    ];
    for perturbation in perturbations {
        let reason = reason(words().original(), &perturbation);
        assert!(reason.contains("leave both out"), "{reason}");
    }
}

#[test]
fn a_radius_changes_nothing() {
    let perturbation = words().perturbation();
    assert_eq!(perturbation.radius(), None);
    let bounds = |perturbation: &Perturbation| {
        let analysis = GraphCache::new().analyse(&net(), words().original(), perturbation);
        let config = BoundConfig::new(Method::Crown);
        let bounds = analysis.unwrap().bounds(&Specification::Outputs, &config);
        to_vec(bounds.unwrap().lower)
    };
    assert_eq!(
        bounds(&perturbation),
        bounds(&perturbation.clone().with_radius(0.0))
    );
}

#[test]
fn a_schedule_has_no_radius_to_set() {
    let objective = RobustObjective::new(words().perturbation(), EpsilonSchedule::new(0.1));
    let error = objective.check().unwrap_err();
    assert!(matches!(error, LearnerError::NoRadius), "{error}");
    assert!(error.to_string().contains("substitutions"), "{error}");
}

#[test]
fn projections_have_no_estimate() {
    let analysis = GraphCache::new().analyse(&net(), words().original(), &words().perturbation());
    let config =
        BoundConfig::new(Method::ConvexAdversarial).with_projections(Some(Projections::new(10)));
    match analysis.unwrap().estimate(&Specification::Outputs, &config) {
        Err(BoundError::Projections(reason)) => {
            assert!(reason.contains("substitutions"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

/// An input that is not a number, or weights that overflow, give no bound that certifies.
#[test]
fn nothing_undefined_certifies() {
    let mut cases = Vec::new();
    let place = [0..1, 1..2, 0..1];
    let bad = Tensor::<3>::full([1, 1, 1], f64::NAN, (&test_device(), DType::F64));
    cases.push((net(), words().original().slice_assign(place, bad)));
    for scale in [1e308, -1e308] {
        let net = Net {
            layer: shaken(linear(3, 2, 1), DType::F64, scale, 3),
        };
        cases.push((net, words().original() * 1e3));
    }
    for (net, input) in cases {
        for method in METHODS {
            let perturbation = words().perturbation();
            let analysis = GraphCache::new().analyse(&net, input.clone(), &perturbation);
            let bounds = analysis
                .unwrap()
                .bounds(&Specification::Outputs, &BoundConfig::new(method));
            let lower = to_vec(bounds.unwrap().lower);
            assert!(
                lower[..6].iter().all(|bound| !bound.is_finite()),
                "{method}: {lower:?}"
            );
        }
    }
}
