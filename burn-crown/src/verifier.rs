//! [`Verifier`]: bounds and certificates of a module.

use burn::tensor::{Bool, Int, Tensor};

use crate::bound::{Analysis, BoundConfig, Bounds, Input, Method, certified};
use crate::bounded::Bounded;
use crate::error::BoundError;
use crate::perturbation::Perturbation;
use crate::spec::Specification;
use crate::trace::GraphCache;
use crate::weights::WeightPerturbation;

/// A module whose outputs are bounded, with the recordings of its forward pass.
///
/// Put the module in the mode in which it will run: `model.valid()`.
#[derive(Clone, Debug)]
pub struct Verifier<M> {
    module: M,
    config: BoundConfig,
    output: usize,
    weights: WeightPerturbation,
    cache: GraphCache,
}

impl<M: Bounded> Verifier<M> {
    /// A verifier that bounds by [`Method::Crown`].
    pub fn new(module: M) -> Self {
        Self {
            module,
            config: BoundConfig::new(Method::Crown),
            output: 0,
            weights: WeightPerturbation::new(),
            cache: GraphCache::new(),
        }
    }

    /// With another method or other options.
    pub fn with_config(mut self, config: BoundConfig) -> Self {
        self.config = config;
        self
    }

    /// For a forward pass that gives several tensors: bounds another one than the first, by its
    /// position from 0. One that it does not have is an error when bounds are asked for.
    pub fn with_output(mut self, output: usize) -> Self {
        self.output = output;
        self
    }

    /// With parameters that may change, beside the inputs or alone: all bounds hold for every value
    /// of theirs. To have them alone, give the inputs as [`Input::fixed`] to
    /// [`bounds_of`](Self::bounds_of).
    pub fn with_weights(mut self, weights: WeightPerturbation) -> Self {
        self.weights = weights;
        self
    }

    /// The module.
    pub fn module(&self) -> &M {
        &self.module
    }

    /// The module back.
    pub fn into_module(self) -> M {
        self.module
    }

    /// How bounds are computed.
    pub fn config(&self) -> &BoundConfig {
        &self.config
    }

    /// Bounds of the specification over the region around `input` `[B, ...]`.
    ///
    /// # Errors
    ///
    /// If the forward pass cannot be bounded, a perturbation describes no region, a perturbed
    /// parameter does not exist, or the specification does not fit the output.
    pub fn bounds<const D: usize>(
        &self,
        input: Tensor<D>,
        perturbation: &Perturbation,
        specification: &Specification,
    ) -> Result<Bounds, BoundError> {
        self.analyse(input, perturbation)?
            .bounds(specification, &self.config)
    }

    /// Lower and upper bounds `[B, classes − 1]` of the margins of the labels `[B]`; see
    /// [`Specification::Margins`].
    ///
    /// # Errors
    ///
    /// As for [`bounds`](Self::bounds).
    pub fn margins<const D: usize>(
        &self,
        input: Tensor<D>,
        labels: Tensor<1, Int>,
        perturbation: &Perturbation,
    ) -> Result<Bounds, BoundError> {
        self.bounds(input, perturbation, &Specification::Margins(labels))
    }

    /// Which images `[B]` are certified: those whose margins are positive on the whole region.
    ///
    /// # Errors
    ///
    /// As for [`bounds`](Self::bounds).
    pub fn certify<const D: usize>(
        &self,
        input: Tensor<D>,
        labels: Tensor<1, Int>,
        perturbation: &Perturbation,
    ) -> Result<Tensor<1, Bool>, BoundError> {
        let analysis = self.analyse(input, perturbation)?;
        let margins = analysis.lower(&Specification::Margins(labels), &self.config)?;
        Ok(certified(margins))
    }

    /// [`bounds`](Self::bounds) for a forward pass with several inputs, perturbed or fixed.
    ///
    /// # Errors
    ///
    /// As for [`bounds`](Self::bounds).
    pub fn bounds_of(
        &self,
        inputs: Vec<Input>,
        specification: &Specification,
    ) -> Result<Bounds, BoundError> {
        let analysis = self.analyse_inputs(inputs)?;
        analysis.bounds(specification, &self.config)
    }

    /// The module and the region around `input`, to be asked for several bounds.
    ///
    /// # Errors
    ///
    /// If the forward pass cannot be bounded or has no such output, a perturbation describes no
    /// region, or a perturbed parameter does not exist.
    pub fn analyse<const D: usize>(
        &self,
        input: Tensor<D>,
        perturbation: &Perturbation,
    ) -> Result<Analysis, BoundError> {
        self.analyse_inputs(vec![Input::perturbed(input, perturbation.clone())])
    }

    /// [`analyse`](Self::analyse) for a forward pass with several inputs, perturbed or fixed.
    ///
    /// # Errors
    ///
    /// As for [`analyse`](Self::analyse).
    pub fn analyse_inputs(&self, inputs: Vec<Input>) -> Result<Analysis, BoundError> {
        let analysis = self
            .cache
            .analyse_weights(&self.module, inputs, &self.weights)?;
        analysis.with_output(self.output)
    }
}
