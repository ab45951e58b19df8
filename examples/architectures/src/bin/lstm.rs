//! See `--help`, or [`architectures::lstm`].

use std::process::ExitCode;

fn main() -> ExitCode {
    architectures::program::main(&architectures::lstm::EXAMPLE)
}
