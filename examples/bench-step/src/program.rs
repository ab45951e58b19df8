//! The `main` of the program.

use std::process::ExitCode;

use clap::Parser;
use crown_ibp::memory;
use crown_ibp::terminal::{complain, say};

use crate::arguments::{CheckArguments, Command, CommandLine, Job, TableArguments};
use crate::case::Task;
use crate::check::Ratios;
use crate::error::BenchError;
use crate::{measure, record, run, table};

/// Runs the command line, and prints what is wrong.
pub fn main() -> ExitCode {
    let command = CommandLine::parse().command;
    let done = match &command {
        Command::Run(arguments) => run::run(arguments),
        Command::Measure(job) => measured(job),
        Command::Table(arguments) => tabulated(arguments),
        Command::Check(arguments) => checked(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn measured(job: &Job) -> Result<(), BenchError> {
    for (variable, wanted) in job.environment() {
        let found = std::env::var(variable).unwrap_or_else(|_| "not set".into());
        if found != wanted {
            return Err(BenchError::Threads {
                variable,
                found,
                wanted,
            });
        }
    }
    match job.case.task {
        Task::Train(_) | Task::Workers(..) => memory::keep_freed(),
        Task::Verify(_) => memory::keep_small_freed(),
    }
    let record = measure::measure(job)?;
    say(serde_json::to_string(&record).map_err(BenchError::Json)?);
    Ok(())
}

fn tabulated(arguments: &TableArguments) -> Result<(), BenchError> {
    let records = record::read(&arguments.files)?;
    say(table::table(&table::rows(&records, arguments.by)));
    Ok(())
}

fn checked(arguments: &CheckArguments) -> Result<(), BenchError> {
    let CheckArguments {
        files,
        against,
        write,
        by,
    } = arguments;
    let records = record::read(files)?;
    if *write {
        let ratios = match against.exists() {
            true => Ratios::read(against)?,
            false => Ratios::default(),
        };
        return ratios.with(&records, *by)?.write(against);
    }
    let findings = Ratios::read(against)?.compare(&records, *by)?;
    findings.iter().for_each(say);
    match findings
        .iter()
        .filter(|finding| finding.is_failure())
        .count()
    {
        0 => Ok(()),
        count => Err(BenchError::Regression { count }),
    }
}
