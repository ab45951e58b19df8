//! Progress of a training run on the terminal: a bar for the epoch under way, a line for each
//! epoch that is done.

use burn::train::logger::{EvaluationProgressLogger, TrainingProgressLogger};
use burn::train::metric::MetricDefinition;
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation,
    MetricsRendererTraining,
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::terminal::say;
use crate::training::{EpochFigures, Split};

/// A renderer for Burn's training loop that shows what certified training is about: ε, the loss,
/// the clean error and the verified error.
pub struct TrainingProgress {
    label: String,
    epoch: usize,
    epochs: usize,
    split: Split,
    bar: ProgressBar,
    figures: EpochFigures,
}

impl TrainingProgress {
    /// Progress of the training of the model that `label` names, from the figures that it fills in.
    pub fn new(label: impl Into<String>, figures: EpochFigures) -> Self {
        Self {
            label: label.into(),
            epoch: 0,
            epochs: 0,
            split: Split::Train,
            bar: ProgressBar::hidden(),
            figures,
        }
    }

    fn message(&self) -> String {
        let part = |name: &str, label: &str, unit: &str| {
            let value = self.figures.get(self.split, name)?;
            Some(format!("{label} {value:.3}{unit}"))
        };
        let parts = [
            part("Epsilon", "ε", ""),
            part("Loss", "loss", ""),
            part("Clean Error", "clean", " %"),
            part("Verified Error", "verified", " %"),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
    }
}

impl TrainingProgressLogger for TrainingProgress {
    fn start(
        &mut self,
        total_epochs: usize,
        starting_epoch: usize,
        _total_items: Option<usize>,
        _label: Option<&str>,
    ) {
        self.epochs = total_epochs;
        self.epoch = starting_epoch;
    }

    fn start_split(&mut self, split: &str, total_items: usize) {
        let what;
        (self.split, what) = match split.eq_ignore_ascii_case("train") {
            true => (Split::Train, "train"),
            false => (Split::Test, "test"),
        };
        if self.split == Split::Train {
            self.figures.begin();
        }
        let style = ProgressStyle::with_template(
            "{prefix} {wide_bar:.cyan/blue} {pos}/{len} {eta:>4}  {msg}",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar = ProgressBar::new(total_items as u64).with_style(style);
        self.bar.set_prefix(format!(
            "{} {}/{} {what}",
            self.label, self.epoch, self.epochs
        ));
    }

    fn update_split(&mut self, items_processed: usize) {
        self.bar.set_position(items_processed as u64);
        self.bar.set_message(self.message());
    }

    fn end_split(&mut self) {
        self.bar.finish_and_clear();
    }

    fn update_epoch(&mut self, epoch: usize) {
        let Self { label, epochs, .. } = self;
        let summary = self.figures.summary(epoch);
        say(format!("{label} epoch {epoch:>3}/{epochs}  {summary}"));
        self.epoch = epoch + 1;
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }

    fn log_event_training(&mut self, _event: String) {}
}

impl MetricsRendererTraining for TrainingProgress {
    fn update_train(&mut self, state: MetricState) {
        self.figures.record(Split::Train, state);
    }

    fn update_valid(&mut self, state: MetricState) {
        self.figures.record(Split::Test, state);
    }
}

impl MetricsRenderer for TrainingProgress {
    fn manual_close(&mut self) {}

    fn register_metric(&mut self, definition: MetricDefinition) {
        self.figures.register(definition);
    }
}

/// The renderer is for training; Burn asks for the rest in the same trait.
impl EvaluationProgressLogger for TrainingProgress {
    fn start_global_progress(&mut self, _total_tests: usize) {}
    fn start_test(&mut self, _name: &str, _total_items: usize) {}
    fn update_test_progress(&mut self, _items_processed: usize) {}
    fn end_test(&mut self) {}
    fn end_global_progress(&mut self) {}
    fn log_event_evaluation(&mut self, _event: String) {}
}

impl MetricsRendererEvaluation for TrainingProgress {
    fn update_test(&mut self, _name: EvaluationName, _state: MetricState) {}
}
