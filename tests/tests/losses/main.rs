//! What a training step minimises: each option of the objective against its formula, and its
//! gradient against central differences in `f64`.
#![allow(clippy::unwrap_used)]

mod clean;
mod estimates;
mod formula;
mod fused;
mod penalties;
#[path = "../plane/mod.rs"]
mod plane;
mod runner_up;
mod setup;
