//! Soundness of Burn's stock modules, as they are, with random settings, weights and regions.
//!
//! `BURN_CROWN_CASES=10000 cargo test -p burn-crown-tests --test stock gru` runs as many cases of a
//! module (256 otherwise). A case is drawn from its number alone; `BURN_CROWN_CASE=17` runs that one.
#![allow(clippy::unwrap_used)]

mod attack;
mod attention;
mod case;
mod check;
mod draw;
mod gru;
mod lstm;
mod masks;
mod resnet;
mod transformer;
