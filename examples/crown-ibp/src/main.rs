//! Trains and certifies image classifiers with CROWN-IBP, from one experiment file.

use std::process::ExitCode;

use clap::Parser;
use crown_ibp::program::{CommandLine, run};

fn main() -> ExitCode {
    match run(CommandLine::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
