//! What may change in a module's parameters.

use crate::error::BoundError;
use crate::ops::Region;
use crate::perturbation::Perturbation;
use crate::trace::Parameter;

/// Which parameters of a module may change, and how far: perturbed weights (Xu et al. 2020, arXiv
/// 2002.12920).
///
/// A path names a parameter, such as `hidden.weight`, or a module, such as `hidden` or
/// `layers.0`: all float parameters and running statistics in it. The empty path is the whole
/// module. Where several entries name a parameter, the last one counts.
///
/// Each parameter has a region of its own: a ball of the [`Perturbation`]'s radius around the
/// parameter as it is, or a box; there are no substitutions. Channels of a perturbation are dim 1 of the parameter, which is the
/// output of a [`Linear`](burn::nn::Linear)'s weight.
///
/// All images of a batch share one set of parameters. The bounds are computed image by image, each
/// over the whole region: a certificate for an image holds for every set of parameters in it.
///
/// ```
/// use burn::{module::Module, nn, tensor::{Device, Tensor}};
/// use burn_crown::{Bounded, Input, Perturbation, Specification, Verifier, WeightPerturbation};
///
/// #[derive(Module, Bounded, Debug)]
/// struct Net {
///     output: nn::Linear,
/// }
///
/// impl Net {
///     fn forward(&self, x: Tensor<2>) -> Tensor<2> {
///         self.output.forward(x)
///     }
/// }
///
/// let device = Device::flex();
/// let net = Net { output: nn::LinearConfig::new(2, 3).init(&device) };
/// let weights = WeightPerturbation::new()
///     .with("output", Perturbation::linf(0.01))
///     .with("output.bias", Perturbation::linf(0.0));
/// let x = Input::fixed(Tensor::<2>::from_floats([[1.0, -2.0]], &device));
/// let verifier = Verifier::new(net).with_weights(weights);
/// let bounds = verifier.bounds_of(vec![x], &Specification::Outputs)?;
/// // Each output moves by at most 0.01 · (|1| + |−2|).
/// let width = (bounds.upper - bounds.lower).max().into_scalar::<f32>();
/// assert!((width - 0.06).abs() < 1e-5);
/// # Ok::<(), burn_crown::BoundError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct WeightPerturbation {
    entries: Vec<(String, Perturbation)>,
}

impl WeightPerturbation {
    /// No parameter may change.
    pub fn new() -> Self {
        Self::default()
    }

    /// The parameter at a path, or all in the module at it, may change too.
    pub fn with(mut self, path: impl Into<String>, perturbation: Perturbation) -> Self {
        self.entries.push((path.into(), perturbation));
        self
    }

    /// Whether no path was given.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// That of a parameter, if it has one.
    pub(crate) fn of(&self, parameter: &Parameter) -> Option<&Perturbation> {
        let mut entries = self.entries.iter().rev();
        let entry = entries.find(|(path, _)| names(path, &parameter.path));
        entry.map(|(_, perturbation)| perturbation)
    }

    /// The regions `[B, ...]` of the perturbed ones among the parameters.
    pub(crate) fn regions(
        &self,
        parameters: &[Parameter],
        batch: usize,
    ) -> Result<Vec<Option<Region>>, BoundError> {
        for (path, _) in &self.entries {
            if !parameters
                .iter()
                .any(|parameter| names(path, &parameter.path))
            {
                return Err(unknown(path, parameters));
            }
        }
        let region = |parameter: &Parameter| {
            let Some(perturbation) = self.of(parameter) else {
                return Ok(None);
            };
            let region = perturbation.region_of_parameter(&parameter.value);
            let region = region.map_err(|error| BoundError::WeightPerturbation {
                path: parameter.path.clone(),
                reason: Box::new(error),
            })?;
            Ok(Some(region.rearrange(|x| x.copies(batch))))
        };
        parameters.iter().map(region).collect()
    }
}

/// Whether a path is that of a parameter, or of a module around it.
fn names(path: &str, parameter: &str) -> bool {
    let rest = parameter.strip_prefix(path);
    rest.is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with('.'))
}

/// How many paths an error lists.
const LISTED: usize = 12;

/// The error for a path that names nothing: it lists the parameters whose paths begin like it.
fn unknown(path: &str, parameters: &[Parameter]) -> BoundError {
    let alike = |other: &str| {
        let pairs = path.chars().zip(other.chars());
        pairs.take_while(|(left, right)| left == right).count()
    };
    let mut known: Vec<&str> = parameters
        .iter()
        .map(|parameter| parameter.path.as_str())
        .collect();
    known.sort_by_key(|known| std::cmp::Reverse(alike(known)));
    let mut near: Vec<String> = known
        .iter()
        .take(LISTED)
        .map(|path| format!("`{path}`"))
        .collect();
    if known.len() > LISTED {
        near.push(format!("and {} more", known.len() - LISTED));
    }
    BoundError::UnknownParameter {
        path: path.into(),
        known: near.join(", "),
    }
}
