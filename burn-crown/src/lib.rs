//! Certified robustness for [Burn](burn): sound bounds on what a network can output for every
//! input in a region, and training that minimises them.
//!
//! 1. Derive [`Bounded`] beside `Module`. It records the module's own `forward`.
//! 2. Describe the region with a [`Perturbation`], the question with a [`Specification`], the
//!    method with a [`BoundConfig`].
//! 3. Ask a [`Verifier`] for [`Bounds`]. Positive lower bounds of all margins certify an image.
//! 4. Train with [`train::RobustLearner`] in Burn's `SupervisedTraining`.
//!
//! ```
//! use burn::{module::Module, nn, tensor::{Device, Tensor, activation::relu}};
//! use burn_crown::{Bounded, Perturbation, Specification, Verifier};
//!
//! #[derive(Module, Bounded, Debug)]
//! struct Net {
//!     hidden: nn::Linear,
//!     output: nn::Linear,
//! }
//!
//! impl Net {
//!     fn forward(&self, x: Tensor<2>) -> Tensor<2> {
//!         self.output.forward(relu(self.hidden.forward(x)))
//!     }
//! }
//!
//! let device = Device::flex();
//! let net = Net {
//!     hidden: nn::LinearConfig::new(2, 8).init(&device),
//!     output: nn::LinearConfig::new(8, 2).init(&device),
//! };
//! let x = Tensor::<2>::from_floats([[0.5, 0.5]], &device);
//! let bounds = Verifier::new(net).bounds(x, &Perturbation::l2(0.1), &Specification::Outputs)?;
//! println!("the outputs are between {} and {}", bounds.lower, bounds.upper);
//! # Ok::<(), burn_crown::BoundError>(())
//! ```
//!
//! Beyond that:
//!
//! - several outputs: [`Verifier::with_output`] bounds another one than the first;
//! - weights: with a [`WeightPerturbation`], parameters may change too, or alone;
//! - substitutions: [`Perturbation::substitution`] replaces a few words of a text by others;
//! - rounding: with [`Rounding::Sound`], bounds account for that of floating-point numbers; by
//!   default they do not;
//! - testing: [`testing`] checks every bound behind a result of your own model;
//! - certificates: [`certificate`] writes down what was shown, [`recheck`] bounds it anew by
//!   independent code.
//!
//! How it works: the forward pass becomes a graph of operators, each with three faces (its value,
//! its interval, its linear relaxation), and the bound methods are written once on these faces. The
//! graph is recorded once for each input shape, and checked against the forward pass on
//! the input at hand; parameters are bound live, tracked by autodiff in training. What has no
//! relaxation is refused with a [`TraceError`].
//!
//! A forward pass that can be bounded keeps the batch as the first dim of every tensor, takes one to
//! four float tensors ([`Input`] says which of several are perturbed), gives one or a tuple of them,
//! and branches on shapes and settings alone. Bounds are those of the module in inference; give a
//! [`Verifier`] the module in that mode. In training alone, batch normalisation has the statistics
//! of the clean batch ([`Statistics`]). The repository's `SUPPORTED.md` lists what can be bounded.
//!
//! # Features
//!
//! `flex` (default) and `tch`, `cuda`, `rocm`, `wgpu`, `vulkan`, `metal`, `cpu`: Burn's backends of
//! the same names.
//!
//! `proptest`: strategies and an assertion for property tests with [`testing`].

extern crate self as burn_crown;

mod bound;
mod bounded;
pub mod certificate;
mod error;
mod graph;
mod ops;
mod perturbation;
pub mod recheck;
mod spec;
mod tensor;
pub mod testing;
mod trace;
pub mod train;
mod verifier;
mod weights;

pub use bound::{
    Analysis, BoundConfig, Bounds, LowerSlope, Method, Projections, Rounding, Statement, certified,
};
pub use bounded::{Bounded, Signature};
pub use burn_crown_macros::Bounded;
pub use error::{BoundError, TraceError};
pub use perturbation::{Input, Norm, Perturbation};
pub use spec::Specification;
pub use tensor::AnyTensor;
pub use trace::{GraphCache, Statistics};
pub use verifier::Verifier;
pub use weights::WeightPerturbation;

/// The README's examples, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// What the code made by the derive stands on.
#[doc(hidden)]
pub mod __private {
    pub use crate::bounded::Forward;
    #[cfg(feature = "proptest")]
    pub use proptest::test_runner::TestCaseError;
}
