//! Records as `run` and `torch_step.py` print them.

use bench_step::case::Case;
use bench_step::record::{OURS, Record, Seconds};

/// A record of a case at its own size on one thread, with this median; the smallest time is half of
/// it.
pub(crate) fn record(case: &str, backend: &str, median: f64) -> Record {
    let parsed: Case = case.parse().unwrap();
    Record {
        program: if backend == "pytorch" { backend } else { OURS }.into(),
        version: "1".into(),
        case: case.into(),
        model: parsed.network.name().into(),
        method: parsed.method().into(),
        backend: backend.into(),
        batch: parsed.batch(),
        threads: 1,
        workers: parsed.workers(),
        seconds: Seconds {
            median,
            min: 0.5 * median,
        },
        repeats: 3,
        peak_bytes: None,
        seed: 1,
        epsilon: None,
        beta: None,
        kappa: None,
        clean_outputs: None,
        images: case.starts_with("verify").then(|| "digits".into()),
        certified: None,
        weights: None,
    }
}
