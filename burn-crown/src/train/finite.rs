//! Whether a step's numbers are finite, and which ones are not.

use std::fmt;

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::{Coefficients, LearnerError, RobustBatch, RobustLearner, RobustLoss};
use crate::bound::Part;
use crate::graph::place;
use crate::trace::{Parameter, PathVisitor, batch_norms, evaluate, parameters, visit};
use crate::{AnyTensor, BoundConfig, BoundError, Bounded, Method, Specification, Statistics};

/// The first numbers of a step that are infinite or NaN: inputs and parameters before the forward
/// pass, its operators in topological order, the running statistics that it changes, the loss, and
/// the gradients last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NonFinite {
    /// An image of the batch, by its position in it.
    Image(usize),
    /// A parameter or running statistic, by its path.
    Parameter(String),
    /// What an operator gives at the images themselves.
    Value {
        /// Burn's name of the operator.
        operator: String,
        /// The module that made it, in words.
        module: String,
    },
    /// The bounds of what an operator gives over the region.
    Bounds {
        /// Burn's name of the operator.
        operator: String,
        /// The module that made it, in words.
        module: String,
    },
    /// The coefficients of the linear bounds, on their way back to the inputs, at what an operator
    /// gives.
    Coefficients {
        /// Burn's name of the operator.
        operator: String,
        /// The module that made it, in words.
        module: String,
    },
    /// The margins, a penalty or the loss itself; all before them is finite.
    Loss,
    /// The gradient of a parameter, by its path; the loss and all before it is finite. Gradients go
    /// from the loss back to the inputs, so of several parameters it is the last of the module.
    Gradient(String),
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(index) => write!(f, "image {index} of the batch, counted from 0"),
            Self::Parameter(path) => write!(f, "parameter `{path}`"),
            Self::Value { operator, module } => {
                write!(f, "the value of operator `{operator}` in {module}")
            }
            Self::Bounds { operator, module } => {
                write!(f, "the bounds of operator `{operator}` in {module}")
            }
            Self::Coefficients { operator, module } => write!(
                f,
                "the coefficients of the linear bounds at operator `{operator}` in {module}"
            ),
            Self::Loss => write!(f, "the loss, of margins and penalties that are too large"),
            Self::Gradient(path) => write!(f, "the gradient of parameter `{path}`"),
        }
    }
}

impl<M: Bounded, const D: usize> RobustLearner<M, D> {
    /// Refuses a step whose loss, images, parameters or gradients are not finite.
    ///
    /// `loss` `[B]` is what the step minimises; a validation step has no `gradients`. A rectifier can
    /// lose a NaN on the way to the loss, so the images and the parameters are looked at themselves.
    /// All goes into one number, which is read once.
    pub(super) fn check_finite(
        &self,
        batch: &RobustBatch<D>,
        loss: Tensor<1>,
        coefficients: Coefficients,
        gradients: Option<&GradientsParams>,
    ) -> Result<(), LearnerError> {
        // Brings pending updates of running statistics up to date: those of this step.
        let _ = self.model.valid();
        let loss = AnyTensor::new(loss.without_autodiff().mean());
        let images = AnyTensor::new(batch.images.clone());
        let others = parameters(&self.model).into_iter();
        let gradients = gradients.map(|gradients| gradients_of(&self.model, gradients));
        let behind = gradients.iter().flatten();
        let sum = others
            .map(|parameter| parameter.value)
            .chain([images])
            .chain(behind.map(|(_, gradient)| gradient.clone()))
            .map(|numbers| numbers.zero_or_nan().cast_like(&loss))
            .fold(loss.clone(), AnyTensor::add);
        if sum.is_finite() {
            return Ok(());
        }
        let loss: f64 = loss.values().into_iter().sum();
        let training = gradients.is_some();
        let gradient = || {
            let mut gradients = gradients.iter().flatten().rev();
            let broken = gradients.find(|(_, gradient)| !gradient.is_finite())?;
            Some(NonFinite::Gradient(broken.0.clone()))
        };
        let origin = match self.leaf_not_finite(batch, training) {
            Some(leaf) => leaf,
            None => self
                .operator_not_finite(batch, coefficients, training)?
                .or_else(|| self.changed_not_finite(training))
                .or_else(|| loss.is_finite().then(gradient).flatten())
                .unwrap_or(NonFinite::Loss),
        };
        Err(self.not_finite(batch, loss, coefficients, training, origin))
    }

    /// In place of an error that comes of images or parameters that are not finite, one that says
    /// so.
    pub(super) fn explained(
        &self,
        error: LearnerError,
        batch: &RobustBatch<D>,
        coefficients: Coefficients,
        training: bool,
    ) -> LearnerError {
        let leaf = self.leaf_not_finite(batch, training);
        match leaf.or_else(|| self.changed_not_finite(training)) {
            Some(leaf) => self.not_finite(batch, f64::NAN, coefficients, training, leaf),
            None => error,
        }
    }

    fn not_finite(
        &self,
        batch: &RobustBatch<D>,
        loss: f64,
        coefficients: Coefficients,
        training: bool,
        origin: NonFinite,
    ) -> LearnerError {
        LearnerError::NotFinite {
            step: training.then_some(batch.step),
            epsilon: coefficients.epsilon,
            loss,
            origin,
        }
    }

    /// The first image or parameter that the step begins with.
    fn leaf_not_finite(&self, batch: &RobustBatch<D>, training: bool) -> Option<NonFinite> {
        let count = batch.images.dims()[0];
        let images = || (0..count).map(|index| batch.images.clone().narrow(0, index, 1));
        if let Some(index) = images().position(|image| !AnyTensor::new(image).is_finite()) {
            return Some(NonFinite::Image(index));
        }
        let changed = self.changed_by(training);
        self.parameter_not_finite(|parameter| !changed.contains(&parameter.path))
    }

    /// The first running statistic that the step changes.
    fn changed_not_finite(&self, training: bool) -> Option<NonFinite> {
        let changed = self.changed_by(training);
        self.parameter_not_finite(|parameter| changed.contains(&parameter.path))
    }

    fn parameter_not_finite(&self, of: impl Fn(&Parameter) -> bool) -> Option<NonFinite> {
        let mut parameters = parameters(&self.model).into_iter();
        let broken = parameters.find(|found| of(found) && !found.value.is_finite());
        broken.map(|parameter| NonFinite::Parameter(parameter.path))
    }

    /// The paths of the running statistics that a step changes: a forward pass in training updates
    /// those of batch normalisation, and does not read them.
    fn changed_by(&self, training: bool) -> Vec<String> {
        let layers = batch_norms(&self.model).into_iter();
        layers
            .filter(|layer| training && layer.training)
            .flat_map(|layer| STATISTICS.map(|name| layer.field(name)))
            .collect()
    }

    /// The first operator of the step's loss with numbers that are not finite.
    fn operator_not_finite(
        &self,
        batch: &RobustBatch<D>,
        coefficients: Coefficients,
        training: bool,
    ) -> Result<Option<NonFinite>, BoundError> {
        let (natural, statistics, perturbation, bound) = match training {
            true => (
                Statistics::Batch,
                self.statistics,
                self.perturbation_at(coefficients),
                self.bound_at(batch.step),
            ),
            false => (
                Statistics::Running,
                Statistics::Running,
                self.objective.evaluation_perturbation(),
                self.objective.evaluation_bound().clone(),
            ),
        };
        let margins = Specification::Margins(batch.labels.clone().without_autodiff());
        let interval = BoundConfig::new(Method::Interval);
        let methods: &[&BoundConfig] = match coefficients {
            // Only the outputs at the images themselves are in the loss.
            _ if !training || coefficients.epsilon == 0.0 || coefficients.kappa == 1.0 => &[],
            _ if bound.is_estimate() => &[&bound],
            _ if coefficients.beta == 0.0 => &[&interval],
            // The fused loss has its chords on intervals.
            _ if coefficients.beta == 1.0 && self.objective.loss() == RobustLoss::Margins => {
                &[&bound]
            }
            _ => &[&interval, &bound],
        };
        let bounded = methods.iter().map(|&method| (statistics, Some(method)));
        for (statistics, method) in [(natural, None)].into_iter().chain(bounded) {
            let analysis = self.analyse(batch.images.clone(), &perturbation, statistics)?;
            let images = [AnyTensor::new(batch.images.clone())];
            let values = evaluate(analysis.graph(), &self.model, &images)?;
            let bound = method.map(|method| (&margins, method));
            let Some((part, index)) = analysis.first_not_finite(&values, bound)? else {
                continue;
            };
            let origin = analysis.graph().nodes[index].origin.as_deref();
            let (operator, module) = match origin {
                Some(origin) => (origin.operator.clone(), origin.module.clone()),
                None => ("input".into(), place(None)),
            };
            return Ok(Some(match part {
                Part::Value => NonFinite::Value { operator, module },
                Part::Bounds => NonFinite::Bounds { operator, module },
                Part::Coefficients => NonFinite::Coefficients { operator, module },
            }));
        }
        Ok(None)
    }
}

/// The fields of batch normalisation that a forward pass in training updates.
const STATISTICS: [&str; 2] = ["running_mean", "running_var"];

/// The gradients of a module's parameters with the parameters' paths, in the order of visiting.
fn gradients_of<M: Module>(module: &M, gradients: &GradientsParams) -> Vec<(String, AnyTensor)> {
    struct Found<'a> {
        gradients: &'a GradientsParams,
        found: Vec<(String, AnyTensor)>,
    }

    impl PathVisitor for Found<'_> {
        fn float<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.gradients.get::<D>(param.id) {
                self.found
                    .push((path.to_string(), AnyTensor::new(gradient)));
            }
        }
    }

    let found = Vec::new();
    visit(module, Found { gradients, found }).found
}
