//! The operators of Burn's tensors, and its activation functions.

use burn::tensor::IndexingUpdateOp::Add;
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
    "atan", |x| x.atan();
    "sinh", |x| x.sinh();
    "cosh", |x| x.cosh();
    "asinh", |x| x.asinh();
    "atanh", |x| (x * 0.5).atanh();
    "floor", |x| x.floor();
    "ceil", |x| x.ceil();
    "round", |x| x.round();
    "trunc", |x| x.trunc();
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
    "hard_shrink", |x| act::hard_shrink(x, 0.5);
    "soft_shrink", |x| act::soft_shrink(x, 0.5);
    "shrink", |x| act::shrink(x, 0.5, 0.2);
    "threshold", |x| act::threshold(x, 1.0, 0.5);
    "thresholded_relu", |x| act::thresholded_relu(x, 1.0);
    "softmax", |x| act::softmax(x, 2);
    "log_softmax", |x| act::log_softmax(x, 2);
    "softmin", |x| act::softmin(x, 2);
    "quiet_softmax", |x| act::quiet_softmax(x, 2);
    "exp, sum_dim, log (also with the largest taken off)", |x| x.exp().sum_dim(2).log();
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
    "gather by other constant indices of each image", |x| {
        let at = Tensor::<1, Int>::from_ints([0, 2], &x.device());
        let at = at.reshape([2, 1, 1]).expand([2, 3, 4]);
        x.gather(2, at)
    };
    "addition at constant indices (select_assign, scatter)", |x| {
        let at = indices(&x);
        let sums = x.clone().select_assign(1, at, x.clone().slice([0..2, 0..2]), Add);
        let at = Tensor::<3, Int>::zeros([2, 3, 4], &x.device());
        sums.scatter(1, at, x, Add)
    };
    "pad with a constant", |x| x.pad((1, 1, 1, 1), 0.5);
    "pad by reflection", |x| x.pad((1, 1, 1, 1), burn::tensor::ops::PadMode::Reflect);
};
