//! The sub-commands of the program.

mod arguments;
mod error;
mod evaluate;
mod export;
mod session;
mod train;
mod verify_certificate;
mod weights;

pub use arguments::CommandLine;
pub use error::{ProgramError, Standstill};

use std::process::ExitCode;

use clap::Parser;

use arguments::Command;
use session::Session;

use crate::data::CustomDataset;
use crate::memory;
use crate::models::Architecture;
use crate::terminal::complain;

/// The `main` of a program: runs the command line, and prints what is wrong.
///
/// See [`run`] for the models and datasets.
pub fn main<A: Architecture>(datasets: &'static [CustomDataset]) -> ExitCode {
    let command_line = CommandLine::parse();
    match command_line.command {
        Command::Train(_) => memory::keep_freed(),
        _ => memory::keep_small_freed(),
    }
    match run::<A>(command_line, datasets) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs a command line. Experiment files name the model classes that `A` reads, which are the
/// reference program's for [`ModelConfig`](crate::models::ModelConfig), and this crate's datasets
/// or the custom ones.
///
/// # Errors
///
/// [`ProgramError`], to be shown to the user.
pub fn run<A: Architecture>(
    command_line: CommandLine,
    datasets: &'static [CustomDataset],
) -> Result<(), ProgramError> {
    match command_line.command {
        Command::Train(arguments) => {
            Session::<A>::open(&arguments.experiment, datasets, Some(&arguments.parallel))?
                .train(&arguments)
        }
        Command::Eval(arguments) => {
            Session::<A>::open(&arguments.experiment, datasets, None)?.evaluate(&arguments)
        }
        Command::VerifyCertificate(arguments) => {
            Session::<A>::open(&arguments.experiment, datasets, None)?
                .verify_certificates(&arguments)
        }
        Command::Export(arguments) => arguments.run::<A>(datasets),
    }
}
