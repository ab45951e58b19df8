#![doc = "Certified robustness for Burn."]

extern crate self as burn_crown;

mod bound;
mod bounded;
mod error;
mod graph;
mod ops;
mod perturbation;
mod spec;
mod tensor;
mod trace;
pub mod train;
mod verifier;

pub use bound::{Analysis, BoundConfig, Bounds, LowerSlope, Method, certified};
pub use bounded::{Bounded, Signature};
pub use burn_crown_macros::Bounded;
pub use error::{BoundError, TraceError};
pub use perturbation::{Input, Norm, Perturbation};
pub use spec::Specification;
pub use tensor::AnyTensor;
pub use trace::GraphCache;
pub use verifier::Verifier;

/// What the code made by the derive stands on.
#[doc(hidden)]
pub mod __private {
    pub use crate::bounded::{Forward, call_forward, forward_signature};
}
