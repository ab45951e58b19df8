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

use bounded::{Bounded, Memory, alone};

const MEBIBYTE: usize = 1 << 20;

/// What a text may take, or a pickle: so many mebibytes, and a tree of values with copies of it.
fn parsed(mebibytes: usize) -> Memory {
    Memory {
        least: mebibytes * MEBIBYTE,
        per_byte: 400,
    }
}

/// What bytes may take that are kept as they are: so many mebibytes, and buffers that grow.
fn copied(mebibytes: usize) -> Memory {
    Memory {
        least: mebibytes * MEBIBYTE,
        per_byte: 8,
    }
}

#[test]
fn experiment_files() {
    let _alone = alone();
    Bounded::new("config", targets::config, parsed(4)).run(4000, valid::configs);
}

#[test]
fn idx_files() {
    let _alone = alone();
    // The largest data set of this form, and a buffer that grows.
    Bounded::new("idx", targets::idx, copied(160)).run(6000, valid::idx);
}

#[test]
fn cifar_files() {
    let _alone = alone();
    let target = Bounded::new("cifar", targets::cifar, copied(16));
    target.run_refused(2000, valid::short_cifar);
}

#[test]
fn whole_cifar_files() {
    let _alone = alone();
    // A file of 30 MiB out of a small archive, and its records.
    Bounded::new("whole-cifar", targets::cifar, copied(200)).run(30, valid::cifar);
}

#[test]
fn svhn_files() {
    let _alone = alone();
    Bounded::new("svhn", targets::svhn, copied(16)).run(3000, valid::svhn);
}

#[test]
fn weights() {
    let _alone = alone();
    Bounded::new("weights", targets::weights, parsed(16)).run(8000, valid::weights);
}

#[test]
fn certificates() {
    let _alone = alone();
    let target = Bounded::new("certificate", targets::certificate, parsed(16));
    target.run(4000, targets::valid_certificates);
}

#[test]
#[should_panic(expected = "makes it panic")]
fn a_target_that_panics_is_found() {
    let _alone = alone();
    let target = |bytes: &[u8]| match bytes.len() {
        3 => Err("too short".into()),
        _ => panic!("on purpose"),
    };
    Bounded::new("panics", target, copied(1)).run_refused(500, || vec![vec![1, 2, 3]]);
}

#[test]
#[should_panic(expected = "greedy: the input in")]
fn a_target_that_takes_what_its_input_asks_for_is_found() {
    let _alone = alone();
    let target = |bytes: &[u8]| {
        let length = bytes.first().copied().unwrap_or_default();
        let kept = Vec::<u8>::with_capacity(usize::from(length) * 4_000_000);
        Err(format!("{} bytes", kept.capacity()))
    };
    Bounded::new("greedy", target, copied(1)).run_refused(500, || vec![vec![0]]);
}
