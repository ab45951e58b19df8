//! The independent checker: its bounds hold, and are those of the library.
#![allow(clippy::unwrap_used)]

mod bounds;
mod networks;
mod refused;
