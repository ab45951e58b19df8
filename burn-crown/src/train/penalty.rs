//! Penalties that training can add to its loss.

use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::Analysis;
use crate::trace::{PathVisitor, visit};

/// What a penalty on the network's activity measures for a sample, over the inputs of all nonlinear
/// operators (for rectifiers, the pre-activations) with their interval bounds `[l, u]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityMeasure {
    /// The number of elements on which the relaxation is not exact: of rectifiers whose sign is
    /// open, `l < 0 < u`, as the reference program of Zhang et al. (2020) has it. A number has no
    /// gradient: it shows in the loss and trains nothing.
    OpenNeurons,
    /// `Σ −tanh(1 + l·u)`, which rewards stable signs (Xiao et al. 2019, arXiv 1809.03008). It is
    /// meant for networks of rectifiers.
    Stability,
}

impl ActivityMeasure {
    /// The measure of each sample, `[B]`.
    pub(super) fn of(self, analysis: &Analysis) -> Tensor<1> {
        match self {
            Self::OpenNeurons => analysis.open_neurons(),
            Self::Stability => analysis
                .pre_activations()
                .into_iter()
                .map(|bounds| {
                    let product = bounds.lower * bounds.upper;
                    (product + 1.0).tanh().neg().sum_dim(1).squeeze_dim::<1>(1)
                })
                .reduce(Tensor::add)
                .unwrap_or_else(|| analysis.open_neurons()),
        }
    }
}

/// The sum of the absolute values of a module's weights, `[1]`, in the given data type; none if it
/// has no weights.
///
/// Weights are the trained parameters but the biases and the shifts of normalisation layers.
pub(super) fn l1_norm<M: Module>(module: &M, dtype: DType) -> Option<Tensor<1>> {
    let weights = Weights { dtype, sum: None };
    visit(module, weights).sum
}

struct Weights {
    dtype: DType,
    sum: Option<Tensor<1>>,
}

impl PathVisitor for Weights {
    fn float<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>) {
        let name = path.rsplit('.').next().unwrap_or_default();
        let values = param.val();
        // Running statistics are visited as well, and ask for no gradient.
        if name.contains("bias") || name == "beta" || !values.is_require_grad() {
            return;
        }
        let norm = values.cast(self.dtype).abs().sum();
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + norm,
            None => norm,
        });
    }
}
