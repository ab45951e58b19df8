//! The loops against Burn's operations: values and gradients.
#![allow(clippy::unwrap_used)]

use burn::tensor::{DType, Distribution, Tensor};
use proptest::prelude::*;

use super::{AnyTensor, Factors, composed};
use crate::tensor::native::devices;

/// The factors: slopes and intercepts, of positive and of negative coefficients.
const FACTORS: usize = 4;

/// The outputs and the gradients of what is asked of coefficients `[B, S, N]` and factors `[B, N]`.
fn outcome(
    form: &Tensor<3>,
    factors: &[Tensor<2>; FACTORS],
    tracked: [bool; 2],
    ask: impl Fn(AnyTensor, [Factors; 2]) -> Vec<AnyTensor>,
) -> Vec<Vec<f64>> {
    let track = |tracked| {
        move |tensor: Tensor<2>| {
            if tracked {
                tensor.require_grad()
            } else {
                tensor
            }
        }
    };
    let form = if tracked[0] {
        form.clone().require_grad()
    } else {
        form.clone()
    };
    let factors = factors.clone().map(track(tracked[1]));
    let [up, down, above, below] = factors.clone().map(AnyTensor::new);
    let asked = [Factors::new(up, down), Factors::new(above, below)];
    let outputs = ask(AnyTensor::new(form.clone()), asked);
    // A sum of squares: the gradient of every element of the outputs is one of its own.
    let square = |output: AnyTensor| output.clone().mul(output).sum_dims(&[0, 1]).sum_features();
    let mut results: Vec<Vec<f64>> = outputs.iter().cloned().map(AnyTensor::values).collect();
    if tracked.contains(&true) {
        let loss = outputs.into_iter().map(|output| {
            let count = output.shape().iter().product();
            square(output.reshape(&[1, count])).into_tensor::<1>()
        });
        let loss = loss
            .reduce(|sum, part| sum + part)
            .expect("there are outputs");
        let gradients = loss.backward();
        let read = |gradient: Option<AnyTensor>| gradient.map_or(vec![], AnyTensor::values);
        results.push(read(form.grad(&gradients).map(AnyTensor::new)));
        for factor in &factors {
            results.push(read(factor.grad(&gradients).map(AnyTensor::new)));
        }
    }
    results
}

fn assert_alike(left: &[Vec<f64>], right: &[Vec<f64>]) {
    assert_eq!(left.len(), right.len());
    for (left, right) in left.iter().zip(right) {
        assert_eq!(left.len(), right.len());
        let largest = right
            .iter()
            .fold(1.0_f64, |largest, x| largest.max(x.abs()));
        for (left, right) in left.iter().zip(right) {
            let error = (left - right).abs();
            assert!(error <= 2e-5 * largest, "{left} is not {right}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Shapes on both sides of what goes to several threads; coefficients of which some are zero;
    /// tensors of which some are views; any of the two tracked, or none.
    #[test]
    fn loops_are_the_composed_operations(
        (batch, rows, features) in prop_oneof![
            (1_usize..5, 1_usize..6, 1_usize..40),
            (2_usize..4, 8_usize..12, 900_usize..1100),
        ],
        (form_tracked, factors_tracked) in any::<(bool, bool)>(),
        (double, view) in any::<(bool, bool)>(),
        seed in any::<u64>(),
    ) {
        for device in devices() {
            device.seed(seed);
            let device = if form_tracked || factors_tracked { device.autodiff() } else { device };
            let dtype = if double { DType::F64 } else { DType::F32 };
            let form = Tensor::<3>::random([batch, features, rows], Distribution::Normal(0.0, 1.0), &device);
            let form = if view {
                form.swap_dims(1, 2)
            } else {
                form.reshape([batch, rows, features])
            };
            let zeros = form.clone().abs().lower_elem(0.2);
            // At zero the derivative by a coefficient is one of two.
            let form = if form_tracked { form } else { form.mask_fill(zeros, 0.0) };
            let form = form.cast(dtype).detach();
            let factors = std::array::from_fn(|_| {
                Tensor::<2>::random([batch, features], Distribution::Normal(0.0, 1.0), &device).cast(dtype)
            });
            let tracked = [form_tracked, factors_tracked];
            let by = |ask: fn(AnyTensor, [Factors; 2]) -> Vec<AnyTensor>| {
                outcome(&form, &factors, tracked, ask)
            };
            let together = by(|form, [slopes, intercepts]| form.relaxed(slopes, intercepts).to_vec());
            let apart = by(|form, [slopes, intercepts]| {
                vec![form.clone().signed(slopes), form.signed_sum(intercepts)]
            });
            let expected = by(|form, [slopes, intercepts]| vec![
                composed::signed(form.clone(), slopes),
                composed::signed_sum(form, intercepts),
            ]);
            assert_alike(&together, &expected);
            assert_alike(&apart, &expected);
        }
    }
}

#[test]
fn what_is_not_a_number_stays_so() {
    for device in devices() {
        let form = Tensor::<3>::from_data([[[f32::NAN, 1.0], [-1.0, 2.0]]], &device);
        let ones = AnyTensor::new(Tensor::<2>::ones([1, 2], &device));
        let factors = Factors::new(ones.clone(), ones);
        let sums = AnyTensor::new(form).signed_sum(factors).values();
        assert!(sums[0].is_nan());
        assert_eq!(sums[1], 1.0);
    }
}

#[test]
fn sums_of_nothing_are_zero() {
    for device in devices() {
        let form = AnyTensor::new(Tensor::<3>::zeros([2, 3, 0], &device));
        let nothing = AnyTensor::new(Tensor::<2>::zeros([2, 0], &device));
        let factors = Factors::new(nothing.clone(), nothing);
        assert_eq!(form.clone().signed(factors.clone()).shape(), [2, 3, 0]);
        assert_eq!(form.signed_sum(factors).values(), [0.0; 6]);
    }
}
