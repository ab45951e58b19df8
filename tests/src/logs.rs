//! What Burn's training loop writes to its folder.

use std::path::Path;

/// The values that Burn's file logger wrote for the batches of an epoch; `split` is `train` or
/// `valid`.
///
/// # Panics
///
/// If there is no such log.
pub fn logged(folder: &Path, split: &str, epoch: usize, metric: &str) -> Vec<f64> {
    let file = folder
        .join(split)
        .join(format!("epoch-{epoch}"))
        .join(format!("{metric}.log"));
    let text = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.lines()
        .filter(|line| !line.ends_with("final"))
        .map(|line| {
            let value = line.split(',').next().unwrap_or_default();
            value.parse().expect("a row begins with the value")
        })
        .collect()
}
