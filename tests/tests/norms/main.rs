//! Training in balls of every norm, by every method.
#![allow(clippy::unwrap_used)]

mod gradients;
#[path = "../plane/mod.rs"]
mod plane;
mod training;

use burn_crown::{Method, Norm};

pub(crate) const METHODS: [Method; 6] = [
    Method::Interval,
    Method::CrownIbp,
    Method::Crown,
    Method::ConvexAdversarial,
    Method::Forward,
    Method::ForwardBackward,
];

pub(crate) const NORMS: [Norm; 5] = [Norm::Linf, Norm::L2, Norm::L1, Norm::Lp(1.5), Norm::Lp(3.0)];
