//! What a step of a robust learner gives to the metrics.

use burn::tensor::{Bool, ExecutionError, Int, Tensor};
use burn::train::metric::{Adaptor, ItemLazy, LossInput};

use super::natural_cross_entropy;

/// The coefficients of the loss at one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefficients {
    /// The perturbation radius ε.
    pub epsilon: f64,
    /// The share κ of the natural loss; the rest is the robust loss.
    pub kappa: f64,
    /// The share β of the CROWN bound in the robust loss; the rest is the interval bound.
    pub beta: f64,
}

/// What a training or validation step found.
#[derive(Clone, Debug)]
pub struct RobustOutput {
    /// The loss of each sample, `[B]`.
    pub loss: Tensor<1>,
    /// The model's outputs at the inputs themselves, `[B, classes]`; none where the step failed, or
    /// where nothing asked for them, see
    /// [`with_clean_outputs`](super::RobustObjective::with_clean_outputs).
    pub logits: Option<Tensor<2>>,
    /// The class of each sample, `[B]`.
    pub labels: Tensor<1, Int>,
    /// Which samples are verified at radius `coefficients.epsilon`, `[B]`: in training, with the
    /// [statistics](crate::Statistics) of batch normalisation that are trained.
    pub verified: Tensor<1, Bool>,
    /// The share of ReLU inputs whose sign is open under interval bounds, `[1]`.
    pub unstable_share: Tensor<1>,
    /// The coefficients of this step's loss.
    pub coefficients: Coefficients,
}

impl RobustOutput {
    /// The natural cross-entropy of each sample, `[B]`, where there are
    /// [outputs](Self::logits) to take it of.
    pub fn natural_loss(&self) -> Option<Tensor<1>> {
        let logits = self.logits.clone()?;
        Some(natural_cross_entropy(logits, self.labels.clone()))
    }

    /// In place of the output of a step that failed: all that is measured is NaN, and nothing is
    /// verified.
    pub(super) fn failed(labels: Tensor<1, Int>, coefficients: Coefficients) -> Self {
        let ([batch], device) = (labels.dims(), labels.device());
        let nan = Tensor::<1>::full([batch], f32::NAN, &device);
        Self {
            logits: None,
            verified: nan.clone().greater_elem(0.0),
            loss: nan,
            labels,
            unstable_share: Tensor::full([1], f32::NAN, &device),
            coefficients,
        }
    }
}

impl ItemLazy for RobustOutput {
    fn sync(self) -> Result<Self, ExecutionError> {
        // Metrics run on another thread, which must neither wait for work that was not yet sent
        // to the device nor keep the autodiff tape alive.
        self.loss.device().flush()?;
        Ok(Self {
            loss: self.loss.without_autodiff(),
            logits: self.logits.map(Tensor::without_autodiff),
            labels: self.labels.without_autodiff(),
            verified: self.verified.without_autodiff(),
            unstable_share: self.unstable_share.without_autodiff(),
            coefficients: self.coefficients,
        })
    }
}

impl Adaptor<LossInput> for RobustOutput {
    fn adapt(&self) -> LossInput {
        LossInput::new(self.loss.clone())
    }
}
