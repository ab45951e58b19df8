//! The figures beside the targets.

use comfy_table::{CellAlignment, Table, presets};

use crate::arguments::Figure;
use crate::case::{Case, Task};
use crate::ratio::{base, on_backend, times, yardstick};
use crate::record::{OURS, Record};
use crate::target::{FLEX_TO_LIBTORCH, TWO_WORKERS, Target, target};

/// A figure of a record, and what it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The name of the case.
    pub case: String,
    /// What computed.
    pub backend: String,
    /// The threads of each worker.
    pub threads: usize,
    /// The seconds, by the figure that counts.
    pub seconds: f64,
    /// The largest memory of the process in bytes, where it is known.
    pub peak_bytes: Option<u64>,
    /// What is compared; none where there is nothing to compare with.
    pub compared: Option<Compared>,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// With what.
    pub with: With,
    /// The figure, in multiples or bytes.
    pub value: f64,
    /// Its limit; for several workers the least, else the most.
    pub limit: Option<f64>,
}

/// What a record is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum With {
    /// The time, in multiples of PyTorch's natural step.
    Yardstick,
    /// The time, in multiples of that on libtorch.
    Libtorch,
    /// The throughput, in multiples of that of one worker.
    OneWorker,
    /// The memory, in bytes.
    Memory,
}

impl Compared {
    /// Whether the figure keeps its limit, if it has one.
    pub fn is_met(&self) -> Option<bool> {
        let limit = self.limit?;
        Some(match self.with {
            With::OneWorker => self.value >= limit,
            With::Yardstick | With::Libtorch | With::Memory => self.value <= limit,
        })
    }
}

/// The figures of all records, case by case.
pub fn rows(records: &[Record], by: Figure) -> Vec<Row> {
    let cases: Vec<String> = Case::all().iter().map(Case::to_string).collect();
    let place = |record: &Record| cases.iter().position(|case| *case == record.case);
    let mut sorted: Vec<&Record> = records.iter().collect();
    sorted.sort_by_key(|record| {
        (
            place(record),
            record.threads,
            record.program == OURS,
            &record.backend,
        )
    });
    sorted
        .into_iter()
        .flat_map(|record| {
            let compared = compared(record, records, by);
            let compared = match compared.is_empty() {
                true => vec![None],
                false => compared.into_iter().map(Some).collect(),
            };
            compared.into_iter().map(|compared| Row {
                case: record.case.clone(),
                backend: record.backend.clone(),
                threads: record.threads,
                seconds: by.of(record.seconds),
                peak_bytes: record.peak_bytes,
                compared,
            })
        })
        .collect()
}

fn compared(record: &Record, records: &[Record], by: Figure) -> Vec<Compared> {
    let target = limits(record);
    let mut all = Vec::new();
    if let Some(yardstick) = yardstick(record, records) {
        all.push(Compared {
            with: With::Yardstick,
            value: times(record, yardstick, by),
            limit: target.times.filter(|_| record.backend == "libtorch"),
        });
    }
    if record.backend == "flex"
        && let Some(libtorch) = on_backend(record, "libtorch", records)
    {
        all.push(Compared {
            with: With::Libtorch,
            value: times(record, libtorch, by),
            limit: Some(FLEX_TO_LIBTORCH),
        });
    }
    if record.workers > 1
        && let Some(one) = base(record, records)
    {
        all.push(Compared {
            with: With::OneWorker,
            value: times(one, record, by),
            limit: (record.workers == 2).then_some(TWO_WORKERS),
        });
    }
    if let (Some(bytes), Some(limit)) = (record.peak_bytes, target.bytes) {
        all.push(Compared {
            with: With::Memory,
            value: bytes as f64,
            limit: Some(limit as f64),
        });
    }
    all
}

/// The limits that apply to a record: none to the yardstick's program, to a case of another size,
/// or to one with random weights that should have trained ones.
fn limits(record: &Record) -> Target {
    let Ok(case) = record.case.parse::<Case>() else {
        return Target::default();
    };
    let untrained = match case.task {
        Task::Verify(what) => what.trained && record.weights.is_none(),
        Task::Train(_) | Task::Workers(..) => false,
    };
    match record.program != OURS || record.batch != case.batch() || untrained {
        true => Target::default(),
        false => target(&case),
    }
}

/// The rows as a table in Markdown.
pub fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header([
        "case", "backend", "threads", "time", "memory", "figure", "is", "target", "met",
    ]);
    for row in rows {
        let (figure, value, limit, met) = match &row.compared {
            None => Default::default(),
            Some(compared) => compared.cells(),
        };
        table.add_row([
            row.case.clone(),
            row.backend.clone(),
            row.threads.to_string(),
            duration(row.seconds),
            row.peak_bytes.map(megabytes).unwrap_or_default(),
            figure,
            value,
            limit,
            met,
        ]);
    }
    for column in [2, 3, 4, 6, 7] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

impl Compared {
    /// The words for what is compared, its value, its limit, and whether it keeps it.
    fn cells(&self) -> (String, String, String, String) {
        let (figure, sign) = match self.with {
            With::Yardstick => ("× PyTorch natural", '≤'),
            With::Libtorch => ("× libtorch", '≤'),
            With::OneWorker => ("× one worker", '≥'),
            With::Memory => ("memory", '≤'),
        };
        let shown = |value: f64| match self.with {
            With::Memory => megabytes(value as u64),
            With::Yardstick | With::Libtorch | With::OneWorker if value >= 100.0 => {
                format!("{value:.0}")
            }
            With::Yardstick | With::Libtorch | With::OneWorker => format!("{value:.2}"),
        };
        let limit = self.limit.map(|limit| format!("{sign} {}", shown(limit)));
        let met = self.is_met().map(|met| if met { "yes" } else { "no" });
        (
            figure.into(),
            shown(self.value),
            limit.unwrap_or_default(),
            met.unwrap_or_default().into(),
        )
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

fn duration(seconds: f64) -> String {
    match seconds < 1.0 {
        true => format!("{:.1} ms", 1e3 * seconds),
        false => format!("{seconds:.2} s"),
    }
}
