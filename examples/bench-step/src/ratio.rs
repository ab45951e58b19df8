//! Which record a record is compared with.

use crate::arguments::Figure;
use crate::case::{Case, Task};
use crate::record::{OURS, Record};

/// The natural training step in PyTorch, of the same network on the same threads.
pub fn yardstick<'a>(record: &Record, records: &'a [Record]) -> Option<&'a Record> {
    natural_step(record, records, |other| other.program != OURS)
}

/// That to which a record's time has a steady ratio: the natural step of the same network, program,
/// backend and threads; for several workers, the same step on one.
///
/// None for those steps themselves, and for verification but of random weights on the embedded
/// digits: how long it takes depends on both.
pub fn base<'a>(record: &Record, records: &'a [Record]) -> Option<&'a Record> {
    let case: Case = record.case.parse().ok()?;
    match case.task {
        Task::Workers(_, 1) => None,
        Task::Workers(loss, _) => {
            let one = Case {
                network: case.network,
                task: Task::Workers(loss, 1),
            };
            let one = one.to_string();
            let same_size = |other: &&Record| other.case == one && other.batch == record.batch;
            records
                .iter()
                .filter(same_size)
                .find(|other| runs_alike(record, other))
        }
        Task::Verify(_)
            if record.weights.is_some() || record.images.as_deref() != Some("digits") =>
        {
            None
        }
        Task::Train(_) | Task::Verify(_) => {
            natural_step(record, records, |other| runs_alike(record, other))
                .filter(|other| other.case != record.case)
        }
    }
}

/// The same case on another backend of the same program.
pub fn on_backend<'a>(record: &Record, backend: &str, records: &'a [Record]) -> Option<&'a Record> {
    records.iter().find(|other| {
        other.program == record.program
            && other.case == record.case
            && (other.batch, other.threads) == (record.batch, record.threads)
            && (&other.weights, &other.images) == (&record.weights, &record.images)
            && other.backend == backend
    })
}

/// How many times as long as another record's its time is.
pub fn times(record: &Record, other: &Record, by: Figure) -> f64 {
    by.of(record.seconds) / by.of(other.seconds)
}

fn natural_step<'a>(
    record: &Record,
    records: &'a [Record],
    wanted: impl Fn(&Record) -> bool,
) -> Option<&'a Record> {
    let case: Case = record.case.parse().ok()?;
    let natural = case.natural_step().to_string();
    // What verifies has no batch of the yardstick: that has the usual one.
    let batch = match case.task {
        Task::Verify(_) => case.natural_step().batch(),
        Task::Train(_) | Task::Workers(..) => record.batch,
    };
    let mut records = records.iter();
    records.find(|other| {
        other.case == natural
            && (other.batch, other.threads) == (batch, record.threads)
            && wanted(other)
    })
}

fn runs_alike(record: &Record, other: &Record) -> bool {
    other.program == record.program
        && other.backend == record.backend
        && other.threads == record.threads
}
