//! `#[derive(Bounded)]` on the types that it accepts: the ranks that it reads from the forward
//! pass, and that the forward pass is what runs.

mod enums;
mod generics;
mod inputs;
mod structs;

use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Tensor, TensorData};
use burn_crown::{AnyTensor, Bounded, Signature};
use burn_crown_tests::test_device;

fn signature(inputs: &[usize], output: usize) -> Signature {
    Signature {
        inputs: inputs.to_vec(),
        outputs: vec![output],
    }
}

/// `[rows, 2]` with the values 1, -2, 3, -4, …
fn points(rows: usize) -> Tensor<2> {
    let values: Vec<f32> = (0..2 * rows)
        .map(|i| (i + 1) as f32 * if i % 2 == 0 { 1.0 } else { -1.0 })
        .collect();
    Tensor::from_data(TensorData::new(values, [rows, 2]), &test_device())
}

/// A layer `[2, 2]` with random weights.
fn linear() -> Linear {
    LinearConfig::new(2, 2).init(&test_device())
}

fn assert_same<const D: usize>(actual: AnyTensor, expected: Tensor<D>) {
    let actual: Tensor<D> = actual.into_tensor();
    assert_eq!(actual.to_data(), expected.to_data());
}

/// That the model takes and gives one tensor of rank 2, and that `x` becomes `expected`.
fn check<M: Bounded>(model: &M, x: Tensor<2>, expected: Tensor<2>) {
    assert_eq!(M::signature(), signature(&[2], 2));
    assert_same(model.forward_any(vec![AnyTensor::new(x)]), expected);
}
