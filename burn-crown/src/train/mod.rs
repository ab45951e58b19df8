//! Certified training inside Burn's own training loop.
//!
//! [`RobustLearner`] wraps a [`Bounded`](crate::Bounded) model, and Burn's `SupervisedTraining`
//! launches it in place of a `Learner`. [`RobustObjective`] says what is minimised,
//! [`EpsilonSchedule`] how the radius grows, [`RobustDataLoader`] numbers the batches by which the
//! schedule goes, [`DataParallel`] spreads a step over several devices or batches, [`RunGuard`] stops
//! a run at a step that fails, and [`RobustMetrics`] shows it all on the dashboard.

mod all_reduce;
mod batch;
mod deal;
mod error;
mod finite;
mod fused;
mod guard;
mod learner;
mod loader;
mod loss;
mod margins;
mod metrics;
mod module;
mod objective;
mod output;
mod parallel;
mod penalty;
mod registration;
mod replica;
mod schedule;
mod step;
mod transform;

pub use batch::RobustBatch;
pub use error::LearnerError;
pub use finite::NonFinite;
pub use guard::RunGuard;
pub use learner::RobustLearner;
pub use loader::{LabelledBatcher, LoaderError, RobustDataLoader, RobustDataLoaderIterator};
pub use loss::{classified, natural_cross_entropy, robust_cross_entropy};
pub use metrics::{
    Beta, BetaMetric, CleanError, CleanErrorMetric, Epsilon, EpsilonMetric, Kappa, KappaMetric,
    Measurement, NaturalLoss, NaturalLossMetric, Quantity, RobustMetric, RobustMetricInput,
    Unstable, UnstableMetric, VerifiedError, VerifiedErrorMetric,
};
pub use objective::{RobustLoss, RobustObjective, TrainingMethod};
pub use output::{Coefficients, RobustOutput};
pub use parallel::{DataParallel, GradientExchange};
pub use penalty::ActivityMeasure;
pub use registration::RobustMetrics;
pub use schedule::{EpsilonSchedule, RampShape, ScheduleError};
pub use transform::ItemRng;
