//! Functions of each element.

use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, leaky_relu, log_sigmoid, sigmoid, tanh};

/// The functions, by name. None is steeper than 1.2, and all are between -1 and 1 at zero.
pub const ACTIVATIONS: &[&str] = &[
    "sigmoid",
    "tanh",
    "gelu",
    "log_sigmoid",
    "clamp",
    "clamp_min",
    "clamp_max",
    "abs",
    "erf",
    "sin",
    "leaky_relu",
    "turned leaky_relu",
    "cos",
];

/// The function with this index.
pub(super) fn activate<const D: usize>(index: usize, x: Tensor<D>) -> Tensor<D> {
    match ACTIVATIONS[index] {
        "sigmoid" => sigmoid(x),
        "tanh" => tanh(x),
        "gelu" => gelu(x),
        "log_sigmoid" => log_sigmoid(x),
        "clamp" => x.clamp(-0.3, 0.5),
        "clamp_min" => x.clamp_min(-0.2),
        "clamp_max" => x.clamp_max(0.4),
        "abs" => x.abs(),
        "erf" => x.erf(),
        "sin" => x.sin(),
        "leaky_relu" => leaky_relu(x, 0.1),
        "turned leaky_relu" => leaky_relu(x, -0.4),
        "cos" => x.cos(),
        name => panic!("no function {name}"),
    }
}

/// No less than the absolute value of any of the functions, where `x` is no less than that of its
/// argument.
pub(super) fn magnitude<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x * 1.2 + 1.0
}
