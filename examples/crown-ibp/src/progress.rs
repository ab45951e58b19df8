//! Progress of a training run on the terminal: a bar for the epoch under way, a line for each
//! epoch that is done.
#![allow(clippy::print_stdout, reason = "a program prints its results")]

use std::collections::HashMap;
use std::time::Instant;

use burn::train::logger::{EvaluationProgressLogger, TrainingProgressLogger};
use burn::train::metric::{MetricDefinition, MetricId, NumericEntry};
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation,
    MetricsRendererTraining,
};
use indicatif::{ProgressBar, ProgressStyle};

/// A renderer for Burn's training loop that shows what certified training is about: ε, the loss,
/// the clean error and the verified error.
pub struct TrainingProgress {
    label: String,
    epoch: usize,
    epochs: usize,
    split: Split,
    bar: ProgressBar,
    started: Instant,
    names: HashMap<MetricId, String>,
    train: HashMap<String, f64>,
    valid: HashMap<String, f64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Split {
    Train,
    Valid,
}

impl TrainingProgress {
    /// Progress of the training of the model that `label` names.
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            epoch: 0,
            epochs: 0,
            split: Split::Train,
            bar: ProgressBar::hidden(),
            started: Instant::now(),
            names: HashMap::new(),
            train: HashMap::new(),
            valid: HashMap::new(),
        }
    }

    fn record(&mut self, split: Split, state: MetricState) {
        let MetricState::Numeric(entry, Some(value)) = state else {
            return;
        };
        let Some(name) = self.names.get(&entry.metric_id) else {
            return;
        };
        // The epoch's own value is a mean; of ε the last one says more.
        if name.starts_with("Epsilon") && matches!(value, NumericEntry::Final(_)) {
            return;
        }
        let value = value.current();
        let values = match split {
            Split::Train => &mut self.train,
            Split::Valid => &mut self.valid,
        };
        values.insert(name.clone(), value);
    }

    /// A value of the epoch by the beginning of its metric's name.
    fn value(values: &HashMap<String, f64>, name: &str) -> Option<f64> {
        values
            .iter()
            .find(|(known, _)| known.starts_with(name))
            .map(|(_, value)| *value)
    }

    fn message(&self) -> String {
        let values = match self.split {
            Split::Train => &self.train,
            Split::Valid => &self.valid,
        };
        let part = |name: &str, label: &str, unit: &str| {
            Self::value(values, name).map(|value| format!("{label} {value:.3}{unit}"))
        };
        let parts = [
            part("Epsilon", "ε", ""),
            part("Loss", "loss", ""),
            part("Clean Error", "clean", " %"),
            part("Verified Error", "verified", " %"),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
    }

    fn epoch_line(&self) -> String {
        let number = |values: &HashMap<String, f64>, name: &str, decimals: usize| {
            Self::value(values, name)
                .map_or_else(|| "—".to_string(), |value| format!("{value:.decimals$}"))
        };
        format!(
            "{} epoch {:>3}/{}  ε {}  loss {}  unstable {} %  test: clean error {} %  verified \
             error {} %  ({:.1} s)",
            self.label,
            self.epoch,
            self.epochs,
            number(&self.train, "Epsilon", 4),
            number(&self.train, "Loss", 4),
            number(&self.train, "Unstable", 1),
            number(&self.valid, "Clean Error", 2),
            number(&self.valid, "Verified Error", 2),
            self.started.elapsed().as_secs_f64(),
        )
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
        self.started = Instant::now();
    }

    fn start_split(&mut self, split: &str, total_items: usize) {
        self.split = if split.eq_ignore_ascii_case("train") {
            Split::Train
        } else {
            Split::Valid
        };
        if self.split == Split::Train {
            self.train.clear();
            self.valid.clear();
        }
        let style = ProgressStyle::with_template(
            "{prefix} {wide_bar:.cyan/blue} {pos}/{len} {eta:>4}  {msg}",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar = ProgressBar::new(total_items as u64).with_style(style);
        let what = if self.split == Split::Train {
            "train"
        } else {
            "test"
        };
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
        self.epoch = epoch;
        println!("{}", self.epoch_line());
        self.epoch = epoch + 1;
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }

    fn log_event_training(&mut self, _event: String) {}
}

impl MetricsRendererTraining for TrainingProgress {
    fn update_train(&mut self, state: MetricState) {
        self.record(Split::Train, state);
    }

    fn update_valid(&mut self, state: MetricState) {
        self.record(Split::Valid, state);
    }
}

impl MetricsRenderer for TrainingProgress {
    fn manual_close(&mut self) {}

    fn register_metric(&mut self, definition: MetricDefinition) {
        self.names
            .insert(definition.metric_id, definition.name.to_string());
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
