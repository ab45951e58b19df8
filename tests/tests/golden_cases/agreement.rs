//! How our bounds compare to those of auto_LiRPA, by case and method.

use burn_crown::{Method, Norm};

/// Whether pre-activations have forward-mode bounds.
pub(crate) fn is_forward(method: Method) -> bool {
    matches!(method, Method::Forward | Method::ForwardBackward)
}

/// By how much intervals may be wider on average where two implementations choose other tangents, as
/// a share of their width: what is tightest at each node need not be tightest in the end.
pub(crate) const CHOICE: f64 = 1e-4;

/// How our bounds compare to the reference's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Agreement {
    Equal,
    /// Nowhere looser, and somewhere tighter.
    Tighter,
    /// Another relaxation, which is no looser on average.
    NoWider,
}

/// The reference takes for the interval of a convolution on an L2 ball the norm of its whole
/// kernel, also where part of the kernel lies on the padding; ours leaves that part out. It takes
/// the same interval in its CROWN for a rectifier that follows the convolution at once.
pub(crate) fn agreement(case: &str, norm: Norm, method: Method) -> Agreement {
    match (case, norm, method) {
        ("cnn_stride_pad" | "resnet_small", Norm::L2, method) if !is_forward(method) => {
            Agreement::Tighter
        }
        ("cnn_batchnorm", Norm::L2, Method::Interval | Method::CrownIbp) => Agreement::Tighter,
        // It takes the ends of an interval and the minimum of GELU for its range, ours is exact.
        ("mlp_gelu", _, Method::Interval) => Agreement::Tighter,
        ("mlp_leaky_relu", ..) | (_, _, Method::Interval) => Agreement::Equal,
        (case, ..) if case.starts_with("elt_") || CHOOSING.contains(&case) => Agreement::NoWider,
        _ => Agreement::Equal,
    }
}

/// Networks with operators of which there are several good relaxations.
const CHOOSING: &[&str] = &[
    "mlp_tanh",
    "mlp_gelu",
    "lstm_4step",
    "lstm_4step_meanpool",
    "cnn_maxpool",
    "attention_only",
    "transformer_lnfull",
];
