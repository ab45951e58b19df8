//! Files of certificates: a line of JSON for each image that was evaluated, certified or not.
//!
//! [`Issuer`] makes the certificates of a model, [`read`] and [`write`](write()) are the form of
//! the file, [`Checker`] bounds the margins of a certificate anew and compares, and [`Tally`] counts
//! what it finds.

mod check;
mod issue;
mod tally;

pub use check::{Checker, Verdict};
pub use issue::Issuer;
pub use tally::Tally;

use std::io::Write;
use std::path::Path;

use burn_crown::certificate::Certificate;

use crate::storage::{StorageError, write_atomically};

/// Writes a file of certificates; what was there before stays until the file is whole.
///
/// # Errors
///
/// [`StorageError`]; an old file is then unchanged.
pub fn write(path: impl AsRef<Path>, certificates: &[Certificate]) -> Result<(), StorageError> {
    write_atomically(path, |file| {
        let mut file = std::io::BufWriter::new(file);
        for certificate in certificates {
            serde_json::to_writer(&mut file, certificate)?;
            file.write_all(b"\n")?;
        }
        file.flush()
    })
}

/// The lines of a file of certificates with their numbers, from 1; empty ones are left out.
pub fn lines(file: &[u8]) -> Vec<(usize, &[u8])> {
    let lines = file.split(|&byte| byte == b'\n');
    (1..)
        .zip(lines)
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .collect()
}

/// Reads a line of a file of certificates.
///
/// # Errors
///
/// What is wrong with it.
pub fn read(line: &[u8]) -> Result<Certificate, String> {
    let certificate: Certificate =
        serde_json::from_slice(line).map_err(|error| error.to_string())?;
    certificate.check()?;
    Ok(certificate)
}
