//! The figures beside the targets.

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};

use crate::arguments::Figure;
use crate::case::{Case, Task};
use crate::ratio::{base, on_backend, times, yardstick};
use crate::record::{OURS, Record};
use crate::target::{FLEX_TO_LIBTORCH, TWO_WORKERS, Target, target};

/// A record and its figures.
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
    /// The figures, as far as there is something to compare with.
    pub figures: Vec<Compared>,
}

/// A figure, and what it should be.
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
    /// The largest memory of the process, in bytes.
    Memory,
}

impl With {
    /// All of them, in the order of the table's columns.
    const ALL: [Self; 4] = [
        Self::Yardstick,
        Self::Libtorch,
        Self::OneWorker,
        Self::Memory,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Yardstick => "× PyTorch natural",
            Self::Libtorch => "× libtorch",
            Self::OneWorker => "× one worker",
            Self::Memory => "memory",
        }
    }
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
        .map(|record| Row {
            case: record.case.clone(),
            backend: record.backend.clone(),
            threads: record.threads,
            seconds: by.of(record.seconds),
            figures: figures(record, records, by),
        })
        .collect()
}

fn figures(record: &Record, records: &[Record], by: Figure) -> Vec<Compared> {
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
    if let Some(bytes) = record.peak_bytes {
        all.push(Compared {
            with: With::Memory,
            value: bytes as f64,
            limit: target.bytes.map(|bytes| bytes as f64),
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

/// The rows as a table in Markdown: a column for each kind of figure, with its limit in brackets, and
/// one that says whether all limits are kept.
pub fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    let mut header = vec!["case", "backend", "threads", "time"];
    header.extend(With::ALL.map(With::title));
    header.push("target met");
    let columns = header.len();
    table
        .load_preset(presets::ASCII_MARKDOWN)
        .set_header(header);
    for row in rows {
        let mut cells = vec![
            row.case.clone(),
            row.backend.clone(),
            row.threads.to_string(),
            duration(row.seconds),
        ];
        cells.extend(With::ALL.map(|with| {
            let figure = row.figures.iter().find(|figure| figure.with == with);
            figure.map(Compared::to_string).unwrap_or_default()
        }));
        let met: Vec<bool> = row.figures.iter().filter_map(Compared::is_met).collect();
        cells.push(match &met[..] {
            [] => String::new(),
            met if met.iter().all(|&met| met) => "yes".into(),
            _ => "no".into(),
        });
        table.add_row(cells);
    }
    for column in 2..columns - 1 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// The value, and the limit in brackets.
impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: f64| match self.with {
            With::Memory => format!("{:.0} MB", value / 1e6),
            With::Yardstick | With::Libtorch | With::OneWorker if value >= 100.0 => {
                format!("{value:.0}")
            }
            With::Yardstick | With::Libtorch | With::OneWorker => format!("{value:.2}"),
        };
        let sign = match self.with {
            With::Yardstick | With::Libtorch | With::Memory => '≤',
            With::OneWorker => '≥',
        };
        f.write_str(&shown(self.value))?;
        match self.limit {
            Some(limit) => write!(f, " ({sign} {})", shown(limit)),
            None => Ok(()),
        }
    }
}

fn duration(seconds: f64) -> String {
    match seconds < 1.0 {
        true => format!("{:.1} ms", 1e3 * seconds),
        false => format!("{seconds:.2} s"),
    }
}
