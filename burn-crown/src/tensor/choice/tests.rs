//! The loops against Burn's operations: values and gradients.

use burn::tensor::{DType, Tensor, TensorData};
use proptest::prelude::*;

use super::{AnyTensor, Bend, Choice};
use crate::tensor::native::devices;

/// Numbers of which many are equal, and some are none.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-4_i8..5).prop_map(|eighths| f64::from(eighths) / 8.0),
        -2.0_f64..2.0,
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::NAN),
    ]
}

fn same(left: &[f64], right: &[f64]) {
    assert_eq!(left.len(), right.len());
    for (left, right) in left.iter().zip(right) {
        assert!(
            left == right || left.is_nan() && right.is_nan(),
            "{left} {right}"
        );
    }
}

/// The values, and the gradients of their sum with weights.
fn outcome(
    inputs: &[Tensor<2>],
    weights: &Tensor<2>,
    tracked: [bool; 2],
    ask: impl Fn(&[AnyTensor]) -> AnyTensor,
) -> Vec<Vec<f64>> {
    let inputs: Vec<Tensor<2>> = inputs
        .iter()
        .zip(tracked)
        .map(|(input, tracked)| match tracked {
            true => input.clone().require_grad(),
            false => input.clone(),
        })
        .collect();
    let asked: Vec<AnyTensor> = inputs.iter().cloned().map(AnyTensor::new).collect();
    let output = ask(&asked);
    let mut results = vec![output.clone().values()];
    if tracked[..inputs.len()].contains(&true) {
        // Weights by a choice: an infinite number times one would leave no gradient.
        let gradients = output
            .into_tensor::<2>()
            .mul(weights.clone())
            .sum()
            .backward();
        for input in &inputs {
            let gradient = input.grad(&gradients).map(AnyTensor::new);
            results.push(gradient.map_or(vec![], AnyTensor::values));
        }
    }
    results
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn loops_are_the_composed_operations(
        numbers in prop::collection::vec((number(), number()), 1..80),
        repeat in prop_oneof![4 => Just(1_usize), 1 => Just(900)],
        end in prop_oneof![Just(0.0), Just(0.25), -1.0_f64..1.0],
        tracked in any::<[bool; 2]>(),
        (double, view) in any::<(bool, bool)>(),
    ) {
        for device in devices() {
            let device = if tracked == [false; 2] { device } else { device.autodiff() };
            let dtype = if double { DType::F64 } else { DType::F32 };
            let tensor = |of: fn(&(f64, f64)) -> f64| {
                let values: Vec<f64> = numbers.iter().map(of).collect();
                let shape = [values.len(), 1];
                let data = TensorData::new(values, shape).convert_dtype(dtype);
                let tensor = Tensor::<2>::from_data(data, (&device, dtype));
                if view {
                    tensor.expand([shape[0], repeat])
                } else {
                    tensor.repeat_dim(1, repeat)
                }
            };
            let inputs = [tensor(|pair| pair.0), tensor(|pair| pair.1)];
            let weights = tensor(|pair| if pair.0 > pair.1 { 2.0 } else { -3.0 });
            for choice in [Choice::Larger, Choice::Smaller] {
                let by = |ask: fn(AnyTensor, AnyTensor, Choice) -> AnyTensor| {
                    outcome(&inputs, &weights, tracked, |both| {
                        ask(both[0].clone(), both[1].clone(), choice)
                    })
                };
                let (made, expected) = (by(AnyTensor::choose), by(AnyTensor::choose_composed));
                for (made, expected) in made.iter().zip(&expected) {
                    same(made, expected);
                }
            }
            for bend in [Bend::Zero, Bend::Least(end), Bend::Most(end)] {
                let by = |ask: fn(AnyTensor, Bend) -> AnyTensor| {
                    outcome(&inputs[..1], &weights, tracked, |one| ask(one[0].clone(), bend))
                };
                let (made, expected) = (by(AnyTensor::bend), by(AnyTensor::bend_composed));
                for (made, expected) in made.iter().zip(&expected) {
                    same(made, expected);
                }
            }
        }
    }
}
