//! The tables that the program prints.

use comfy_table::{CellAlignment, Table, presets};

use crate::evaluation::Errors;

/// The errors of a model, for a table.
#[derive(Clone, Debug)]
pub struct Row {
    /// The model's name.
    pub model: String,
    /// How it was verified, such as `IBP, ε 0.3`.
    pub method: String,
    /// Its errors.
    pub errors: Errors,
}

/// A table with a row for each model and, for several, their minimum, median, mean and maximum.
pub fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_header([
        "model",
        "images",
        "clean error %",
        "verified error %",
        "verified by",
    ]);
    let percent = |value: Option<f64>| value.map_or_else(|| "—".into(), |v| format!("{v:.2}"));
    for Row {
        model,
        method,
        errors,
    } in rows
    {
        table.add_row([
            model.clone(),
            errors.images.to_string(),
            percent(Some(errors.clean)),
            percent(errors.verified),
            method.clone(),
        ]);
    }
    if rows.len() > 1 {
        let clean = statistics(rows.iter().map(|row| row.errors.clean).collect());
        let verified = statistics(rows.iter().filter_map(|row| row.errors.verified).collect());
        for (index, name) in ["minimum", "median", "mean", "maximum"]
            .into_iter()
            .enumerate()
        {
            table.add_row([
                name.to_string(),
                String::new(),
                percent(clean.map(|values| values[index])),
                percent(verified.map(|values| values[index])),
                String::new(),
            ]);
        }
    }
    for column in 1..4 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Minimum, median, mean and maximum.
fn statistics(mut values: Vec<f64>) -> Option<[f64; 4]> {
    values.sort_by(f64::total_cmp);
    let (first, last) = (*values.first()?, *values.last()?);
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 {
        values[middle]
    } else {
        0.5 * (values[middle - 1] + values[middle])
    };
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    Some([first, median, mean, last])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_several_models() {
        assert_eq!(statistics(vec![]), None);
        assert_eq!(statistics(vec![3.0, 1.0, 8.0]), Some([1.0, 3.0, 4.0, 8.0]));
        assert_eq!(
            statistics(vec![1.0, 2.0, 4.0, 9.0]),
            Some([1.0, 3.0, 4.0, 9.0])
        );
    }

    #[test]
    fn a_model_that_was_not_verified_has_no_figure() {
        let errors = Errors {
            images: 10,
            clean: 12.5,
            verified: None,
        };
        let row = Row {
            model: "net".into(),
            method: "—".into(),
            errors,
        };
        let text = table(&[row]).to_string();
        assert!(text.contains("12.50") && text.contains('—'), "{text}");
        assert!(!text.contains("median"), "{text}");
    }
}
