//! Several devices and accumulated gradients through Burn's training loop: the same training as on
//! one device with larger batches, and an end where a worker fails.
#![allow(clippy::unwrap_used)]

mod digits;
mod equality;
mod failures;
#[path = "../plane/mod.rs"]
mod plane;
mod refused;
mod run;
