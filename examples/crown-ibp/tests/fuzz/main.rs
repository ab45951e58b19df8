//! Damaged and hostile files: what reads them neither panics nor hangs, and takes no more memory
//! than a file is worth.
//!
//! Each target has a stated number of inputs, which a seeded mutator makes of valid ones; the fuzz
//! targets in `fuzz/` have the same entries, and its page tells which variables ask for more.
#![cfg(feature = "flex")]
#![allow(clippy::unwrap_used)]

mod bounded;
mod checkpoints;
mod hostile;
mod mutator;
mod targets;
mod valid;

use bounded::Bounded;

const MEBIBYTE: usize = 1 << 20;

#[test]
fn experiment_files() {
    Bounded::new("config", targets::config, 4 * MEBIBYTE).run(4000, valid::configs);
}

#[test]
fn idx_files() {
    // The largest data set of this form, and a buffer that grows.
    Bounded::new("idx", targets::idx, 160 * MEBIBYTE).run(6000, valid::idx);
}

#[test]
fn cifar_files() {
    let target = Bounded::new("cifar", targets::cifar, 32 * MEBIBYTE);
    target.run_refused(2000, valid::short_cifar);
}

#[test]
fn whole_cifar_files() {
    // A file of 30 MiB, its records, and buffers that grow.
    Bounded::new("whole-cifar", targets::cifar, 200 * MEBIBYTE).run(30, valid::cifar);
}

#[test]
fn svhn_files() {
    Bounded::new("svhn", targets::svhn, 32 * MEBIBYTE).run(3000, valid::svhn);
}

#[test]
fn weights() {
    Bounded::new("weights", targets::weights, 32 * MEBIBYTE).run(8000, valid::weights);
}

#[test]
fn certificates() {
    let target = Bounded::new("certificate", targets::certificate, 16 * MEBIBYTE);
    target.run(4000, targets::valid_certificates);
}
