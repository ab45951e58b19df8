//! `Rounding::Sound`: bounds that hold in spite of floating-point rounding.
#![allow(clippy::unwrap_used)]

mod adversarial;
mod dense;
mod exact;
mod functions;
mod golden;
mod nets;
mod number;
mod products;
mod random;
mod refused;
mod stock;
