//! What was certified, in a form that others can read and check.
//!
//! A [`Certificate`] is about one image. It names the network and the image by their SHA-256 hashes,
//! and says which region was bounded, by which method, in which arithmetic, and what came of it. A
//! file of certificates has one line of JSON an image. It has a line for images that are **not**
//! certified too, with `"certified": false`: who reads it can count them, and sees that none was
//! left out.
//!
//! [`recheck`](crate::recheck) bounds the same margins anew, by a slow and independent path. It is
//! about real arithmetic, so it says nothing of a [`CertifiedStatement::NetworkAsRun`].

mod arithmetic;
mod hash;

pub use arithmetic::{Arithmetic, CertifiedStatement, Precision, RoundingMode};
pub use hash::sha256;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::bound::{BoundConfig, LowerSlope, Method};
use crate::bounded::Bounded;
use crate::error::TraceError;
use crate::perturbation::Norm;
use crate::tensor::AnyTensor;

/// The statement that a network gives an image's class for every image in a region, or the record
/// that this could not be shown.
///
/// Fields that a reader does not know are an error, for they may restrict what is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The version of this form, [`Certificate::FORM`].
    pub form: u32,
    /// The program that computed it, with its version.
    pub computed_by: String,
    /// The network.
    pub model: ModelIdentity,
    /// The image.
    pub image: ImageIdentity,
    /// The images around it that the statement is about.
    pub region: CertifiedRegion,
    /// How the bounds were computed.
    pub bound: CertifiedBound,
    /// In which arithmetic, and what that means for the statement.
    pub arithmetic: Arithmetic,
    /// Lower bounds of the margins over the region: the output of the label's class minus that of
    /// each other class, in increasing order of classes. None where there is no finite bound.
    pub margins: Vec<Option<f64>>,
    /// Whether all margins are positive.
    pub certified: bool,
}

/// Which network: its parameters and what its forward pass does, both by SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelIdentity {
    /// Its name in the experiment.
    pub name: String,
    /// Of the parameters and running statistics as they were loaded, in the order in which the
    /// module is visited: paths, data types, shapes and values.
    pub parameters: String,
    /// Of the operators that the forward pass runs for one image, with their options, shapes and
    /// constants, as Burn records them.
    pub operators: String,
}

/// Which image of which dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageIdentity {
    /// The dataset.
    pub dataset: String,
    /// The part of it, such as `test`.
    pub split: String,
    /// The image's number in that part, from 0.
    pub index: usize,
    /// SHA-256 of its pixels, a byte each, channel by channel, row by row.
    pub pixels: String,
    /// Its class.
    pub label: usize,
}

/// A norm ball around the image, in pixel units and as the network gets it.
///
/// Its centre is the image as the data set gives it to the network: normalised, in `f32`. That is
/// off from the pixels by a rounding, at most 2⁻²³ of the numbers in the normalisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedRegion {
    /// The norm of the change of the pixels.
    pub norm: Norm,
    /// The radius, for pixels in `[0, 1]`.
    pub epsilon: f64,
    /// The range that changed pixels must stay in, if there is one.
    pub range: Option<[f64; 2]>,
    /// The same region for the network's input, which is the pixels after normalisation.
    pub applied: AppliedRegion,
}

/// A region in the scale of the network's input. Each list has a number for every channel, or one
/// for all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppliedRegion {
    /// The factor on the radius.
    pub scale: Vec<f64>,
    /// The smallest and largest values, where there is a range.
    pub range: Option<[Vec<f64>; 2]>,
}

/// How margins were bounded: what of a [`BoundConfig`] counts for the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedBound {
    /// The bound method.
    pub method: Method,
    /// The lower slope of rectifiers.
    pub slope: LowerSlope,
    /// Whether [`Method::Crown`] bounded every neuron by a backward pass.
    pub all_neurons: bool,
}

impl From<&BoundConfig> for CertifiedBound {
    fn from(config: &BoundConfig) -> Self {
        Self {
            method: config.method,
            slope: config.slope,
            all_neurons: config.all_neurons,
        }
    }
}

impl Certificate {
    /// The version of the form that this library writes and reads.
    pub const FORM: u32 = 1;

    /// Whether lower bounds of margins certify: there is one for each other class, and all are
    /// positive and finite.
    pub fn certifies(margins: &[Option<f64>]) -> bool {
        let positive = |margin: &Option<f64>| margin.is_some_and(|m| m > 0.0 && m.is_finite());
        !margins.is_empty() && margins.iter().all(positive)
    }

    /// Whether it says the same everywhere.
    ///
    /// # Errors
    ///
    /// What does not go together: another version of the form, a verdict that does not follow from
    /// the margins, numbers that are not finite, a statement that does not follow from the
    /// arithmetic.
    pub fn check(&self) -> Result<(), String> {
        if self.form != Self::FORM {
            return Err(format!(
                "it is of form {}, which this version, for form {}, does not read",
                self.form,
                Self::FORM
            ));
        }
        if self.margins.iter().flatten().any(|m| !m.is_finite()) {
            return Err("a margin is not finite".into());
        }
        if self.certified != Self::certifies(&self.margins) {
            return Err(format!(
                "it says `certified: {}`, which its margins do not give",
                self.certified
            ));
        }
        if !(self.region.epsilon.is_finite() && self.region.epsilon >= 0.0) {
            return Err(format!("the radius is {}", self.region.epsilon));
        }
        if self.region.range.is_some() != self.region.applied.range.is_some() {
            return Err("the pixels and the network's input have not both a range".into());
        }
        self.arithmetic.check()
    }
}

impl ModelIdentity {
    /// The identity of a module, for inputs of the shape and the data type of one image `[1, ...]`.
    ///
    /// # Errors
    ///
    /// If the forward pass cannot be recorded.
    pub fn of<M: Bounded, const D: usize>(
        name: impl Into<String>,
        module: &M,
        image: Tensor<D>,
    ) -> Result<Self, TraceError> {
        Ok(Self {
            name: name.into(),
            parameters: hash::parameters(module),
            operators: hash::operators(module, AnyTensor::new(image))?,
        })
    }
}
