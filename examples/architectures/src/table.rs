//! What the programs print.

use comfy_table::{CellAlignment, Table, presets};

use crate::certificate::{OutputBounds, Row};
use crate::training::Training;

/// A line about training.
pub fn training(training: &Training) -> String {
    let Training {
        loss_before,
        loss_after,
        seconds,
    } = training;
    format!(
        "trained in {seconds:.0} s: robust loss of the test images {loss_before:.2} before, \
         {loss_after:.2} after"
    )
}

/// The errors of a model, a row for each region and method.
pub fn errors(rows: &[Row]) -> Table {
    let header = [
        "region",
        "method",
        "images",
        "clean error %",
        "verified error %",
        "seconds",
    ];
    let cells = rows.iter().map(|row| {
        [
            row.region.clone(),
            row.method.to_string(),
            row.images.to_string(),
            format!("{:.1}", row.clean_error),
            format!("{:.1}", row.verified_error),
            format!("{:.1}", row.seconds),
        ]
    });
    table(header, cells, 2)
}

/// The outputs of one sample with their bounds.
pub fn outputs(outputs: &[OutputBounds]) -> Table {
    let header = ["class", "lower bound", "output", "upper bound"];
    let cells = outputs.iter().map(|output| {
        let [lower, at, upper] = [output.lower, output.output, output.upper];
        [
            output.class.to_string(),
            format!("{lower:.3}"),
            format!("{at:.3}"),
            format!("{upper:.3}"),
        ]
    });
    table(header, cells, 0)
}

/// A table whose columns from `numbers` on are aligned as numbers.
fn table<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
    numbers: usize,
) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_BORDERS_ONLY)
        .set_header(header)
        .add_rows(rows);
    for column in table.column_iter_mut().skip(numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
