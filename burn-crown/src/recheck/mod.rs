//! An independent check of bounds: slow, simple, and written apart from what it checks.
//!
//! The library bounds many images at once, with Burn's tensors, on a graph of its own. The checker
//! bounds one image at a time with plain loops over `f64`, on Burn's own record of the forward pass
//! for a single image. All that the two share is that record, the names of the methods, and the
//! parameters.
//!
//! Its bounds hold for the network in real arithmetic: every operation rounds outward, and what
//! rounding may have changed in a backward pass is paid for by the bound. So where it confirms a
//! certificate that was computed without regard to rounding, nothing depends on that any more.
//!
//! It has the operators of common image classifiers: linear layers and products with fixed matrices,
//! convolutions in one and two dims, batch normalisation, average and max pooling, rectifiers, plain
//! and leaky, sums, differences, products and quotients with fixed values, sums and means over
//! dims, and rearrangements. It refuses others by name.

mod backward;
mod network;
mod number;
mod places;
mod read;
mod region;
mod relax;
mod step;

pub use region::RecheckRegion;

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::Tensor;

use crate::bound::{LowerSlope, Method};
use crate::bounded::Bounded;
use crate::error::TraceError;
use crate::tensor::AnyTensor;
use crate::trace::{panic_message, parameters, record};
use backward::{By, lower_bounds};
use network::Network;

/// Why something cannot be checked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecheckError {
    /// The forward pass cannot be recorded.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// An operator that the checker does not have.
    #[error("the operator `{operator}` cannot be checked: {reason}")]
    Operator {
        /// Burn's name of the operator.
        operator: String,
        /// Why.
        reason: String,
    },
    /// A record that the checker cannot follow.
    #[error("the recording of the forward pass cannot be followed: {0}")]
    Unreadable(String),
    /// The forward pass on an image differs from what the checker computes.
    #[error("the forward pass gives {expected} where the checker computes {found}")]
    Differs {
        /// What the module gives.
        expected: f64,
        /// What the checker computes.
        found: f64,
    },
    /// What is no single image.
    #[error("the image has the shape {shape:?}; give one image, [1, ...]")]
    Image {
        /// The shape that was given.
        shape: Vec<usize>,
    },
    /// Numbers that describe no region around an image.
    #[error("the region is not valid: {0}")]
    Region(String),
    /// A method by which the checker does not bound.
    #[error(
        "the method is {0}; the checker has IBP, CROWN-IBP, CROWN and the convex adversarial polytope"
    )]
    Method(Method),
    /// A label that is no class.
    #[error("the label {label} is none of the {classes} classes")]
    Label {
        /// The label.
        label: usize,
        /// How many classes the network has.
        classes: usize,
    },
}

/// A network as the checker sees it: the forward pass for one image, with the parameters in `f64`.
///
/// ```
/// use burn::{module::Module, nn, tensor::{Device, Tensor, activation::relu}};
/// use burn_crown::recheck::{Recheck, RecheckRegion};
/// use burn_crown::{Bounded, LowerSlope, Method, Norm};
///
/// #[derive(Module, Bounded, Debug)]
/// struct Net {
///     hidden: nn::Linear,
///     output: nn::Linear,
/// }
///
/// impl Net {
///     fn forward(&self, image: Tensor<4>) -> Tensor<2> {
///         self.output.forward(relu(self.hidden.forward(image.flatten(1, 3))))
///     }
/// }
///
/// # let device = Device::flex();
/// let net = Net {
///     hidden: nn::LinearConfig::new(4, 8).init(&device),
///     output: nn::LinearConfig::new(8, 3).init(&device),
/// };
/// let checker = Recheck::new(&net, Tensor::<4>::zeros([1, 1, 2, 2], &device))?;
/// let image = [0.1, 0.9, 0.4, 0.6];
/// let region = RecheckRegion::new(&image, [1, 2, 2], Norm::Linf, 0.01, &[1.0], None)?;
/// let margins = checker.margins(&region, 2, Method::Crown, LowerSlope::Adaptive, false)?;
/// assert_eq!(margins.len(), 2);
/// # Ok::<(), burn_crown::recheck::RecheckError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recheck {
    network: Network,
}

/// How far the checker's forward pass may be from the module's, relative to the largest output: far
/// above rounding, far below what another function would give.
const TOLERANCE: f64 = 1e-2;

impl Recheck {
    /// Reads a module's forward pass, and checks that it gives what the module gives on `image`
    /// `[1, ...]`.
    ///
    /// # Errors
    ///
    /// If `image` is no single one, or if the forward pass cannot be recorded, has an operator that the checker does not have, or
    /// computes something else than what it recorded.
    pub fn new<M: Bounded, const D: usize>(
        module: &M,
        image: Tensor<D>,
    ) -> Result<Self, RecheckError> {
        let image = AnyTensor::new(image);
        let shape = image.shape();
        if shape[0] != 1 || shape.contains(&0) {
            return Err(RecheckError::Image { shape });
        }
        let record = record(module, std::slice::from_ref(&image))?;
        let values: Vec<Vec<f64>> = parameters(&module.valid())
            .into_iter()
            .map(|parameter| parameter.value.values())
            .collect();
        let network = Network::read(&record, &values)?;
        let checker = Self { network };
        let run = || module.valid().forward_all(vec![image.clone()]);
        let outputs =
            catch_unwind(AssertUnwindSafe(run)).map_err(|panic| TraceError::ForwardPanicked {
                message: panic_message(&*panic),
            })?;
        let expected: Vec<f64> = outputs
            .into_iter()
            .next()
            .map(AnyTensor::values)
            .unwrap_or_default();
        checker.agrees(&image.values(), &expected)?;
        Ok(checker)
    }

    fn agrees(&self, image: &[f64], expected: &[f64]) -> Result<(), RecheckError> {
        let known = self.network.evaluate(&RecheckRegion::point(image));
        let found = &known[self.network.output];
        if found.len() != expected.len() {
            return Err(RecheckError::Unreadable(format!(
                "{} outputs in place of {}",
                found.len(),
                expected.len()
            )));
        }
        let largest = expected
            .iter()
            .fold(1e-30, |most: f64, x| most.max(x.abs()));
        for (found, &expected) in found.iter().zip(expected) {
            let found = 0.5 * (found.lower + found.upper);
            let distance = (found - expected).abs();
            if distance.is_nan() || distance > TOLERANCE * largest {
                return Err(RecheckError::Differs { expected, found });
            }
        }
        Ok(())
    }

    /// How many outputs the network has.
    pub fn classes(&self) -> usize {
        self.network.values[self.network.output].size
    }

    /// Lower bounds of the margins of a label over a region, `classes − 1` of them: the output of
    /// the label's class minus that of each other class, in increasing order of classes. They hold
    /// in real arithmetic; NaN or −∞ where there is no bound.
    ///
    /// `slope` and `all_neurons` are those of [`BoundConfig`](crate::BoundConfig), and count for the
    /// methods for which they count there.
    ///
    /// # Errors
    ///
    /// If the label is no class, the region is of images of another size, or the method is a forward
    /// one, of which the checker has none.
    pub fn margins(
        &self,
        region: &RecheckRegion,
        label: usize,
        method: Method,
        slope: LowerSlope,
        all_neurons: bool,
    ) -> Result<Vec<f64>, RecheckError> {
        if matches!(method, Method::Forward | Method::ForwardBackward) {
            return Err(RecheckError::Method(method));
        }
        let classes = self.classes();
        if label >= classes {
            return Err(RecheckError::Label { label, classes });
        }
        let inputs = self.network.values.iter();
        let mut inputs = inputs.filter(|value| matches!(value.kind, network::Kind::Input));
        if inputs.any(|value| value.size != region.hull().len()) {
            return Err(RecheckError::Region(format!(
                "it is of images of {} numbers",
                region.hull().len()
            )));
        }
        let polytope = method == Method::ConvexAdversarial;
        let by = By {
            method,
            slope: if polytope { LowerSlope::Same } else { slope },
            all_neurons: all_neurons || polytope,
        };
        let rows: Vec<Vec<f64>> = (0..classes)
            .filter(|&other| other != label)
            .map(|other| {
                let mut row = vec![0.0; classes];
                row[label] = 1.0;
                row[other] = -1.0;
                row
            })
            .collect();
        Ok(lower_bounds(&self.network, region, by, &rows))
    }
}
