//! Trains and certifies image classifiers with CROWN-IBP, from one experiment file.

use std::process::ExitCode;

use crown_ibp::models::ModelConfig;
use crown_ibp::program;

fn main() -> ExitCode {
    program::main::<ModelConfig>(&[])
}
