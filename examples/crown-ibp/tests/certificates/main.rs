//! Certificates as a user gets and checks them.
#![allow(clippy::unwrap_used)]

#[path = "../support/program.rs"]
mod support;

mod confirmed;
mod damaged;
mod tampered;
mod workspace;
