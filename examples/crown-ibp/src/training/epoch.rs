//! The figures of an epoch, collected from the metrics of Burn's training loop.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use burn::train::metric::{MetricDefinition, MetricId, MetricName, NumericEntry};
use burn::train::renderer::MetricState;

/// A split of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The images to train on.
    Train,
    /// The images to test on.
    Test,
}

/// The figures of the epoch under way.
///
/// Clones share them: the terminal's progress fills them in, and the recorder of the run takes them
/// at the end of the epoch.
#[derive(Clone, Debug)]
pub struct EpochFigures(Arc<Mutex<Figures>>);

#[derive(Debug)]
struct Figures {
    verified: bool,
    names: HashMap<MetricId, MetricName>,
    train: HashMap<MetricName, f64>,
    test: HashMap<MetricName, f64>,
    started: Instant,
}

/// What the loss was made of, at an epoch's last step.
///
/// The mean over the epoch, which Burn gives at its end, would say less.
const COEFFICIENTS: &[&str] = &["Epsilon", "Kappa", "Beta"];

/// How the name of the verified error begins; it goes on with the method and ε.
const VERIFIED: &str = "Verified Error";

impl EpochFigures {
    /// The figures of training whose test images are verified, or only classified.
    pub fn new(verified: bool) -> Self {
        Self(Arc::new(Mutex::new(Figures {
            verified,
            names: HashMap::new(),
            train: HashMap::new(),
            test: HashMap::new(),
            started: Instant::now(),
        })))
    }

    /// Makes a metric known by its name.
    pub fn register(&self, metric: MetricDefinition) {
        self.lock().names.insert(metric.metric_id, metric.name);
    }

    /// Begins an epoch.
    pub fn begin(&self) {
        let mut figures = self.lock();
        figures.train.clear();
        figures.test.clear();
        figures.started = Instant::now();
    }

    /// Takes in what a metric says.
    pub fn record(&self, split: Split, state: MetricState) {
        let MetricState::Numeric(entry, Some(value)) = state else {
            return;
        };
        let mut figures = self.lock();
        let Some(name) = figures.names.get(&entry.metric_id).cloned() else {
            return;
        };
        let end = matches!(value, NumericEntry::Final(_));
        if end && COEFFICIENTS.contains(&name.as_str()) {
            return;
        }
        // Burn has the metric all the same.
        if split == Split::Test && !figures.verified && name.starts_with(VERIFIED) {
            return;
        }
        figures.of(split).insert(name, value.current());
    }

    /// A figure by the beginning of its metric's name: of the batch under way, or after the end of
    /// the split of all its batches.
    pub fn get(&self, split: Split, name: &str) -> Option<f64> {
        self.lock()
            .of(split)
            .iter()
            .find(|(known, _)| known.starts_with(name))
            .map(|(_, value)| *value)
    }

    /// The summary of an epoch that is over.
    pub fn summary(&self, epoch: usize) -> EpochSummary {
        let split = |split| SplitSummary {
            loss: self.get(split, "Loss"),
            natural_loss: self.get(split, "Natural Loss"),
            clean: self.get(split, "Clean Error"),
            verified: self.get(split, VERIFIED),
            unstable: self.get(split, "Unstable"),
        };
        EpochSummary {
            epoch,
            epsilon: self.get(Split::Train, "Epsilon"),
            kappa: self.get(Split::Train, "Kappa"),
            beta: self.get(Split::Train, "Beta"),
            train: split(Split::Train),
            test: split(Split::Test),
            seconds: self.lock().started.elapsed().as_secs_f64(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Figures> {
        // No update leaves the figures half done, so those of a thread that panicked are good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Figures {
    fn of(&mut self, split: Split) -> &mut HashMap<MetricName, f64> {
        match split {
            Split::Train => &mut self.train,
            Split::Test => &mut self.test,
        }
    }
}

/// The figures of an epoch that is over; those without a metric are none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochSummary {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// ε of the last step.
    pub epsilon: Option<f64>,
    /// κ of the last step.
    pub kappa: Option<f64>,
    /// β of the last step.
    pub beta: Option<f64>,
    /// Over the training images, each by the model of its step.
    pub train: SplitSummary,
    /// Over the test images, by the model at the end of the epoch.
    pub test: SplitSummary,
    /// How long the epoch took.
    pub seconds: f64,
}

/// The figures of an epoch over one split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SplitSummary {
    /// The mean loss.
    pub loss: Option<f64>,
    /// The mean natural cross-entropy.
    pub natural_loss: Option<f64>,
    /// The clean error, in %.
    pub clean: Option<f64>,
    /// The verified error, in %.
    pub verified: Option<f64>,
    /// The share of rectifiers whose sign is open, in %.
    pub unstable: Option<f64>,
}

/// A figure with so many decimals, or a dash.
fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "—".into(), |value| format!("{value:.decimals$}"))
}

impl fmt::Display for EpochSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ε {}  loss {}  unstable {} %  test: clean error {} %  verified error {} %  ({:.1} s)",
            number(self.epsilon, 4),
            number(self.train.loss, 4),
            number(self.train.unstable, 1),
            number(self.test.clean, 2),
            number(self.test.verified, 2),
            self.seconds,
        )
    }
}
