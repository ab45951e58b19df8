//! Bounds of small networks against those of auto_LiRPA 0.7.1, in `f32` and `f64`.
#![allow(clippy::unwrap_used)]

mod agreement;
mod compare;
mod fusion;
mod record;

use burn::tensor::DType;

use crate::record::Golden;

/// Compares a case in both data types, which must hold `records` figures each.
fn check<const D: usize>(name: &'static str, records: usize) {
    // A division by a small deviation makes rounding larger.
    let amplified = if name == "transformer_lnfull" {
        30.0
    } else {
        1.0
    };
    for (dtype_name, dtype, tolerance) in [("f32", DType::F32, 1e-5), ("f64", DType::F64, 1e-12)] {
        let tolerance = tolerance * amplified;
        let golden = Golden::<D>::load(name, dtype_name, dtype, tolerance);
        assert_eq!(
            golden.records.len(),
            records,
            "figures of {name} in {dtype_name}"
        );
        golden.check();
    }
}

#[test]
fn multilayer_perceptron() {
    check::<2>("mlp_relu", 70);
}

#[test]
fn convolutions_with_stride_and_padding() {
    check::<4>("cnn_stride_pad", 20);
}

#[test]
fn convolutions_with_batch_norm() {
    check::<4>("cnn_batchnorm", 20);
}

#[test]
fn convolutions_with_average_pooling() {
    check::<4>("cnn_avgpool", 9);
}

#[test]
fn residual_network() {
    check::<4>("resnet_small", 16);
}

#[test]
fn leaky_rectifiers() {
    check::<2>("mlp_leaky_relu", 12);
}

#[test]
fn hyperbolic_tangents() {
    check::<2>("mlp_tanh", 20);
}

#[test]
fn gaussian_error_linear_units() {
    check::<2>("mlp_gelu", 15);
}

#[test]
fn functions_of_one_element() {
    check::<2>("elt_exp", 20);
    check::<2>("elt_log", 15);
    check::<2>("elt_sqrt", 15);
    check::<2>("elt_reciprocal", 15);
    check::<2>("elt_pow2", 20);
}

#[test]
fn products_and_quotients() {
    check::<2>("elt_mul", 20);
    check::<2>("elt_div", 15);
    check::<3>("elt_matmul", 15);
}

#[test]
fn recurrent_networks() {
    check::<3>("lstm_4step", 18);
    check::<3>("lstm_4step_meanpool", 10);
}

#[test]
fn softmax() {
    check::<2>("elt_softmax", 12);
}

#[test]
fn max_pooling() {
    check::<4>("cnn_maxpool", 15);
}

#[test]
fn attention() {
    check::<3>("attention_only", 12);
}

#[test]
fn transformer_block() {
    check::<3>("transformer_lnfull", 9);
}
