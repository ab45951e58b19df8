//! Timing one case in this process.

mod clock;
mod images;
mod memory;
mod networks;
mod training;
mod verification;
mod workers;

use crate::arguments::Job;
use crate::case::Task;
use crate::error::BenchError;
use crate::record::{OURS, Record, Seconds};

/// What a case measures beside memory.
struct Measured {
    /// The seconds of each repetition.
    times: Vec<f64>,
    /// The images of each.
    batch: usize,
    epsilon: Option<f64>,
    beta: Option<f64>,
    kappa: Option<f64>,
    clean_outputs: Option<bool>,
    images: Option<String>,
    certified: Option<usize>,
    weights: Option<String>,
}

/// Times a case. The threads are those that this process has.
///
/// # Errors
///
/// If the backend is not there, or if images, weights or model do not do.
pub fn measure(job: &Job) -> Result<Record, BenchError> {
    let device = crown_ibp::device::parse(Some(&job.backend))?;
    crown_ibp::device::require(std::slice::from_ref(&device))?;
    let network = job.case.network;
    let measured = match job.case.task {
        Task::Train(loss) => training::measure(network, loss, &job.settings, &device),
        Task::Workers(loss, count) => {
            workers::measure(network, loss, count, &job.settings, &device)
        }
        Task::Verify(what) => verification::measure(network, &what, &job.settings, &device),
    }?;
    let repeats = measured.times.len();
    let seconds = Seconds::of(measured.times)
        .ok_or_else(|| BenchError::Training("no step was timed".into()))?;
    Ok(Record {
        program: OURS.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        case: job.case.to_string(),
        model: network.name().into(),
        method: job.case.method().into(),
        backend: job.backend.clone(),
        batch: measured.batch,
        threads: job.threads,
        workers: job.case.workers(),
        seconds,
        repeats,
        peak_bytes: memory::peak(),
        seed: job.settings.seed,
        epsilon: measured.epsilon,
        beta: measured.beta,
        kappa: measured.kappa,
        clean_outputs: measured.clean_outputs,
        images: measured.images,
        certified: measured.certified,
        weights: measured.weights,
    })
}
