//! The bound methods, written once for all operators.

mod account;
mod analysis;
mod backward;
mod bounds;
mod computed;
mod config;
mod crown;
mod finite;
mod forward;
mod ground;
mod intervals;
mod linear;
mod open;
mod probe;
mod projections;
pub(crate) mod rounding;
mod step;
mod windows;

pub(crate) use crate::perturbation::Input;
pub use analysis::Analysis;
pub use bounds::{Bounds, certified};
pub use config::{BoundConfig, LowerSlope, Method, Projections};
pub(crate) use finite::Part;
pub(crate) use probe::Probe;
pub use rounding::{Rounding, Statement};
