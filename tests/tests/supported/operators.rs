//! The operators of Burn's tensors, and its activation functions.

use burn::tensor::{Int, Tensor, activation as act};
use burn_crown::AnyTensor;

use crate::Row;

macro_rules! rows {
    ($($name:literal, |$x:ident| $body:expr;)*) => {
        &[$(Row {
            name: $name,
            shape: &[2, 3, 4],
            run: |x| {
                let $x = x.into_tensor::<3>();
                AnyTensor::new($body)
            },
        }),*]
    };
}

fn indices(x: &Tensor<3>) -> Tensor<1, Int> {
    Tensor::from_ints([2, 0], &x.device())
}

fn constant(x: &Tensor<3>) -> Tensor<3> {
    Tensor::ones([1, 4, 5], (&x.device(), x.dtype()))
}

pub(crate) const ROWS: &[Row] = rows! {
    "x + y, x − y", |x| x.clone() * 2.0 + x.clone().exp() - x;
    "x · y", |x| x.clone() * x.exp();
    "x / y", |x| x.clone() / x.exp();
    "matmul by a constant", |x| { let weight = constant(&x); x.matmul(weight) };
    "matmul of two perturbed values", |x| x.clone().matmul(x.transpose());
    "exp", |x| x.exp();
    "log", |x| x.log();
    "log1p", |x| x.log1p();
    "sqrt", |x| x.sqrt();
    "recip", |x| x.recip();
    "abs", |x| x.abs();
    "square", |x| x.square();
    "powi_scalar(3)", |x| x.powi_scalar(3);
    "powf_scalar(1.5)", |x| x.powf_scalar(1.5);
    "erf", |x| x.erf();
    "sin", |x| x.sin();
    "cos", |x| x.cos();
    "tan", |x| x.tan();
    "tanh", |x| x.tanh();
    "sign", |x| x.sign();
    "clamp", |x| x.clamp(0.5, 1.05);
    "relu", |x| act::relu(x);
    "leaky_relu", |x| act::leaky_relu(x, 0.1);
    "relu6", |x| act::relu6(x);
    "hardtanh", |x| act::hardtanh(x, -1.0, 1.0);
    "sigmoid", |x| act::sigmoid(x);
    "hard_sigmoid", |x| act::hard_sigmoid(x, 0.2, 0.5);
    "log_sigmoid", |x| act::log_sigmoid(x);
    "softplus", |x| act::softplus(x, 1.0);
    "elu", |x| act::elu(x, 1.0);
    "celu", |x| act::celu(x, 1.5);
    "selu", |x| act::selu(x);
    "gelu", |x| act::gelu(x);
    "gelu_approximate", |x| act::gelu_approximate(x);
    "silu", |x| act::silu(x);
    "hard_swish", |x| act::hard_swish(x);
    "mish", |x| act::mish(x);
    "softsign", |x| act::softsign(x);
    "tanhshrink", |x| act::tanhshrink(x);
    "softmax", |x| act::softmax(x, 2);
    "log_softmax", |x| act::log_softmax(x, 2);
    "softmin", |x| act::softmin(x, 2);
    "quiet_softmax", |x| act::quiet_softmax(x, 2);
    "glu", |x| act::glu(x, 2);
    "sum_dim, mean_dim", |x| x.clone().sum_dim(1) + x.mean_dim(1);
    "var", |x| x.var(2);
    "max_dim", |x| x.max_dim(2);
    "min_dim", |x| x.min_dim(2);
    "max_pair", |x| x.clone().max_pair(x.exp() - 2.0);
    "min_pair", |x| x.clone().min_pair(x.exp() - 2.0);
    "sort", |x| x.sort(2);
    "cumsum", |x| x.cumsum(2);
    "mask_fill by a constant mask", |x| {
        let mask = constant(&x).slice([0..1, 0..3, 0..4]).greater_elem(0.5);
        x.mask_fill(mask, 0.5)
    };
    "mask_where by a constant mask", |x| {
        let mask = Tensor::<3>::ones([2, 3, 4], &x.device()).greater_elem(0.5);
        x.clone().mask_where(mask, x.exp())
    };
    "reshape", |x| x.reshape([2, 4, 3]);
    "permute", |x| x.permute([0, 2, 1]);
    "expand", |x| x.slice([0..2, 0..1, 0..4]).expand([2, 5, 4]);
    "slice", |x| x.slice([0..2, 1..3, 0..2]);
    "slice_assign", |x| {
        let part = x.clone().slice([0..2, 0..1, 0..4]);
        x.slice_assign([0..2, 1..2, 0..4], part)
    };
    "cat", |x| Tensor::cat(vec![x.clone(), x.exp()], 1);
    "stack", |x| Tensor::stack::<4>(vec![x.clone(), x], 1).reshape([2, 6, 4]);
    "repeat_dim", |x| x.repeat_dim(1, 2);
    "flip", |x| x.flip([1]);
    "select by constant indices", |x| { let at = indices(&x); x.select(1, at) };
    "gather by constant indices", |x| {
        let at = Tensor::<3, Int>::zeros([2, 3, 4], &x.device());
        x.gather(1, at)
    };
    "pad with a constant", |x| x.pad((1, 1, 1, 1), 0.5);
    "pad by reflection", |x| x.pad((1, 1, 1, 1), burn::tensor::ops::PadMode::Reflect);
};
