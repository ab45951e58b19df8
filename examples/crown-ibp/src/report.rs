//! The tables that the program prints.

use std::path::PathBuf;

use burn_crown::Norm;
use comfy_table::{CellAlignment, Table, presets};

use crate::evaluation::Errors;

/// The errors of a model, for a table.
#[derive(Clone, Debug)]
pub struct Row {
    /// The model's name.
    pub model: String,
    /// The file that it was read from.
    pub file: PathBuf,
    /// How it was verified, such as `IBP, ε 0.3`.
    pub method: String,
    /// Its errors.
    pub errors: Errors,
}

impl Row {
    /// The text of an evaluation's log.
    pub fn to_log(&self) -> String {
        let Self {
            file,
            method,
            errors,
            ..
        } = self;
        format!(
            "# crown-ibp {}\n# model: {}\n# verified by: {method}\nimages\tclean_error\t\
             verified_error\n{}\t{}\t{}\n",
            env!("CARGO_PKG_VERSION"),
            file.display(),
            errors.images,
            errors.clean,
            errors
                .verified
                .map_or_else(|| "nan".into(), |error| error.to_string()),
        )
    }

    fn file_name(&self) -> String {
        let name = self.file.file_name().unwrap_or(self.file.as_os_str());
        name.to_string_lossy().into()
    }
}

/// The name of a norm, such as `L2`.
pub fn norm_name(norm: Norm) -> String {
    match norm {
        Norm::Linf => "L∞".into(),
        Norm::L2 => "L2".into(),
        Norm::L1 => "L1".into(),
        Norm::Lp(exponent) => format!("L{exponent}"),
    }
}

/// A table with a row for each model, and below it for several models their minimum, median, mean
/// and maximum, and which models they are.
pub fn report(rows: &[Row]) -> String {
    let mut text = models(rows).to_string();
    if rows.len() > 1 {
        text.push('\n');
        text.push_str(&statistics(rows).to_string());
    }
    text
}

fn models(rows: &[Row]) -> Table {
    let mut table = new_table(&[
        "model",
        "images",
        "clean error %",
        "verified error %",
        "verified by",
        "file",
    ]);
    for row in rows {
        table.add_row([
            row.model.clone(),
            row.errors.images.to_string(),
            percent(Some(row.errors.clean)),
            percent(row.errors.verified),
            row.method.clone(),
            row.file_name(),
        ]);
    }
    align_right(&mut table, &[1, 2, 3]);
    table
}

fn statistics(rows: &[Row]) -> Table {
    let mut table = new_table(&[
        "of all models",
        "clean error %",
        "of",
        "verified error %",
        "of",
        "its clean error %",
    ]);
    let clean = Statistic::of(rows, |row| Some(row.errors.clean));
    let verified = Statistic::of(rows, |row| row.errors.verified);
    let names = ["minimum", "median", "mean", "maximum"];
    for ((name, clean), verified) in names.into_iter().zip(clean).zip(verified) {
        table.add_row([
            name.to_string(),
            percent(clean.value),
            clean.listed(|row| row.model.clone()),
            percent(verified.value),
            verified.listed(|row| row.model.clone()),
            verified.listed(|row| percent(Some(row.errors.clean))),
        ]);
    }
    align_right(&mut table, &[1, 3, 5]);
    table
}

/// A value that sums up a figure over the models.
#[derive(Default)]
struct Statistic<'a> {
    /// None if no model has the figure.
    value: Option<f64>,
    /// The models that it is of: of a median between two, both; of a mean, none.
    models: Vec<&'a Row>,
}

impl<'a> Statistic<'a> {
    /// Minimum, median, mean and maximum of a figure over the models that have it.
    fn of(rows: &'a [Row], figure: impl Fn(&Row) -> Option<f64>) -> [Self; 4] {
        let mut found: Vec<(f64, &Row)> = rows
            .iter()
            .filter_map(|row| Some((figure(row)?, row)))
            .collect();
        found.sort_by(|one, other| one.0.total_cmp(&other.0));
        let count = found.len();
        if count == 0 {
            return Default::default();
        }
        let mean = |of: &[(f64, &Row)]| {
            let sum: f64 = of.iter().map(|(value, _)| value).sum();
            Some(sum / of.len() as f64)
        };
        let of_models = |of: &[(f64, &'a Row)]| Self {
            value: mean(of),
            models: of.iter().map(|(_, row)| *row).collect(),
        };
        [
            of_models(&found[..1]),
            of_models(&found[(count - 1) / 2..=count / 2]),
            Self {
                value: mean(&found),
                models: Vec::new(),
            },
            of_models(&found[count - 1..]),
        ]
    }

    fn listed(&self, word: impl Fn(&Row) -> String) -> String {
        let words: Vec<_> = self.models.iter().map(|row| word(row)).collect();
        words.join(", ")
    }
}

fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_BORDERS_ONLY)
        .set_header(header);
    table
}

fn align_right(table: &mut Table, columns: &[usize]) {
    for &column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "—".into(), |value| format!("{value:.2}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn row(model: &str, clean: f64, verified: Option<f64>) -> Row {
        Row {
            model: model.into(),
            file: format!("runs/{model}_best.bpk").into(),
            method: "IBP, ε 0.3".into(),
            errors: Errors {
                images: 10,
                clean,
                verified,
            },
        }
    }

    fn found(rows: &[Row]) -> [(Option<f64>, String); 4] {
        Statistic::of(rows, |row| row.errors.verified)
            .map(|statistic| (statistic.value, statistic.listed(|row| row.model.clone())))
    }

    fn expected(all: [(f64, &str); 4]) -> [(Option<f64>, String); 4] {
        all.map(|(value, models)| (Some(value), models.into()))
    }

    #[test]
    fn statistics_name_their_models() {
        let rows = [("a", 3.0), ("b", 1.0), ("c", 8.0), ("d", 4.0)]
            .map(|(model, error)| row(model, 0.0, Some(error)));
        let nothing = [(None, String::new()), (None, String::new())];
        assert_eq!(found(&[])[..2], nothing);
        assert_eq!(found(&[row("a", 1.0, None)])[2..], nothing);
        assert_eq!(
            found(&rows[..1]),
            expected([(3.0, "a"), (3.0, "a"), (3.0, ""), (3.0, "a")])
        );
        assert_eq!(
            found(&rows[..3]),
            expected([(1.0, "b"), (3.0, "a"), (4.0, ""), (8.0, "c")])
        );
        assert_eq!(
            found(&rows),
            expected([(1.0, "b"), (3.5, "a, d"), (4.0, ""), (8.0, "c")])
        );
    }

    #[test]
    fn several_models_have_a_second_table() {
        let rows = [
            row("one", 12.5, Some(40.0)),
            row("two", 7.25, Some(50.0)),
            row("three", 9.0, None),
        ];
        let text = report(&rows);
        let line = |name: &str| {
            let line = text.lines().find(|line| line.contains(name)).unwrap();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            line("one_best.bpk"),
            "│ one 10 12.50 40.00 IBP, ε 0.3 one_best.bpk │"
        );
        assert_eq!(line("minimum"), "│ minimum 7.25 two 40.00 one 12.50 │");
        assert_eq!(
            line("median"),
            "│ median 9.00 three 45.00 one, two 12.50, 7.25 │"
        );
        assert_eq!(line("maximum"), "│ maximum 12.50 one 50.00 two 7.25 │");
        assert!(!report(&rows[..1]).contains("median"));
    }

    #[test]
    fn a_model_that_was_not_verified_has_no_figure() {
        let rows = [row("net", 12.5, None)];
        assert!(report(&rows).contains('—'));
        assert!(rows[0].to_log().ends_with("10\t12.5\tnan\n"));
    }
}
