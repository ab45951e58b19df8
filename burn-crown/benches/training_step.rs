//! Seconds per training step.
fn main() {}
