//! What a training run shows while it runs.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over the steps of a training run; it shows only on a terminal.
pub fn training_bar(steps: usize) -> ProgressBar {
    let template = "training {wide_bar:.cyan/blue} {pos}/{len} {eta:>4}  {msg}";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(steps as u64).with_style(style)
}

/// Moves the bar by a step, and says which radius and loss it had.
pub fn advance(bar: &ProgressBar, epsilon: f64, loss: f64) {
    bar.set_message(format!("ε {epsilon:.3}  loss {loss:.3}"));
    bar.inc(1);
}
