//! All metrics of certified training at once.

use std::fmt::Display;

use burn::train::metric::LossMetric;
use burn::train::{MetricRegistration, SupervisedTraining};

use super::{
    BetaMetric, CleanErrorMetric, EpsilonMetric, KappaMetric, NaturalLossMetric, RobustLearner,
    RobustObjective, UnstableMetric, VerifiedErrorMetric,
};
use crate::{Bounded, Method};

/// Registers every metric of certified training, each on the splits where it says something.
///
/// Give it to `SupervisedTraining::metrics`. Training and validation have verified errors of
/// different names, because they are of different radii and usually by different bounds. Training has
/// no clean error and no natural loss where its steps may have no
/// [clean outputs](RobustObjective::with_clean_outputs).
#[derive(Clone)]
pub struct RobustMetrics {
    clean_outputs: bool,
    trained: VerifiedErrorMetric,
    validated: VerifiedErrorMetric,
}

impl RobustMetrics {
    /// The metrics of an objective.
    pub fn new(objective: &RobustObjective) -> Self {
        let name = |method: Method, epsilon: &str| {
            VerifiedErrorMetric::new().with_name(format!("Verified Error ({method}, {epsilon})"))
        };
        let epsilon = objective.evaluation_epsilon();
        Self {
            clean_outputs: objective.clean_outputs(),
            trained: name(objective.training_certificate(), "scheduled eps"),
            validated: name(
                objective.evaluation_bound().method,
                &format!("eps {epsilon}"),
            ),
        }
    }

    /// The verified error of validation, for early stopping and checkpoint strategies.
    pub fn verified_error(&self) -> &VerifiedErrorMetric {
        &self.validated
    }
}

impl<M, const D: usize> MetricRegistration<RobustLearner<M, D>> for RobustMetrics
where
    M: Bounded + Display + 'static,
{
    fn register(
        self,
        training: SupervisedTraining<RobustLearner<M, D>>,
    ) -> SupervisedTraining<RobustLearner<M, D>> {
        let losses = LossMetric::new();
        let (natural, clean) = (NaturalLossMetric::new(), CleanErrorMetric::new());
        let training = match self.clean_outputs {
            true => training.metrics((losses, natural, clean)),
            false => training
                .metrics((losses,))
                .metric_valid_numeric(natural)
                .metric_valid_numeric(clean),
        };
        training
            .metric_train_numeric(self.trained)
            .metric_valid_numeric(self.validated)
            .metric_train_numeric(EpsilonMetric::new())
            .metric_train_numeric(KappaMetric::new())
            .metric_train_numeric(BetaMetric::new())
            .metrics((UnstableMetric::new(),))
    }
}
