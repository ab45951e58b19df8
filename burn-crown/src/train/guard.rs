//! What stops a run at a step that fails.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use burn::train::Interrupter;

use super::LearnerError;

/// Stops a training run at the first step that fails, and keeps why.
///
/// Burn's training loop takes no error from a step, so a [`RobustLearner`](super::RobustLearner)
/// panics at a failure. With a guard it stops the run by Burn's own interrupter instead: the step
/// changes no parameter, nothing is validated, and no checkpoint is written of what is left. Clones
/// share what they keep.
///
/// ```no_run
/// use std::sync::Arc;
/// use burn::data::dataloader::DataLoader;
/// use burn::optim::AdamConfig;
/// use burn::train::{Interrupter, SupervisedTraining};
/// use burn_crown::Bounded;
/// use burn_crown::train::{LearnerError, RobustBatch, RobustLearner, RunGuard};
///
/// type Loader = Arc<dyn DataLoader<RobustBatch<4>>>;
///
/// fn train<M: Bounded + std::fmt::Display + 'static>(
///     learner: RobustLearner<M, 4>,
///     train: Loader,
///     valid: Loader,
/// ) -> Result<M, LearnerError> {
///     let interrupter = Interrupter::new();
///     let guard = RunGuard::new(interrupter.clone());
///     let learner = learner.with_guard(guard.clone());
///     let result = SupervisedTraining::new("runs/mnist", train, valid)
///         .with_interrupter(interrupter)
///         .launch(learner.learner(AdamConfig::new().init(), 5e-4));
///     match guard.take() {
///         Some(error) => Err(error),
///         None => Ok(result.model.into_model()),
///     }
/// }
/// ```
#[derive(Clone)]
pub struct RunGuard {
    interrupter: Interrupter,
    failure: Arc<Mutex<Option<LearnerError>>>,
}

impl RunGuard {
    /// Stops by this interrupter, which the training has to be given too, with
    /// `SupervisedTraining::with_interrupter`.
    pub fn new(interrupter: Interrupter) -> Self {
        Self {
            interrupter,
            failure: Arc::default(),
        }
    }

    /// Why the run was stopped, if a step failed. A second call gives nothing.
    pub fn take(&self) -> Option<LearnerError> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take()
    }

    pub(super) fn stop(&self, error: LearnerError) {
        self.interrupter.stop(Some(&error.to_string()));
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        // Another device may fail at the same step.
        failure.get_or_insert(error);
    }
}

impl fmt::Debug for RunGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunGuard")
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}
