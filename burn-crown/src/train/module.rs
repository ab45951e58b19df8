//! The learner as a Burn module: its model, under the model's own parameter paths.

use std::fmt;

use burn::module::{Devices, Module, ModuleMapper, ModuleVisitor};
use burn::tensor::Device;

use super::{LearnerError, RobustLearner};
use crate::trace::{BatchNormLayer, batch_norms};

// Not derived: the derive would put every parameter below a field `model`, and a checkpoint of the
// learner would then not load into the model.
impl<M: Module, const D: usize> RobustLearner<M, D> {
    fn map_model(self, change: impl FnOnce(M) -> M) -> Self {
        Self {
            model: change(self.model),
            objective: self.objective,
            cache: self.cache,
            statistics: self.statistics,
            guard: self.guard,
        }
    }

    /// Refuses what several devices cannot train together.
    ///
    /// The running statistics of batch normalisation are shared by all forks of a module: a fork
    /// moves them to its own device and updates them, while the others use them.
    pub(super) fn check_devices(&self, devices: usize) -> Result<(), LearnerError> {
        if devices <= 1 {
            return Ok(());
        }
        match batch_norms(&self.model).into_iter().next() {
            Some(BatchNormLayer { path, .. }) => Err(LearnerError::RunningStatistics { path }),
            None => Ok(()),
        }
    }
}

impl<M: Module, const D: usize> Module for RobustLearner<M, D> {
    fn collect_devices(&self, devices: Devices) -> Devices {
        self.model.collect_devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        self.map_model(|model| model.fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        self.map_model(|model| model.to_device(device))
    }

    fn train(self) -> Self {
        self.map_model(M::train)
    }

    fn valid(&self) -> Self {
        Self {
            model: self.model.valid(),
            objective: self.objective.clone(),
            cache: self.cache.clone(),
            statistics: self.statistics,
            guard: self.guard.clone(),
        }
    }

    fn materialize(self) -> Self {
        self.map_model(M::materialize)
    }

    fn visit<Visitor: ModuleVisitor>(&self, visitor: &mut Visitor) {
        self.model.visit(visitor);
    }

    fn map<Mapper: ModuleMapper>(self, mapper: &mut Mapper) -> Self {
        self.map_model(|model| model.map(mapper))
    }
}

impl<M: fmt::Display, const D: usize> fmt::Display for RobustLearner<M, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.model.fmt(f)
    }
}
