//! What certified training minimises, and by what it is validated.

use serde::{Deserialize, Serialize};

use super::{Coefficients, EpsilonSchedule, LearnerError};
use crate::{BoundConfig, Method, Perturbation};

/// The loss that is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainingMethod {
    /// The cross-entropy of the outputs; nothing is bounded.
    Natural,
    /// The robust cross-entropy of the margins' bounds.
    Robust,
    /// Both: `κ · natural + (1 − κ) · robust`, with κ from 1 to its final value as ε grows.
    RobustNatural,
}

/// What a [`RobustLearner`](super::RobustLearner) minimises, and by what it is validated.
///
/// A new objective trains the CROWN-IBP loss: the margins' bounds are
/// `β · CROWN-IBP + (1 − β) · interval`, with β from 1 to 0 as ε grows. It validates at the
/// schedule's target by interval bounds. While ε is 0, training is natural.
///
/// ```
/// use burn_crown::Perturbation;
/// use burn_crown::train::{EpsilonSchedule, RobustObjective, TrainingMethod};
///
/// let schedule = EpsilonSchedule::new(0.3).with_start_step(100).with_end_step(500);
/// let objective = RobustObjective::new(Perturbation::linf(0.3), schedule)
///     .with_method(TrainingMethod::RobustNatural)
///     .with_final_kappa(0.5);
/// assert_eq!(objective.coefficients(300).kappa, 0.75);
/// ```
#[derive(Clone, Debug)]
pub struct RobustObjective {
    perturbation: Perturbation,
    schedule: EpsilonSchedule,
    method: TrainingMethod,
    bound: BoundConfig,
    final_beta: f64,
    final_kappa: f64,
    evaluation_epsilon: Option<f64>,
    evaluation_bound: BoundConfig,
    gradient_scale: f64,
}

impl RobustObjective {
    /// The CROWN-IBP objective.
    ///
    /// The schedule takes the place of the perturbation's own radius.
    pub fn new(perturbation: Perturbation, schedule: EpsilonSchedule) -> Self {
        Self {
            perturbation,
            schedule,
            method: TrainingMethod::Robust,
            bound: BoundConfig::new(Method::CrownIbp),
            final_beta: 0.0,
            final_kappa: 0.0,
            evaluation_epsilon: None,
            evaluation_bound: BoundConfig::new(Method::Interval),
            gradient_scale: 1.0,
        }
    }

    /// Sets the loss that is trained. Defaults to [`TrainingMethod::Robust`].
    pub fn with_method(mut self, method: TrainingMethod) -> Self {
        self.method = method;
        self
    }

    /// Sets the bound that is trained. Defaults to CROWN-IBP with adaptive slopes.
    ///
    /// Only CROWN-IBP is mixed with interval bounds; the other methods are trained as they are.
    pub fn with_bound(mut self, bound: BoundConfig) -> Self {
        self.bound = bound;
        self
    }

    /// Sets β at the target radius, in `[0, 1]`. Defaults to 0.
    pub fn with_final_beta(mut self, final_beta: f64) -> Self {
        self.final_beta = final_beta;
        self
    }

    /// Sets κ at the target radius, in `[0, 1]`. Defaults to 0.
    ///
    /// It counts for [`TrainingMethod::RobustNatural`] only.
    pub fn with_final_kappa(mut self, final_kappa: f64) -> Self {
        self.final_kappa = final_kappa;
        self
    }

    /// Sets the radius of validation. Defaults to the schedule's target.
    pub fn with_evaluation_epsilon(mut self, epsilon: f64) -> Self {
        self.evaluation_epsilon = Some(epsilon);
        self
    }

    /// Sets the bound of validation. Defaults to interval bounds.
    pub fn with_evaluation_bound(mut self, bound: BoundConfig) -> Self {
        self.evaluation_bound = bound;
        self
    }

    /// Sets a factor of the gradients. Defaults to 1.
    ///
    /// The loss is a mean over the batch, but Burn *sums* the gradients of several devices and of
    /// accumulated batches. With 4 devices and an accumulation of 2, give `1.0 / 8.0`. The loss
    /// that the metrics show is not scaled.
    pub fn with_gradient_scale(mut self, scale: f64) -> Self {
        self.gradient_scale = scale;
        self
    }

    /// The perturbation; its radius is replaced at each step.
    pub fn perturbation(&self) -> &Perturbation {
        &self.perturbation
    }

    /// The ε schedule.
    pub fn schedule(&self) -> &EpsilonSchedule {
        &self.schedule
    }

    /// The bound that is trained.
    pub fn bound(&self) -> &BoundConfig {
        &self.bound
    }

    /// The bound of validation.
    pub fn evaluation_bound(&self) -> &BoundConfig {
        &self.evaluation_bound
    }

    /// The radius of validation.
    pub fn evaluation_epsilon(&self) -> f64 {
        self.evaluation_epsilon.unwrap_or(self.schedule.target)
    }

    /// The factor of the gradients.
    pub fn gradient_scale(&self) -> f64 {
        self.gradient_scale
    }

    /// The coefficients of the loss at a training step, counted from 0.
    pub fn coefficients(&self, step: usize) -> Coefficients {
        let epsilon = match self.method {
            TrainingMethod::Natural => 0.0,
            TrainingMethod::Robust | TrainingMethod::RobustNatural => self.schedule.epsilon(step),
        };
        let kappa = match self.method {
            _ if epsilon == 0.0 => 1.0,
            TrainingMethod::Natural => 1.0,
            TrainingMethod::Robust => 0.0,
            TrainingMethod::RobustNatural => self.schedule.follow(epsilon, self.final_kappa),
        };
        let beta = match self.bound.method {
            Method::CrownIbp => self.schedule.follow(epsilon, self.final_beta),
            other => share_of_crown(other),
        };
        Coefficients {
            epsilon,
            kappa,
            beta,
        }
    }

    /// The coefficients of validation, which are those of no step.
    ///
    /// The validation loss is the evaluation bound's robust cross-entropy (for natural training
    /// the natural one), whatever the schedule says, so that epochs can be compared.
    pub fn evaluation_coefficients(&self) -> Coefficients {
        let epsilon = self.evaluation_epsilon();
        let natural = self.method == TrainingMethod::Natural || epsilon == 0.0;
        Coefficients {
            epsilon,
            kappa: if natural { 1.0 } else { 0.0 },
            beta: share_of_crown(self.evaluation_bound.method),
        }
    }

    /// Refuses an objective whose numbers make no sense.
    pub fn check(&self) -> Result<(), LearnerError> {
        self.schedule.check()?;
        if self.perturbation.radius().is_none() {
            return Err(LearnerError::NoRadius);
        }
        let unit = "from 0 to 1";
        let settings = [
            ("final_beta", self.final_beta, 0.0, 1.0, unit),
            ("final_kappa", self.final_kappa, 0.0, 1.0, unit),
            (
                "evaluation_epsilon",
                self.evaluation_epsilon(),
                0.0,
                f64::MAX,
                "that is not negative",
            ),
            (
                "gradient_scale",
                self.gradient_scale,
                f64::MIN_POSITIVE,
                f64::MAX,
                "above 0",
            ),
        ];
        for (name, value, least, most, range) in settings {
            // Not `value < least || value > most`, which lets NaN pass.
            if !(least..=most).contains(&value) {
                return Err(LearnerError::OutOfRange { name, value, range });
            }
        }
        Ok(())
    }
}

/// β where nothing is mixed.
fn share_of_crown(method: Method) -> f64 {
    match method {
        Method::Interval => 0.0,
        Method::CrownIbp | Method::Crown => 1.0,
    }
}
