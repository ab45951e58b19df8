//! The `main` of an example.

use std::process::ExitCode;

use burn::tensor::Device;
use clap::{Arg, Args, Command, FromArgMatches};
use crown_ibp::terminal::{complain, say};

use crate::error::ExampleError;
use crate::experiment::{Example, Settings};
use crate::table;

/// Reads the command line, runs the example and prints its tables.
pub fn main(example: &Example) -> ExitCode {
    let mut command = command(example);
    let matches = command.get_matches_mut();
    let settings = Settings::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match report(example, &settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The command line of an example: its own settings are the defaults.
pub fn command(example: &Example) -> Command {
    let Settings {
        epsilon,
        epochs,
        train_images,
        test_images,
        crown_images,
        seed,
    } = example.settings;
    let defaults = [
        ("epsilon", epsilon.to_string()),
        ("epochs", epochs.to_string()),
        ("train_images", train_images.to_string()),
        ("test_images", test_images.to_string()),
        ("crown_images", crown_images.to_string()),
        ("seed", seed.to_string()),
    ];
    // The texts come last: those of the settings' own documentation would replace them.
    let command = Settings::augment_args(Command::new(example.name))
        .about(example.about)
        .long_about(None)
        .after_help(example.lesson);
    let with_default = |command: Command, (name, value): (&str, String)| {
        // clap holds texts that live as long as the program.
        let value: &'static str = value.leak();
        command.mut_arg(name, |argument: Arg| {
            argument.required(false).default_value(value)
        })
    };
    defaults.into_iter().fold(command, with_default)
}

fn report(example: &Example, settings: &Settings) -> Result<(), ExampleError> {
    let report = (example.run)(settings, &Device::default())?;
    say(table::training(&report.training));
    say(table::errors(&report.rows));
    if !report.outputs.is_empty() {
        say(table::outputs(&report.outputs));
    }
    Ok(())
}
