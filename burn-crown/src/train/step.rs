//! Training and validation steps of a learner.

use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::train::{InferenceStep, TrainOutput, TrainStep};

use super::batch::check_labels;
use super::loss::{classified, natural_cross_entropy, robust_cross_entropy};
use super::margins::Margins;
use super::penalty::l1_norm;
use super::{Coefficients, LearnerError, RobustBatch, RobustLearner, RobustLoss, RobustOutput};
use crate::trace::batch_norms;
use crate::{Analysis, BoundConfig, BoundError, Bounded, Perturbation, Statistics, certified};

impl<M: Bounded, const D: usize> RobustLearner<M, D> {
    /// How the bounds of a training step are computed.
    pub(super) fn bound_at(&self, step: usize) -> BoundConfig {
        let mut bound = self.objective.bound().clone();
        bound.projections = bound.projections.map(|drawn| drawn.at_step(step));
        bound
    }

    /// The region of a training step.
    pub(super) fn perturbation_at(&self, coefficients: Coefficients) -> Perturbation {
        let perturbation = self.objective.perturbation().clone();
        perturbation.with_radius(coefficients.epsilon)
    }

    /// Bounds a batch for training, and adds the penalties to its loss.
    fn train_on(&self, batch: RobustBatch<D>) -> Result<RobustOutput, LearnerError> {
        self.check_devices(batch.devices)?;
        let objective = &self.objective;
        let bound = self.bound_at(batch.step);
        let coefficients = objective.coefficients(batch.step);
        let labels = batch.labels.clone();
        let perturbation = self.perturbation_at(coefficients);
        let region = (&perturbation, self.statistics);
        let clean = self.asks_for_outputs();
        let mut output = self.run(batch, coefficients, region, clean, |analysis, logits| {
            let margins = if objective.loss() == RobustLoss::Fused {
                Margins::fused(analysis, labels, &bound, coefficients.beta)
            } else if objective.trains_runner_up_only()
                && let Some(logits) = logits
            {
                Margins::of_runner_up(analysis, logits, labels, &bound, coefficients.beta)
            } else if bound.is_estimate() {
                Margins::estimated(analysis, labels, &bound)
            } else {
                Margins::of_all_classes(analysis, labels, &bound, coefficients.beta)
            };
            let activity = objective
                .activity_penalty()
                .map(|(measure, weight)| measure.of(analysis) * weight);
            Ok((margins?, activity))
        })?;
        if objective.l1_penalty() > 0.0
            && let Some(norm) = l1_norm(&self.model, output.loss.dtype())
        {
            output.loss = output.loss + norm * objective.l1_penalty();
        }
        Ok(output)
    }

    /// Bounds a batch for validation.
    fn validate_on(&self, batch: RobustBatch<D>) -> Result<RobustOutput, LearnerError> {
        let coefficients = self.objective.evaluation_coefficients();
        let bound = self.objective.evaluation_bound();
        let labels = batch.labels.clone();
        let perturbation = self.objective.evaluation_perturbation();
        let region = (&perturbation, Statistics::Running);
        self.run(batch, coefficients, region, true, |analysis, _| {
            let margins = Margins::of_all_classes(analysis, labels, bound, coefficients.beta);
            Ok((margins?, None))
        })
    }

    /// Whether something asks for the outputs of a training step also where no natural loss has a
    /// share in it.
    fn asks_for_outputs(&self) -> bool {
        self.objective.clean_outputs()
            || self.objective.trains_runner_up_only()
            // As in the reference program: this pass, and this one alone, updates the running
            // statistics of normalisation layers.
            || batch_norms(&self.model).iter().any(|layer| layer.training)
    }

    /// The loss of each sample, and what the metrics ask for.
    ///
    /// Where the radius is not 0, `bound` gets the region and the outputs at the inputs themselves,
    /// and gives the margins and a penalty for each sample. Without a natural loss there are such
    /// outputs only if they are `clean` ones that something asks for.
    fn run(
        &self,
        batch: RobustBatch<D>,
        coefficients: Coefficients,
        (perturbation, statistics): (&Perturbation, Statistics),
        clean: bool,
        bound: impl FnOnce(
            &Analysis,
            Option<&Tensor<2>>,
        ) -> Result<(Margins, Option<Tensor<1>>), BoundError>,
    ) -> Result<RobustOutput, LearnerError> {
        // A share outside [0, 1] would make bounds of what are none.
        self.objective.check()?;
        batch.check()?;
        Self::check_inputs()?;
        // Before the forward pass, for which a device that works by itself would be waited.
        let classes_of_labels = batch.read_labels();
        let RobustBatch { images, labels, .. } = batch;
        if coefficients.epsilon == 0.0 {
            let device = images.device();
            let logits = self.logits(images, true)?;
            // A backend may take any element for a label that is no class.
            check_labels(&classes_of_labels, logits.dims()[1])?;
            return Ok(RobustOutput {
                loss: natural_cross_entropy(logits.clone(), labels.clone()),
                verified: classified(logits.clone(), labels.clone()),
                unstable_share: Tensor::zeros([1], &device),
                logits: Some(logits),
                labels,
                coefficients,
            });
        }
        let with_natural = coefficients.kappa != 0.0;
        let logits = match with_natural || clean {
            true => Some(self.logits(images.clone(), with_natural)?),
            false => None,
        };
        let analysis = self.analyse(images, perturbation, statistics)?;
        check_labels(&classes_of_labels, Self::classes_of(&analysis)?)?;
        let (margins, penalty) = bound(&analysis, logits.as_ref())?;
        let robust = || robust_cross_entropy(margins.trained.clone());
        let natural = logits.clone().filter(|_| with_natural);
        let natural = natural.map(|logits| natural_cross_entropy(logits, labels.clone()));
        let loss = match (natural, coefficients.kappa) {
            // A term without a share is left out: 0 times an infinite loss is NaN.
            (None, _) => robust(),
            (Some(natural), 1.0) => natural,
            (Some(natural), kappa) => natural * kappa + robust() * (1.0 - kappa),
        };
        let loss = match penalty {
            Some(penalty) => loss + penalty,
            None => loss,
        };
        Ok(RobustOutput {
            loss,
            logits,
            labels,
            verified: certified(margins.bounds),
            unstable_share: analysis.unstable_share(),
            coefficients,
        })
    }
}

impl<M: Bounded, const D: usize> RobustLearner<M, D> {
    /// Has the guard stop the run, and gives an output in place of that of the step that failed.
    ///
    /// # Panics
    ///
    /// If there is no guard.
    fn failed(
        &self,
        batch: RobustBatch<D>,
        coefficients: Coefficients,
        error: LearnerError,
        what: &str,
    ) -> RobustOutput {
        match &self.guard {
            Some(guard) => guard.stop(error),
            None => panic!("{what} failed: {error}"),
        }
        RobustOutput::failed(batch.labels.without_autodiff(), coefficients)
    }

    /// The gradients and the output of a training step.
    fn trained(
        &self,
        batch: RobustBatch<D>,
        coefficients: Coefficients,
    ) -> Result<TrainOutput<RobustOutput>, LearnerError> {
        let share = batch.share;
        let output = self
            .train_on(batch.clone())
            .map_err(|error| self.explained(error, &batch, coefficients, true))?;
        let loss = output.loss.clone().mean() * share;
        let gradients = loss.backward();
        let loss = output.loss.clone();
        let trained = TrainOutput::new(self, gradients, output);
        self.check_finite(&batch, loss, coefficients, Some(&trained.grads))?;
        Ok(trained)
    }

    /// The output of a validation step.
    fn validated(
        &self,
        batch: RobustBatch<D>,
        coefficients: Coefficients,
    ) -> Result<RobustOutput, LearnerError> {
        let output = self
            .validate_on(batch.clone())
            .map_err(|error| self.explained(error, &batch, coefficients, false))?;
        // The bounds of a model under way may well overflow at the evaluation's radius; its outputs
        // may not.
        let natural = output.natural_loss();
        let natural = natural.unwrap_or_else(|| output.loss.clone());
        self.check_finite(&batch, natural, coefficients, None)?;
        Ok(output)
    }
}

impl<M: Bounded, const D: usize> TrainStep for RobustLearner<M, D> {
    type Input = RobustBatch<D>;
    type Output = RobustOutput;

    /// Runs a training step.
    ///
    /// # Panics
    ///
    /// If the step fails and there is no [guard](RobustLearner::with_guard): Burn's training loop
    /// takes no error from here. [`RobustLearner::check`] tells before training starts whether the
    /// model can be bounded.
    fn step(&self, batch: RobustBatch<D>) -> TrainOutput<RobustOutput> {
        let step = batch.step;
        let coefficients = self.objective.coefficients(step);
        self.trained(batch.clone(), coefficients)
            .unwrap_or_else(|error| {
                let what = format!("training step {step}");
                TrainOutput {
                    grads: GradientsParams::new(),
                    item: self.failed(batch, coefficients, error, &what),
                }
            })
    }
}

impl<M: Bounded, const D: usize> InferenceStep for RobustLearner<M, D> {
    type Input = RobustBatch<D>;
    type Output = RobustOutput;

    /// Runs a validation step: clean and verified at the evaluation's radius.
    ///
    /// # Panics
    ///
    /// If the step fails and there is no [guard](RobustLearner::with_guard): Burn's training loop
    /// takes no error from here. [`RobustLearner::check`] tells before training starts whether the
    /// model can be bounded.
    fn step(&self, batch: RobustBatch<D>) -> RobustOutput {
        let coefficients = self.objective.evaluation_coefficients();
        self.validated(batch.clone(), coefficients)
            .unwrap_or_else(|error| self.failed(batch, coefficients, error, "validation"))
    }
}
