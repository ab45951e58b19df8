//! Timing cases, each in a process of its own.

use std::process::Command;

use crown_ibp::device;
use crown_ibp::terminal::{complain, say};

use crate::arguments::{Job, RunArguments};
use crate::case::Case;
use crate::error::BenchError;

/// How often OpenMP's threads, libtorch's, look for work before they sleep. By default they look on for
/// milliseconds, and where there are no more cores than threads the library's own loops wait for them.
const SPINS: (&str, &str) = ("GOMP_SPINCOUNT", "10000");

/// Times the cases, or lists them.
///
/// A case that fails does not keep the others from being timed.
///
/// # Errors
///
/// If a case or a backend is unknown, or if cases fail.
pub fn run(arguments: &RunArguments) -> Result<(), BenchError> {
    if arguments.list {
        list();
        return Ok(());
    }
    let jobs = jobs(arguments)?;
    let program = std::env::current_exe().map_err(BenchError::Start)?;
    let mut failed = Vec::new();
    for (index, job) in jobs.iter().enumerate() {
        complain(format!(
            "{}/{} {}, {}, {} threads",
            index + 1,
            jobs.len(),
            job.case,
            job.backend,
            job.threads
        ));
        let mut command = Command::new(&program);
        command.args(job.arguments()).envs(job.environment());
        let (spins, default) = SPINS;
        if std::env::var_os(spins).is_none() {
            command.env(spins, default);
        }
        let status = command.status().map_err(BenchError::Start)?;
        if !status.success() {
            failed.push((job.case.to_string(), status));
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(BenchError::Failed(failed)),
    }
}

/// The cases on each backend with each number of threads; those that are compared come together.
fn jobs(arguments: &RunArguments) -> Result<Vec<Job>, BenchError> {
    let cases = match &arguments.cases[..] {
        [] => Case::usual(),
        names => {
            let mut cases = Vec::new();
            for name in names {
                cases.extend(Case::named(name)?);
            }
            cases
        }
    };
    for backend in &arguments.backend {
        device::require(&[device::parse(Some(backend))?])?;
    }
    let mut jobs = Vec::new();
    for &threads in &arguments.threads {
        for backend in &arguments.backend {
            jobs.extend(cases.iter().map(|&case| Job {
                case,
                backend: backend.clone(),
                threads,
                settings: arguments.settings.clone(),
            }));
        }
    }
    Ok(jobs)
}

fn list() {
    for case in Case::all() {
        let note = if case.takes_long() {
            "; only if it is named"
        } else {
            ""
        };
        let name = case.to_string();
        say(format!("{name:<52} {}{note}", case.description()));
    }
}
