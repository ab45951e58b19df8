//! The loops against Burn's operations: values and gradients.

use burn::tensor::{DType, Distribution, Tensor};
use proptest::prelude::*;

use super::{AnyTensor, Boxes};
use crate::tensor::native::devices;

type Compute = fn(Boxes, AnyTensor) -> [AnyTensor; 2];

/// The ends of products, and the gradients of a sum of squares of those that are used.
fn outcome(
    inputs: &[Tensor<2>; 3],
    tracked: [bool; 3],
    used: [bool; 2],
    rectified: bool,
    compute: Compute,
) -> Vec<Vec<f64>> {
    let inputs: [Tensor<2>; 3] = std::array::from_fn(|at| match tracked[at] {
        true => inputs[at].clone().require_grad(),
        false => inputs[at].clone(),
    });
    let [lower, upper, matrix] = inputs.clone().map(AnyTensor::new);
    let boxes = Boxes {
        lower,
        upper,
        rectified,
    };
    let ends = compute(boxes, matrix);
    let mut results: Vec<Vec<f64>> = ends.iter().cloned().map(AnyTensor::values).collect();
    if tracked.contains(&true) && used.contains(&true) {
        let losses = ends.into_iter().zip(used).filter(|(_, used)| *used);
        let loss = losses
            .map(|(end, _)| end.into_tensor::<2>().square().mean())
            .reduce(|sum, term| sum + term)
            .expect("one is used");
        let gradients = loss.backward();
        for input in inputs {
            let gradient = input.grad(&gradients).map(AnyTensor::new);
            results.push(gradient.map_or(vec![], AnyTensor::values));
        }
    }
    results
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Sizes on both sides of a tile, of a block of steps and of a chunk; matrices with zeros; views;
    /// any of the inputs tracked, any of the outputs used; boxes around zero and on both sides of it,
    /// whose positive parts may be taken.
    #[test]
    fn loops_are_the_composed_operations(
        rows in 8_usize..70,
        inner in prop_oneof![1_usize..20, 90_usize..110, 250_usize..530],
        outer in prop_oneof![1_usize..40, 60_usize..70],
        tracked in any::<[bool; 3]>(),
        used in any::<[bool; 2]>(),
        (double, view, rectified) in any::<(bool, bool, bool)>(),
        seed in any::<u64>(),
    ) {
        for device in devices() {
            device.seed(seed);
            let device = if tracked == [false; 3] { device } else { device.autodiff() };
            let dtype = if double { DType::F64 } else { DType::F32 };
            let random = |shape: [usize; 2]| {
                Tensor::<2>::random(shape, Distribution::Normal(0.0, 1.0), &device).cast(dtype)
            };
            let lower = random([rows, inner]);
            let upper = lower.clone() + random([rows, inner]).abs();
            let matrix = if view {
                random([outer, inner]).swap_dims(0, 1)
            } else {
                random([inner, outer])
            };
            let zeros = matrix.clone().abs().lower_elem(0.2);
            let matrix = matrix.mask_fill(zeros, 0.0);
            let inputs = [lower, upper, matrix].map(Tensor::detach);
            let by = |compute: Compute| outcome(&inputs, tracked, used, rectified, compute);
            let made = by(AnyTensor::matmul_of_boxes);
            let expected = by(AnyTensor::matmul_of_boxes_composed);
            prop_assert_eq!(made.len(), expected.len());
            let precision = if double { 1e-12 } else { 2e-5 };
            for (made, expected) in made.iter().zip(&expected) {
                prop_assert_eq!(made.len(), expected.len());
                let largest = expected.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
                for (made, expected) in made.iter().zip(expected) {
                    let error = (made - expected).abs();
                    prop_assert!(error <= precision * largest, "{} {}", made, expected);
                }
            }
        }
    }
}
