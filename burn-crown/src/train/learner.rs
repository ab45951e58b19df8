//! The model in training, and its steps.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use burn::optim::ModuleOptimizer;
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::tensor::Tensor;
use burn::train::{Learner, LearnerModel};

use super::batch::check_labels;
use super::{LearnerError, RobustBatch, RobustObjective, RunGuard};
use crate::trace::{panic_message, parameters};
use crate::{
    Analysis, AnyTensor, BoundError, Bounded, GraphCache, Perturbation, Specification, Statistics,
    TraceError,
};

/// A model that Burn's `SupervisedTraining` trains to be certifiably robust.
///
/// It is a Burn module that stands for the model it wraps: its parameters have the model's own
/// paths, so a checkpoint of the one is a checkpoint of the other. `D` is the rank of the images.
///
/// The natural loss comes from the model in training. Each training step runs this pass once: where
/// the natural loss has no share without autodiff, and
/// [on demand](RobustObjective::with_clean_outputs) not at all. It alone updates the running
/// statistics of batch normalisation, so with these it is always run. The bounds are without dropout;
/// those of training take the statistics of the clean batch ([`Statistics::Batch`], which
/// [`with_statistics`](Self::with_statistics) changes), those of validation the running ones.
///
/// A step whose loss, images, parameters or gradients are infinite or NaN fails with
/// [`LearnerError::NotFinite`], before it changes a parameter; so does a validation step whose
/// outputs are.
/// [`with_guard`](Self::with_guard) has it stop the run.
///
/// ```no_run
/// use std::sync::Arc;
/// use burn::data::dataloader::DataLoader;
/// use burn::optim::AdamConfig;
/// use burn::train::SupervisedTraining;
/// use burn_crown::{Bounded, Perturbation};
/// use burn_crown::train::{
///     EpsilonSchedule, RobustBatch, RobustLearner, RobustMetrics, RobustObjective,
/// };
///
/// type Loader = Arc<dyn DataLoader<RobustBatch<4>>>;
///
/// fn train<M: Bounded + std::fmt::Display + 'static>(model: M, train: Loader, valid: Loader) -> M {
///     let schedule = EpsilonSchedule::new(0.3).with_start_step(235).with_end_step(1645);
///     let perturbation = Perturbation::linf(0.3).with_range(0.0, 1.0);
///     let objective = RobustObjective::new(perturbation, schedule);
///     let metrics = RobustMetrics::new(&objective);
///     let learner = RobustLearner::new(model, objective);
///     SupervisedTraining::new("runs/mnist", train, valid)
///         .metrics(metrics)
///         .num_epochs(10)
///         .launch(learner.learner(AdamConfig::new().init(), 5e-4))
///         .model
///         .into_model()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RobustLearner<M, const D: usize> {
    pub(super) model: M,
    pub(super) objective: Arc<RobustObjective>,
    /// Shared by all clones, so that each input shape is traced once.
    pub(super) cache: GraphCache,
    /// Those of the bounds of training.
    pub(super) statistics: Statistics,
    /// What stops a run at a step that fails; none where the step panics.
    pub(super) guard: Option<RunGuard>,
}

impl<M: Bounded, const D: usize> RobustLearner<M, D> {
    /// Puts a model under an objective.
    ///
    /// Nothing is checked yet. An objective that makes no sense, or a model that cannot be bounded,
    /// panics at the first training step; [`try_new`](Self::try_new) or [`check`](Self::check) tell
    /// it before.
    pub fn new(model: M, objective: RobustObjective) -> Self {
        Self {
            model,
            objective: Arc::new(objective),
            cache: GraphCache::new(),
            statistics: Statistics::Batch,
            guard: None,
        }
    }

    /// Sets which statistics of batch normalisation the bounds of training have. Defaults to
    /// [`Statistics::Batch`]. Validation has the running ones.
    pub fn with_statistics(mut self, statistics: Statistics) -> Self {
        self.statistics = statistics;
        self
    }

    /// Has a guard stop the run at a step that fails. Without one, such a step panics.
    pub fn with_guard(mut self, guard: RunGuard) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Puts a model under an objective, and tries both on an example.
    ///
    /// `example` is a batch of images, `[B, ...]`, of which the first is used.
    ///
    /// # Errors
    ///
    /// If the objective makes no sense, if the model is no classifier of such images, or if it
    /// cannot be bounded.
    pub fn try_new(
        model: M,
        objective: RobustObjective,
        example: Tensor<D>,
    ) -> Result<Self, LearnerError> {
        let learner = Self::new(model, objective);
        learner.check_images(example)?;
        Ok(learner)
    }

    /// Tries the model and the objective on the first image of a batch, and its labels.
    ///
    /// # Errors
    ///
    /// As [`try_new`](Self::try_new), and if the labels do not fit the images or the model, or the
    /// model cannot be trained on several devices.
    pub fn check(&self, batch: &RobustBatch<D>) -> Result<(), LearnerError> {
        batch.check()?;
        self.check_devices(batch.devices)?;
        let classes = self.check_images(batch.images.clone())?;
        check_labels(&batch.read_labels(), classes)
    }

    /// Makes the learner that Burn launches.
    ///
    /// `scheduler` is a learning rate, a learning-rate scheduler, or a scheduler of groups.
    pub fn learner(
        self,
        optimizer: ModuleOptimizer,
        scheduler: impl Into<ModuleLrScheduler>,
    ) -> Learner<Self>
    where
        Self: LearnerModel,
    {
        Learner::new(self, optimizer, scheduler)
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model, out of the learner.
    pub fn into_model(self) -> M {
        self.model
    }

    /// The objective.
    pub fn objective(&self) -> &RobustObjective {
        &self.objective
    }

    /// Tries everything on one image, and gives the number of classes.
    fn check_images(&self, images: Tensor<D>) -> Result<usize, LearnerError> {
        self.objective.check()?;
        Self::check_inputs()?;
        if images.dims()[0] == 0 {
            return Err(LearnerError::Count {
                images: 0,
                labels: 0,
            });
        }
        let image = images.narrow(0, 0, 1).without_autodiff();
        let learner = Self {
            model: self.model.valid(),
            ..self.clone()
        };
        let label = Tensor::zeros([1], &image.device());
        let margins = Specification::Margins(label);
        let target = self.objective.schedule().target;
        let trained = self.objective.perturbation().clone().with_radius(target);
        // What can be bounded with the running statistics can be with those of a batch.
        let analyse = |region| learner.analyse(image.clone(), region, Statistics::Running);
        let analysis = analyse(&trained)?;
        let logits = learner.logits(image.clone(), true)?;
        analysis.estimate(&margins, self.objective.bound())?;
        analyse(&self.objective.evaluation_perturbation())?
            .lower(&margins, self.objective.evaluation_bound())?;
        Ok(logits.dims()[1])
    }

    pub(super) fn check_inputs() -> Result<(), LearnerError> {
        let inputs = M::signature().inputs;
        if inputs != [D] {
            return Err(LearnerError::Inputs { rank: D, inputs });
        }
        Ok(())
    }

    /// The model's outputs, `[B, classes]`; their gradient is only for a loss that is trained.
    pub(super) fn logits(
        &self,
        images: Tensor<D>,
        tracked: bool,
    ) -> Result<Tensor<2>, LearnerError> {
        let samples = images.dims()[0];
        let untracked;
        let model = match tracked {
            true => &self.model,
            false => {
                untracked = self.untracked();
                &untracked
            }
        };
        let forward = AssertUnwindSafe(|| model.forward_any(vec![AnyTensor::new(images)]));
        let output = catch_unwind(forward).map_err(|panic| {
            let message = panic_message(&*panic);
            BoundError::from(TraceError::ForwardPanicked { message })
        })?;
        check_outputs(samples, output.shape())?;
        Ok(output.into_tensor())
    }

    /// The model in the mode that it is in, with the state that it has, of whose forward pass autodiff
    /// records nothing.
    fn untracked(&self) -> M {
        // Makes the parameters that are not yet made: copies have them in common, and the gradient
        // would be switched off for both.
        parameters(&self.model);
        self.model.clone().no_grad()
    }

    /// The number of classes that an analysis is of.
    pub(super) fn classes_of(analysis: &Analysis) -> Result<usize, LearnerError> {
        let graph = analysis.graph();
        let output = &graph.nodes[graph.outputs[0]];
        check_outputs(graph.batch, output.shape.clone())
    }

    pub(super) fn analyse(
        &self,
        images: Tensor<D>,
        perturbation: &Perturbation,
        statistics: Statistics,
    ) -> Result<Analysis, BoundError> {
        let cache = self.cache.clone().with_statistics(statistics);
        cache.analyse(&self.model, images, perturbation)
    }
}

/// The number of classes, if the outputs are those of a classifier.
fn check_outputs(samples: usize, shape: Vec<usize>) -> Result<usize, LearnerError> {
    match shape[..] {
        [rows, classes] if rows == samples && classes >= 2 => Ok(classes),
        _ => Err(LearnerError::Output { samples, shape }),
    }
}
