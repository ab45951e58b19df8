//! Several inputs: their number, order and ranks.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn_crown::{AnyTensor, Bounded};
use burn_crown_tests::test_device;

use crate::{assert_same, linear, points, signature};

/// Inputs of different ranks, none of which may take another's place.
#[derive(Module, Bounded, Debug)]
struct Fusion {
    gain: Param<Tensor<1>>,
}

impl Fusion {
    fn forward(&self, a: Tensor<1>, b: Tensor<2>, c: Tensor<3>, d: Tensor<2>) -> Tensor<3> {
        let a = (self.gain.val() * a).unsqueeze::<3>();
        let (b, d) = (b.unsqueeze::<3>(), d.unsqueeze::<3>());
        a - b * 10.0 + c * 100.0 - d * 1000.0
    }
}

#[test]
fn four_inputs_keep_their_order() {
    let model = Fusion {
        gain: Param::from_tensor(Tensor::ones([2], &test_device())),
    };
    let (a, b) = (points(1).flatten::<1>(0, 1), points(1) * 2.0);
    let (c, d) = (points(1).unsqueeze::<3>() * 3.0, points(1) * 4.0);
    assert_eq!(Fusion::signature(), signature(&[1, 2, 3, 2], 3));
    let inputs = vec![
        AnyTensor::new(a.clone()),
        AnyTensor::new(b.clone()),
        AnyTensor::new(c.clone()),
        AnyTensor::new(d.clone()),
    ];
    assert_same(model.forward_any(inputs), model.forward(a, b, c, d));
}

#[derive(Module, Bounded, Debug)]
struct Difference {
    layer: Linear,
}

impl Difference {
    fn forward(&self, left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
        self.layer.forward(left) - right
    }
}

#[test]
fn two_inputs_of_one_rank_keep_their_order() {
    let model = Difference { layer: linear() };
    let (left, right) = (points(1), points(1) * 5.0);
    assert_eq!(Difference::signature(), signature(&[2, 2], 2));
    let inputs = vec![AnyTensor::new(left.clone()), AnyTensor::new(right.clone())];
    assert_same(model.forward_any(inputs), model.forward(left, right));
}

#[test]
#[should_panic(expected = "the forward pass takes 2 tensors, not 1")]
fn a_missing_input_panics() {
    Difference { layer: linear() }.forward_any(vec![AnyTensor::new(points(1))]);
}

#[test]
#[should_panic(expected = "the forward pass takes 2 tensors, not 3")]
fn an_input_too_many_panics() {
    let inputs = vec![AnyTensor::new(points(1)); 3];
    Difference { layer: linear() }.forward_any(inputs);
}

#[test]
#[should_panic(expected = "has not rank 2")]
fn an_input_of_another_rank_panics() {
    let inputs = vec![
        AnyTensor::new(points(1)),
        AnyTensor::new(points(1).flatten::<1>(0, 1)),
    ];
    Difference { layer: linear() }.forward_any(inputs);
}
