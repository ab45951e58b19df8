//! Bounds hold, requests agree with each other, and what is not a certificate is not given as one.
#![allow(clippy::unwrap_used)]

mod case;
mod certificates;
mod consistency;
mod edges;
mod errors;
mod fused;
mod random;
mod undefined;
