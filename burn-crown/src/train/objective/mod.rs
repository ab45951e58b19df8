//! What certified training minimises, and by what it is validated.

mod check;

use serde::{Deserialize, Serialize};

use super::{ActivityMeasure, Coefficients, EpsilonSchedule};
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

/// How the robust cross-entropy `log(1 + Σ exp(−margin))` is bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RobustLoss {
    /// By the bound of each margin: a row of linear bounds for each class but the label's.
    #[default]
    Margins,
    /// By one bound of the sum: a single row of linear bounds, whatever the number of classes (loss
    /// fusion, Xu et al. 2020, arXiv 2002.12920, section 3.3).
    Fused,
}

/// What a [`RobustLearner`](super::RobustLearner) minimises, and by what it is validated.
///
/// The loss of a batch is the mean over its samples of
///
/// ```text
/// κ · natural + (1 − κ) · robust + λ · activity + μ · ‖weights‖₁
/// ```
///
/// with the natural and the robust cross-entropy, and two penalties that are off by default. Where
/// nothing is bounded, in natural training and while ε is 0, it is `natural + μ · ‖weights‖₁`.
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
    loss: RobustLoss,
    bound: BoundConfig,
    final_beta: f64,
    final_kappa: f64,
    evaluation_perturbation: Option<Perturbation>,
    evaluation_epsilon: Option<f64>,
    evaluation_bound: BoundConfig,
    activity_penalty: Option<(ActivityMeasure, f64)>,
    l1_penalty: f64,
    runner_up_only: bool,
    reported_bounds: bool,
    clean_outputs: bool,
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
            loss: RobustLoss::Margins,
            bound: BoundConfig::new(Method::CrownIbp),
            final_beta: 0.0,
            final_kappa: 0.0,
            evaluation_perturbation: None,
            evaluation_epsilon: None,
            evaluation_bound: BoundConfig::new(Method::Interval),
            activity_penalty: None,
            l1_penalty: 0.0,
            runner_up_only: false,
            reported_bounds: false,
            clean_outputs: true,
        }
    }

    /// Sets the loss that is trained. Defaults to [`TrainingMethod::Robust`].
    pub fn with_method(mut self, method: TrainingMethod) -> Self {
        self.method = method;
        self
    }

    /// Sets how the robust loss is bounded. Defaults to [`RobustLoss::Margins`].
    ///
    /// With [`RobustLoss::Fused`], each exponential in the loss is bounded from above by its chord
    /// over the interval bounds of the margin. The trained bound takes the sum of the chords back as
    /// one row. For CROWN-IBP, the sum's bound is mixed by β with that of intervals, in front of the
    /// logarithm; at β 0, and for interval bounds, the loss is that of the margins. The result is an
    /// upper bound of the cross-entropy over the region, by another relaxation than that of the
    /// margins: neither is always the lower one. It bounds no margin by itself, so interval bounds
    /// decide which training samples are verified. Validation is as without it.
    ///
    /// The fused loss is for robust training on every class:
    /// [`check`](Self::check) refuses it with natural training, with the
    /// [runner-up only](Self::with_runner_up_only), and with [projections](BoundConfig::projections).
    pub fn with_loss(mut self, loss: RobustLoss) -> Self {
        self.loss = loss;
        self
    }

    /// Sets the bound that is trained. Defaults to CROWN-IBP with adaptive slopes.
    ///
    /// Only CROWN-IBP is mixed with interval bounds; the other methods are trained as they are. A
    /// bound with [projections](BoundConfig::projections) is trained on estimates, drawn anew for
    /// each step; interval bounds then verify the training samples.
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

    /// Sets the perturbation of validation, a ball, but for its radius. Defaults to that of training.
    pub fn with_evaluation_perturbation(mut self, perturbation: Perturbation) -> Self {
        self.evaluation_perturbation = Some(perturbation);
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

    /// Adds a penalty on the network's activity: `weight` times the measure's mean over the batch.
    ///
    /// It counts where something is bounded, and in training only. The reference program's
    /// `activity_reg` is a factor of the sum over the batch: give it times the batch size.
    pub fn with_activity_penalty(mut self, measure: ActivityMeasure, weight: f64) -> Self {
        self.activity_penalty = Some((measure, weight));
        self
    }

    /// Adds a penalty on the weights: `weight` times the sum of their absolute values, whatever the
    /// loss is, in training only. Defaults to 0.
    ///
    /// Weights are all trained parameters except those whose name has `bias` in it, and the shift
    /// `beta` of normalisation layers.
    pub fn with_l1_penalty(mut self, weight: f64) -> Self {
        self.l1_penalty = weight;
        self
    }

    /// Sets whether CROWN-IBP bounds one margin a sample alone in training: that to the runner-up,
    /// the class with the largest output beside the label. Defaults to false.
    ///
    /// In the loss its bound then stands for those of all margins, as the reference program of Zhang
    /// et al. (2020) describes it: the robust loss is that of
    /// `β · CROWN-IBP(runner-up) + (1 − β) · interval(class)`. This is cheaper, and no bound of the
    /// other margins, so interval bounds decide which training samples are verified. Other bounds
    /// than CROWN-IBP are trained as without it.
    pub fn with_runner_up_only(mut self, runner_up_only: bool) -> Self {
        self.runner_up_only = runner_up_only;
        self
    }

    /// Sets whether natural training bounds its batches too, for the metrics alone: the loss stays
    /// natural. Defaults to false.
    pub fn with_reported_bounds(mut self, reported_bounds: bool) -> Self {
        self.reported_bounds = reported_bounds;
        self
    }

    /// Sets whether every training step computes the model's outputs at the images themselves.
    /// Defaults to true.
    ///
    /// Where κ is 0, only metrics read them: the [clean error](super::CleanErrorMetric) and the
    /// [natural loss](super::NaturalLossMetric), which are NaN without. If false, a training step
    /// leaves this forward pass out, unless something else hangs on it: a natural loss with a share
    /// (κ above 0, or ε 0), the [runner-up](Self::with_runner_up_only), or the running statistics of
    /// batch normalisation in training. What else a forward pass may do, such as to draw random
    /// numbers or to count itself, is not done. Validation always computes the outputs.
    pub fn with_clean_outputs(mut self, clean_outputs: bool) -> Self {
        self.clean_outputs = clean_outputs;
        self
    }

    /// The perturbation of training; its radius is replaced at each step.
    pub fn perturbation(&self) -> &Perturbation {
        &self.perturbation
    }

    /// The ε schedule.
    pub fn schedule(&self) -> &EpsilonSchedule {
        &self.schedule
    }

    /// How the robust loss is bounded.
    pub fn loss(&self) -> RobustLoss {
        self.loss
    }

    /// The bound that is trained.
    pub fn bound(&self) -> &BoundConfig {
        &self.bound
    }

    /// The perturbation of validation; its radius is [`evaluation_epsilon`](Self::evaluation_epsilon).
    pub fn evaluation_perturbation(&self) -> Perturbation {
        let perturbation = self.evaluation_perturbation.as_ref();
        let perturbation = perturbation.unwrap_or(&self.perturbation).clone();
        perturbation.with_radius(self.evaluation_epsilon())
    }

    /// The bound of validation.
    pub fn evaluation_bound(&self) -> &BoundConfig {
        &self.evaluation_bound
    }

    /// The radius of validation.
    pub fn evaluation_epsilon(&self) -> f64 {
        self.evaluation_epsilon.unwrap_or(self.schedule.target)
    }

    /// The penalty on the network's activity, where it counts: its measure and its weight.
    pub fn activity_penalty(&self) -> Option<(ActivityMeasure, f64)> {
        self.activity_penalty
            .filter(|&(_, weight)| weight != 0.0 && self.method != TrainingMethod::Natural)
    }

    /// The weight of the penalty on the weights.
    pub fn l1_penalty(&self) -> f64 {
        self.l1_penalty
    }

    /// The method whose bounds verify training samples: the one that is trained, or interval bounds
    /// where what is trained does not bound every margin.
    pub fn training_certificate(&self) -> Method {
        let fused = self.loss == RobustLoss::Fused;
        if fused || self.trains_runner_up_only() || self.bound.is_estimate() {
            Method::Interval
        } else {
            self.bound.method
        }
    }

    /// Whether every training step computes the model's outputs at the images themselves.
    pub fn clean_outputs(&self) -> bool {
        self.clean_outputs
    }

    pub(super) fn trains_runner_up_only(&self) -> bool {
        self.runner_up_only && self.bound.method == Method::CrownIbp
    }

    /// The coefficients of the loss at a training step, counted from 0.
    pub fn coefficients(&self, step: usize) -> Coefficients {
        let epsilon = match self.method {
            TrainingMethod::Natural if !self.reported_bounds => 0.0,
            _ => self.schedule.epsilon(step),
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
}

/// β where nothing is mixed.
fn share_of_crown(method: Method) -> f64 {
    match method {
        Method::Interval => 0.0,
        Method::CrownIbp
        | Method::Crown
        | Method::ConvexAdversarial
        | Method::Forward
        | Method::ForwardBackward => 1.0,
    }
}
