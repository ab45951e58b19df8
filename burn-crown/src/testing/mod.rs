//! Tests of soundness: whether the bounds of a module hold at points of a region.
//!
//! [`check_soundness`] tries points of a region: random ones, corners, those to which gradients
//! lead (where the backend has them, else more that are drawn), and those at the kinks of the
//! relaxations. At each it compares every bound with the value
//! that it bounds: the intervals of all nodes of the recorded forward pass, the pre-activation
//! bounds of CROWN, the relaxation of every operator, by backward and by forward bounds, and the
//! bounds of the specification, for which the module's own forward pass gives the value. What does not hold is a [`Violation`], which names
//! the first node in topological order that is wrong, its operator and the module that made it.
//!
//! ```
//! use burn::{module::Module, nn, tensor::{Device, Tensor}};
//! use burn_crown::testing::check_soundness;
//! use burn_crown::{Bounded, Method, Perturbation};
//!
//! #[derive(Module, Bounded, Debug)]
//! struct Net {
//!     hidden: nn::Linear,
//!     output: nn::Linear,
//! }
//!
//! impl Net {
//!     fn forward(&self, x: Tensor<2>) -> Tensor<2> {
//!         self.output.forward(self.hidden.forward(x).tanh())
//!     }
//! }
//!
//! let device = Device::flex();
//! let linear = |inputs, outputs| nn::LinearConfig::new(inputs, outputs).init(&device);
//! let net = Net { hidden: linear(3, 8), output: linear(8, 2) };
//! let x = Tensor::<2>::ones([4, 3], &device);
//! let report = check_soundness(&net, x, &Perturbation::l2(0.5), Method::Crown)?;
//! println!("{} points, bounds {}", report.points, report.bounds[0].lower);
//! # Ok::<(), burn_crown::testing::SoundnessError>(())
//! ```
//!
//! Where parameters may change too, [`SoundnessCheck::with_weights`] draws points of their regions.
//!
//! With the feature `proptest`, `Regions` and `models` are strategies for
//! [proptest](https://docs.rs/proptest), and `assert_sound!` is the check: a failure shrinks to the
//! smallest region.

mod ball;
mod claims;
#[cfg(test)]
mod mutants;
mod points;
mod search;
#[cfg(feature = "proptest")]
mod strategies;
mod violation;

pub use points::RegionPoints;
#[cfg(feature = "proptest")]
pub use strategies::{Models, Regions, TestRegion, models};
pub use violation::{Claim, SoundnessError, Violation};

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Tensor};

use crate::bound::{Analysis, BoundConfig, Bounds, Input, Method};
use crate::bounded::Bounded;
use crate::error::BoundError;
use crate::perturbation::Perturbation;
use crate::spec::Specification;
use crate::tensor::AnyTensor;
use crate::trace::{GraphCache, parameters};
use crate::weights::WeightPerturbation;
use claims::Claims;
use search::Search;

/// Checks the bounds of a module's outputs over the region around `input` `[B, ...]`, in inference;
/// `method` is a [`Method`], a [`BoundConfig`], an array of such, or a [`SoundnessCheck`] with
/// options.
///
/// # Errors
///
/// [`SoundnessError::Violation`] if a bound does not hold, [`SoundnessError::Bound`] if there is
/// none.
pub fn check_soundness<M: Bounded, const D: usize>(
    module: &M,
    input: Tensor<D>,
    perturbation: &Perturbation,
    method: impl Into<SoundnessCheck>,
) -> Result<Report, SoundnessError> {
    let inputs = vec![Input::perturbed(input, perturbation.clone())];
    method.into().check(module, inputs)
}

/// What was found to hold.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many points were tried for each image.
    pub points: usize,
    /// How many nodes of the forward pass had their bounds checked.
    pub nodes: usize,
    /// The bounds of the specification by each method. Those that are infinite or not a number
    /// hold, as they certify nothing.
    pub bounds: Vec<Bounds>,
}

/// A check of soundness, with its options.
#[derive(Clone, Debug)]
pub struct SoundnessCheck {
    configs: Vec<BoundConfig>,
    specification: Specification,
    output: usize,
    weights: WeightPerturbation,
    points: usize,
    tolerance: Option<f64>,
    seed: u64,
}

/// How far rounding may take a value past a bound, relative to the largest value: far above the
/// rounding of a forward pass, far below what a wrong relaxation gives.
const TOLERANCE_F64: f64 = 1e-9;
const TOLERANCE_F32: f64 = 1e-4;
const TOLERANCE_BF16: f64 = 1e-1;

impl SoundnessCheck {
    /// A check of the bounds of all outputs by these methods, at 24 points of each image and those
    /// that are found from them.
    pub fn new(methods: impl IntoIterator<Item = impl Into<BoundConfig>>) -> Self {
        Self {
            configs: methods.into_iter().map(Into::into).collect(),
            specification: Specification::Outputs,
            output: 0,
            weights: WeightPerturbation::new(),
            points: 24,
            tolerance: None,
            seed: 0,
        }
    }

    /// The bounds of another specification.
    pub fn with_specification(mut self, specification: Specification) -> Self {
        self.specification = specification;
        self
    }

    /// Another output of the forward pass than the first, by its position from 0.
    pub fn with_output(mut self, output: usize) -> Self {
        self.output = output;
        self
    }

    /// Over a region of parameters too, or of parameters alone.
    pub fn with_weights(mut self, weights: WeightPerturbation) -> Self {
        self.weights = weights;
        self
    }

    /// Another number of points that are drawn without aim, at least 1.
    pub fn with_points(mut self, points: usize) -> Self {
        self.points = points.max(1);
        self
    }

    /// How far rounding may take a value past a bound, relative to the larger of 1 and the values
    /// and bounds at hand. Default: 1e-9 in `f64`, 1e-4 in `f32`, 0.1 in `bf16`.
    pub fn with_tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// What the points are drawn from.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checks a module around inputs of its forward pass, perturbed or fixed.
    ///
    /// # Errors
    ///
    /// As for [`check_soundness`].
    pub fn check<M: Bounded>(
        &self,
        module: &M,
        inputs: Vec<Input>,
    ) -> Result<Report, SoundnessError> {
        let module = module.valid();
        let cache = GraphCache::new();
        let analysis = cache.analyse_weights(&module, inputs.clone(), &self.weights)?;
        self.check_analysis(analysis, &module, &inputs)
    }

    /// [`check`](Self::check) for an analysis of the module around the inputs.
    fn check_analysis<M: Bounded>(
        &self,
        analysis: Analysis,
        module: &M,
        inputs: &[Input],
    ) -> Result<Report, SoundnessError> {
        let analysis = analysis.with_output(self.output)?;
        let mut sets = inputs
            .iter()
            .map(RegionPoints::of)
            .collect::<Result<Vec<_>, BoundError>>()?;
        let mut perturbed = Vec::new();
        for (position, parameter) in parameters(module).into_iter().enumerate() {
            if let Some(perturbation) = self.weights.of(&parameter) {
                perturbed.push(position);
                sets.push(RegionPoints::of_parameter(&parameter.value, perturbation));
            }
        }
        let probes = self
            .configs
            .iter()
            .map(|config| analysis.probe(config))
            .collect::<Result<Vec<_>, BoundError>>()?;
        let Some(probe) = probes.first() else {
            return Ok(Report {
                points: 0,
                nodes: 0,
                bounds: Vec::new(),
            });
        };
        let search = Search::new(probe, &sets, &perturbed, self.points, self.seed);
        let outputs = (0..search.count())
            .map(|point| {
                let (inputs, parameters) = search.tensors(point);
                let module = with_parameters(module, &parameters);
                let output = module.forward_all(inputs).swap_remove(self.output);
                let features = output.flatten_features();
                let shape = features.shape();
                features.reshape(&[1, shape[0], shape[1]])
            })
            .collect();
        let outputs = AnyTensor::cat(outputs, 0);
        let rows = analysis.rows(&self.specification)?;
        let mut bounds = Vec::new();
        for (index, (probe, config)) in probes.iter().zip(&self.configs).enumerate() {
            let claims = Claims {
                probe,
                search: &search,
                config,
                tolerance: self.tolerance_for(inputs[0].value().dtype()),
                seed: self.seed,
                is_first: index == 0,
            };
            claims.check().map_err(SoundnessError::Violation)?;
            let found = analysis.bounds(&self.specification, config)?;
            claims
                .specification_holds(&rows, &outputs, &found)
                .map_err(SoundnessError::Violation)?;
            bounds.push(found);
        }
        Ok(Report {
            points: search.count(),
            nodes: probe.nodes().len(),
            bounds,
        })
    }

    fn tolerance_for(&self, dtype: DType) -> f64 {
        self.tolerance.unwrap_or(match dtype {
            DType::F64 => TOLERANCE_F64,
            DType::F32 | DType::Flex32 => TOLERANCE_F32,
            _ => TOLERANCE_BF16,
        })
    }
}

impl From<BoundConfig> for SoundnessCheck {
    fn from(config: BoundConfig) -> Self {
        Self::new([config])
    }
}

impl From<Method> for SoundnessCheck {
    fn from(method: Method) -> Self {
        Self::new([method])
    }
}

impl<T: Into<BoundConfig>, const N: usize> From<[T; N]> for SoundnessCheck {
    fn from(methods: [T; N]) -> Self {
        Self::new(methods)
    }
}

/// The module with other values `[1, ...]` of the parameters at these positions.
fn with_parameters<M: Module>(module: &M, values: &[(usize, AnyTensor)]) -> M {
    struct Replacing<'a> {
        position: usize,
        values: &'a [(usize, AnyTensor)],
    }

    impl ModuleMapper for Replacing<'_> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let here = self.position;
            self.position += 1;
            match self.values.iter().find(|(position, _)| *position == here) {
                Some((_, value)) => {
                    let change = |old: Tensor<D>| value.clone().reshape(&old.dims()).into_tensor();
                    param.map(change)
                }
                None => param,
            }
        }
    }

    let position = 0;
    // Clones share their running statistics, but not what `valid` gives.
    module.valid().map(&mut Replacing { position, values })
}
