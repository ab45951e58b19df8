//! Whether a step's numbers are finite, and which ones are not.

use std::fmt;

use burn::tensor::Tensor;

use super::{Coefficients, LearnerError, RobustBatch, RobustLearner};
use crate::bound::Part;
use crate::graph::{Source, place};
use crate::trace::{evaluate, parameters};
use crate::{
    AnyTensor, BoundConfig, BoundError, Bounded, Method, Perturbation, Specification, Statistics,
};

/// The first numbers of a step that are infinite or NaN: inputs and parameters before the forward
/// pass, its operators in topological order, and the loss last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NonFinite {
    /// An image of the batch, by its position in it.
    Image(usize),
    /// A parameter or running statistic, by its path.
    Parameter(String),
    /// What an operator gives at the images themselves.
    Value {
        /// The operator's name.
        operator: String,
        /// The module that made it, in words.
        module: String,
    },
    /// The bounds of what an operator gives over the region.
    Bounds {
        /// The operator's name.
        operator: String,
        /// The module that made it, in words.
        module: String,
    },
    /// The coefficients of the linear bounds, on their way back to the inputs, at what an operator
    /// gives.
    Coefficients {
        /// The operator's name.
        operator: String,
        /// The module that made it, in words.
        module: String,
    },
    /// The margins, a penalty or the loss itself; all before them is finite.
    Loss,
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
        }
    }
}

impl<M: Bounded, const D: usize> RobustLearner<M, D> {
    /// Refuses a step whose loss, images or parameters are not finite.
    ///
    /// `loss` `[B]` is what the step minimises. A rectifier can lose a NaN on the way to it, so the
    /// images and the parameters are looked at themselves. All goes into one number, which is read
    /// once.
    pub(super) fn check_finite(
        &self,
        batch: &RobustBatch<D>,
        loss: Tensor<1>,
        coefficients: Coefficients,
        training: bool,
    ) -> Result<(), LearnerError> {
        let loss = AnyTensor::new(loss.without_autodiff().mean());
        let images = AnyTensor::new(batch.images.clone());
        let others = parameters(&self.model).into_iter();
        let sum = others
            .map(|parameter| parameter.value)
            .chain([images])
            .map(|numbers| zero_or_nan(numbers, &loss))
            .fold(loss.clone(), AnyTensor::add);
        if sum.is_finite() {
            return Ok(());
        }
        let loss = loss.values().into_iter().sum();
        let origin = match self.leaf_not_finite(batch) {
            Some(leaf) => leaf,
            None => self.operator_not_finite(batch, coefficients, training)?,
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
        match self.leaf_not_finite(batch) {
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

    fn leaf_not_finite(&self, batch: &RobustBatch<D>) -> Option<NonFinite> {
        let count = batch.images.dims()[0];
        let images = || (0..count).map(|index| batch.images.clone().narrow(0, index, 1));
        if let Some(index) = images().position(|image| !AnyTensor::new(image).is_finite()) {
            return Some(NonFinite::Image(index));
        }
        let mut parameters = parameters(&self.model).into_iter();
        let broken = parameters.find(|parameter| !parameter.value.is_finite());
        broken.map(|parameter| NonFinite::Parameter(parameter.path))
    }

    /// The first operator of the step's loss with numbers that are not finite.
    fn operator_not_finite(
        &self,
        batch: &RobustBatch<D>,
        coefficients: Coefficients,
        training: bool,
    ) -> Result<NonFinite, BoundError> {
        let learner = Self {
            model: self.model.valid(),
            ..self.clone()
        };
        let (statistics, perturbation, bound) = match training {
            true => (
                self.statistics,
                self.radius(coefficients.epsilon),
                self.objective.bound(),
            ),
            false => (
                Statistics::Running,
                self.objective.evaluation_perturbation(),
                self.objective.evaluation_bound(),
            ),
        };
        let images = batch.images.clone().without_autodiff();
        let analysis = learner.analyse(images.clone(), &perturbation, statistics)?;
        let values = evaluate(analysis.graph(), &learner.model, &[AnyTensor::new(images)])?;
        let margins = Specification::Margins(batch.labels.clone().without_autodiff());
        let interval = BoundConfig::new(Method::Interval);
        let methods: &[&BoundConfig] = match coefficients {
            // Only the outputs at the images themselves are in the loss.
            _ if !training || coefficients.epsilon == 0.0 || coefficients.kappa == 1.0 => &[],
            _ if bound.is_estimate() || coefficients.beta == 1.0 => &[bound],
            _ if coefficients.beta == 0.0 => &[&interval],
            _ => &[&interval, bound],
        };
        let found = match methods {
            [] => analysis.first_not_finite(&values, None)?,
            methods => {
                let mut found = None;
                for method in methods {
                    if found.is_none() {
                        found = analysis.first_not_finite(&values, Some((&margins, method)))?;
                    }
                }
                found
            }
        };
        let nodes = &analysis.graph().nodes;
        Ok(found.map_or(NonFinite::Loss, |(part, index)| {
            let module = place(nodes[index].module.as_deref());
            let operator = name(&nodes[index].source);
            match part {
                Part::Value => NonFinite::Value { operator, module },
                Part::Bounds => NonFinite::Bounds { operator, module },
                Part::Coefficients => NonFinite::Coefficients { operator, module },
            }
        }))
    }

    fn radius(&self, epsilon: f64) -> Perturbation {
        self.objective.perturbation().clone().with_radius(epsilon)
    }
}

/// The name of an operator, without its settings.
fn name(source: &Source) -> String {
    let text = match source {
        Source::Operator { operator, .. } => format!("{operator:?}"),
        leaf => format!("{leaf:?}"),
    };
    let end = text.find(|c: char| !c.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_string()
}

/// `[1]`: 0, or NaN where a number is infinite or NaN.
fn zero_or_nan(numbers: AnyTensor, like: &AnyTensor) -> AnyTensor {
    let count = numbers.shape().iter().product();
    let zeros = numbers.without_autodiff().mul_scalar(0.0);
    let sum = zeros.reshape(&[1, count]).sum_features();
    sum.cast_like(like)
}
