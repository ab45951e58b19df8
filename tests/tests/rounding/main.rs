//! `Rounding::Sound`: bounds that hold in spite of floating-point rounding.
#![allow(clippy::unwrap_used)]

mod adversarial;
mod dense;
mod exact;
mod golden;
mod nets;
mod number;
mod random;
mod refused;
