//! Bounds of batch normalisation with the statistics of the clean batch.
#![allow(clippy::unwrap_used)]

mod gradients;
mod layers;
mod networks;
mod setup;
mod steps;
mod training;
