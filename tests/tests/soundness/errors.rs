//! What cannot be bounded is refused with an error of its kind.

use burn::tensor::{DType, Int, Tensor};
use burn_crown::{
    BoundConfig, BoundError, Method, Norm, Perturbation, Specification, TraceError, Verifier,
};
use burn_crown_tests::random_net::{RandomNet, Recipe};
use burn_crown_tests::test_device;

fn net(outputs: usize) -> RandomNet<3> {
    let recipes = [
        Recipe::Reshape { picks: Vec::new() },
        Recipe::Linear {
            outputs,
            bias: true,
        },
    ];
    RandomNet::new(&recipes, [1, 2, 3], 1, DType::F32, &test_device())
}

fn input() -> Tensor<3> {
    Tensor::zeros([2, 2, 3], &test_device())
}

fn labels(labels: &[i64]) -> Specification {
    Specification::Margins(Tensor::<1, Int>::from_data(labels, &test_device()))
}

/// The error, the same by every method.
fn error(
    net: &RandomNet<3>,
    input: Tensor<3>,
    perturbation: &Perturbation,
    specification: &Specification,
) -> BoundError {
    let methods = [
        Method::Interval,
        Method::CrownIbp,
        Method::Crown,
        Method::ConvexAdversarial,
        Method::Forward,
        Method::ForwardBackward,
    ];
    let mut errors = methods.map(|method| {
        Verifier::new(net.clone())
            .with_config(BoundConfig::new(method))
            .bounds(input.clone(), perturbation, specification)
            .map(|bounds| bounds.lower.dims())
            .unwrap_err()
    });
    errors.sort_by_key(ToString::to_string);
    assert_eq!(errors[0], errors[5]);
    errors[0].clone()
}

fn specification_error(outputs: usize, specification: &Specification) -> String {
    match error(
        &net(outputs),
        input(),
        &Perturbation::linf(0.1),
        specification,
    ) {
        BoundError::Specification(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn perturbation_error(input: Tensor<3>, perturbation: &Perturbation) -> String {
    match error(&net(3), input, perturbation, &Specification::Outputs) {
        BoundError::Perturbation(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn labels_outside_the_classes() {
    for label in [-1, 3, i64::from(i32::MAX)] {
        let reason = specification_error(3, &labels(&[0, label]));
        assert!(reason.contains(&format!("label {label}")), "{reason}");
        assert!(reason.contains("3 classes"), "{reason}");
    }
}

#[test]
fn labels_of_another_batch() {
    for wrong in [vec![0], vec![0, 1, 2]] {
        let reason = specification_error(3, &labels(&wrong));
        assert_eq!(reason, format!("{} labels for a batch of 2", wrong.len()));
    }
}

#[test]
fn margins_of_one_class() {
    let reason = specification_error(1, &labels(&[0, 0]));
    assert!(reason.contains("two classes or more"), "{reason}");
}

#[test]
fn two_classes_have_one_margin() {
    let verifier = Verifier::new(net(2));
    let bounds = verifier
        .bounds(input(), &Perturbation::linf(0.1), &labels(&[0, 1]))
        .unwrap();
    assert_eq!(bounds.lower.dims(), [2, 1]);
}

#[test]
fn rows_of_another_shape() {
    for shape in [[2, 1, 4], [3, 1, 3], [2, 0, 3]] {
        let rows = Tensor::<3>::zeros(shape, &test_device());
        let reason = specification_error(3, &Specification::Linear(rows));
        assert!(reason.contains(&format!("{shape:?}")), "{reason}");
    }
}

#[test]
fn rows_of_one_image_serve_all() {
    let rows = Tensor::<3>::ones([1, 2, 3], &test_device());
    let verifier = Verifier::new(net(3));
    let specification = Specification::Linear(rows);
    let bounds = verifier
        .bounds(input(), &Perturbation::linf(0.1), &specification)
        .unwrap();
    assert_eq!(bounds.lower.dims(), [2, 2]);
}

#[test]
fn rows_of_another_data_type() {
    let rows = Tensor::<3>::ones([1, 2, 3], (&test_device(), DType::F64));
    let reason = specification_error(3, &Specification::Linear(rows));
    assert!(reason.contains("F64"), "{reason}");
}

#[test]
fn a_radius_that_is_no_size() {
    for radius in [-0.1, f64::NAN, f64::INFINITY] {
        for norm in [Norm::Linf, Norm::L2, Norm::L1, Norm::Lp(3.0)] {
            let reason = perturbation_error(input(), &Perturbation::ball(norm, radius));
            assert!(
                reason.contains(&format!("the radius is {radius}")),
                "{reason}"
            );
        }
    }
}

#[test]
fn an_exponent_that_is_no_norm() {
    for exponent in [0.5, -1.0, f64::NAN, f64::INFINITY] {
        let perturbation = Perturbation::ball(Norm::Lp(exponent), 0.1);
        let reason = perturbation_error(input(), &perturbation);
        assert!(reason.contains("exponent"), "{reason}");
    }
}

#[test]
fn a_box_whose_ends_are_swapped_or_no_numbers() {
    let lower = input().add_scalar(0.1);
    let reason = perturbation_error(input(), &Perturbation::between(lower, input()));
    assert!(reason.contains("above the upper one"), "{reason}");
    let nan = input().add_scalar(f32::NAN);
    let reason = perturbation_error(input(), &Perturbation::between(nan, input()));
    assert!(reason.contains("NaN"), "{reason}");
}

#[test]
fn a_box_of_another_shape_or_data_type() {
    let other = Tensor::<3>::zeros([1, 2, 3], &test_device());
    let reason = perturbation_error(input(), &Perturbation::between(other.clone(), other));
    assert!(reason.contains("[1, 2, 3]"), "{reason}");
    let other = Tensor::<3>::zeros([2, 2, 3], (&test_device(), DType::F64));
    let reason = perturbation_error(input(), &Perturbation::between(other.clone(), other));
    assert!(reason.contains("F64"), "{reason}");
}

#[test]
fn an_input_outside_its_range() {
    let perturbation = Perturbation::linf(0.1).with_range(0.0, 1.0);
    for value in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
        let reason = perturbation_error(input().add_scalar(value), &perturbation);
        assert!(reason.contains("outside its valid range"), "{reason}");
    }
}

#[test]
fn a_range_that_is_none() {
    for (lower, upper) in [(1.0, 0.0), (f64::NAN, 1.0)] {
        let perturbation = Perturbation::linf(0.1).with_range(lower, upper);
        let reason = perturbation_error(input(), &perturbation);
        assert!(reason.contains("valid range is"), "{reason}");
    }
}

#[test]
fn channels_that_the_input_has_not() {
    let scaled = Perturbation::linf(0.1).with_channel_scale(vec![1.0; 3]);
    let reason = perturbation_error(input(), &scaled);
    assert!(reason.contains("the scale has 3 channels"), "{reason}");
    let ranged = Perturbation::linf(0.1).with_channel_range(vec![-1.0; 3], vec![1.0; 3]);
    let reason = perturbation_error(input(), &ranged);
    assert!(reason.contains("the range has 3 channels"), "{reason}");
    let uneven = Perturbation::linf(0.1).with_channel_range(vec![-1.0; 2], vec![1.0; 3]);
    let reason = perturbation_error(input(), &uneven);
    assert!(reason.contains("valid range is"), "{reason}");
}

#[test]
fn a_scale_that_is_no_size() {
    for scale in [-1.0, f64::NAN, f64::INFINITY] {
        let perturbation = Perturbation::linf(0.1).with_channel_scale(vec![1.0, scale]);
        let reason = perturbation_error(input(), &perturbation);
        assert!(reason.contains("channel scale"), "{reason}");
    }
    let boxed = Perturbation::between(input(), input()).with_channel_scale(vec![2.0]);
    let reason = perturbation_error(input(), &boxed);
    assert!(reason.contains("no radius to scale"), "{reason}");
}

#[test]
fn an_empty_batch() {
    let empty = Tensor::<3>::zeros([0, 2, 3], &test_device());
    let error = error(
        &net(3),
        empty,
        &Perturbation::linf(0.1),
        &Specification::Outputs,
    );
    let expected = TraceError::EmptyBatch {
        index: 0,
        shape: vec![0, 2, 3],
    };
    assert_eq!(error, BoundError::Trace(expected));
}

#[test]
fn an_input_of_another_rank() {
    let flat = Tensor::<2>::zeros([2, 6], &test_device());
    let error = Verifier::new(net(3))
        .bounds(flat, &Perturbation::linf(0.1), &Specification::Outputs)
        .unwrap_err();
    let expected = TraceError::InputRank {
        index: 0,
        expected: 3,
        shape: vec![2, 6],
    };
    assert_eq!(error, BoundError::Trace(expected));
}

#[test]
fn an_input_of_another_size() {
    let wide = Tensor::<3>::zeros([2, 2, 4], &test_device());
    let error = error(
        &net(3),
        wide,
        &Perturbation::linf(0.1),
        &Specification::Outputs,
    );
    assert!(
        matches!(error, BoundError::Trace(TraceError::ForwardPanicked { .. })),
        "{error:?}"
    );
}

#[test]
fn an_input_of_another_data_type() {
    let double = Tensor::<3>::zeros([2, 2, 3], (&test_device(), DType::F64));
    let error = error(
        &net(3),
        double,
        &Perturbation::linf(0.1),
        &Specification::Outputs,
    );
    assert_eq!(
        error,
        BoundError::DataType {
            input: DType::F64,
            parameter: DType::F32
        }
    );
}
