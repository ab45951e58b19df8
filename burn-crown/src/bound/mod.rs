//! The bound methods, written once for all operators.

mod analysis;
mod backward;
mod config;
mod crown;
mod intervals;
mod projections;

pub(crate) use crate::perturbation::Input;
pub use analysis::{Analysis, Bounds, certified};
pub use config::{BoundConfig, LowerSlope, Method, Projections};
