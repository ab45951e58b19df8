//! What reads files, each as a function of the bytes of its input.
//!
//! A function panics if what it calls panics, or if something is accepted that must not be. It is
//! the entry of a fuzz target in `fuzz/` and of a bounded run beside this folder.

mod certificate;
mod checkpoint;
mod config;
mod data;
mod files;
mod weights;

pub(crate) use certificate::{certificate, valid_certificates};
pub(crate) use checkpoint::{checkpoint, resumed, valid_checkpoint};
pub(crate) use config::config;
pub(crate) use data::{ARCHIVE, PACKED, PLAIN, cifar, idx, svhn};
pub(crate) use files::{joined, put};
pub(crate) use weights::{mlp, weights};

/// Whether the input was accepted; if not, what the user is told.
pub(crate) type Outcome = Result<(), String>;
