//! See `--help`, or [`architectures::resnet`].

use std::process::ExitCode;

fn main() -> ExitCode {
    architectures::program::main(&architectures::resnet::EXAMPLE)
}
