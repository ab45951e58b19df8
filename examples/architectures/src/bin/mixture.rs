//! See `--help`, or [`architectures::mixture`].

use std::process::ExitCode;

fn main() -> ExitCode {
    architectures::program::main(&architectures::mixture::EXAMPLE)
}
