//! See `--help`, or [`architectures::transformer`].

use std::process::ExitCode;

fn main() -> ExitCode {
    architectures::program::main(&architectures::transformer::EXAMPLE)
}
