//! Checking a certificate against model and data.

use std::fmt;

use burn::data::dataset::Dataset;
use burn::tensor::{Device, Tensor};
use burn_crown::Bounded;
use burn_crown::certificate::{AppliedRegion, Certificate, CertifiedStatement, ModelIdentity};
use burn_crown::recheck::{Recheck, RecheckError, RecheckRegion};

use super::issue::image_identity;
use crate::data::{DatasetName, ImageDataset};
use crate::region::certified_region;

/// What the check of a certificate says.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The checker's own bounds are at least those of the certificate, but for the tolerance, and
    /// where it says that the image is certified they are all positive.
    Confirmed {
        /// The smallest of the checker's own bounds.
        least: f64,
    },
    /// The checker's own bounds are all positive, so the image is certified, but one is lower than
    /// the certificate says.
    Weaker {
        /// By how much.
        by: f64,
        /// The smallest of the checker's own bounds.
        least: f64,
    },
    /// What the certificate says is not so, or cannot be shown.
    Refuted(String),
}

impl Verdict {
    /// Whether the certificate holds as it stands.
    pub fn is_confirmed(&self) -> bool {
        matches!(self, Self::Confirmed { .. })
    }

    fn refuted<T>(reason: impl Into<String>) -> Result<T, Self> {
        Err(Self::Refuted(reason.into()))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confirmed { least } => {
                write!(f, "confirmed: the smallest margin is at least {least}")
            }
            Self::Weaker { by, least } => write!(
                f,
                "weaker: certified, but a margin is lower than claimed by {by}; the smallest margin \
                 is at least {least}"
            ),
            Self::Refuted(reason) => write!(f, "refuted: {reason}"),
        }
    }
}

/// Checks the certificates of a model by the library's independent
/// [`recheck`](burn_crown::recheck).
#[derive(Clone, Debug)]
pub struct Checker {
    model: ModelIdentity,
    dataset: DatasetName,
    images: ImageDataset,
    network: Recheck,
}

impl Checker {
    /// For a model, on images that are normalised as it needs them.
    ///
    /// # Errors
    ///
    /// If the checker cannot follow the model.
    pub fn new<M: Bounded>(
        name: &str,
        model: &M,
        dataset: DatasetName,
        images: ImageDataset,
        device: &Device,
    ) -> Result<Self, RecheckError> {
        let [channels, height, width] = images.shape();
        let image = match images.is_empty() {
            true => Tensor::<4>::zeros([1, channels, height, width], device),
            false => images.tensors(0..1, device).0,
        };
        Ok(Self {
            model: ModelIdentity::of(name, model, image.clone())?,
            network: Recheck::new(model, image)?,
            dataset,
            images,
        })
    }

    /// How many images there are.
    pub fn images(&self) -> usize {
        self.images.len()
    }

    /// Bounds the margins anew, and compares. Bounds that are lower than those of the certificate by
    /// at most `tolerance`, relative to them or to 1, count as equal; by default it is that of the
    /// certificate's [arithmetic](burn_crown::certificate::Arithmetic::tolerance).
    pub fn check(&self, certificate: &Certificate, tolerance: Option<f64>) -> Verdict {
        let tolerance = tolerance.unwrap_or(certificate.arithmetic.tolerance());
        self.try_check(certificate, tolerance)
            .unwrap_or_else(|verdict| verdict)
    }

    fn try_check(&self, certificate: &Certificate, tolerance: f64) -> Result<Verdict, Verdict> {
        if certificate.arithmetic.statement == CertifiedStatement::NetworkAsRun {
            return Verdict::refuted(
                "it is about the network as it runs; this check is of the network in real \
                 arithmetic, which says nothing of it",
            );
        }
        self.check_model(&certificate.model)?;
        self.check_image(certificate)?;
        let region = self.check_region(certificate)?;
        let own = self.margins(certificate, &region)?;
        compare(certificate, &own, tolerance)
    }

    fn check_model(&self, model: &ModelIdentity) -> Result<(), Verdict> {
        if model.parameters != self.model.parameters {
            return Verdict::refuted(format!(
                "it is for a model with other parameters: their SHA-256 is {}, that of the model at \
                 hand {}",
                model.parameters, self.model.parameters
            ));
        }
        if model.operators != self.model.operators {
            return Verdict::refuted(format!(
                "it is for a model that computes something else: the SHA-256 of its operators is {}, \
                 that of the model at hand {}",
                model.operators, self.model.operators
            ));
        }
        Ok(())
    }

    fn check_image(&self, certificate: &Certificate) -> Result<(), Verdict> {
        let claimed = &certificate.image;
        if claimed.index >= self.images.len() {
            return Verdict::refuted(format!(
                "there is no image {}, there are {}",
                claimed.index,
                self.images.len()
            ));
        }
        let found = image_identity(self.dataset, &self.images, claimed.index);
        if (&claimed.dataset, &claimed.split) != (&found.dataset, &found.split) {
            return Verdict::refuted(format!(
                "it is for {} of {}, not for {} of {}",
                claimed.split, claimed.dataset, found.split, found.dataset
            ));
        }
        if claimed.pixels != found.pixels {
            return Verdict::refuted(format!(
                "image {} is another one: the SHA-256 of its pixels is {}, not {}",
                claimed.index, found.pixels, claimed.pixels
            ));
        }
        if claimed.label != found.label {
            return Verdict::refuted(format!(
                "the label of image {} is {}, not {}",
                claimed.index, found.label, claimed.label
            ));
        }
        Ok(())
    }

    /// The region of the network's input, if the certificate's is that of the pixels.
    fn check_region(&self, certificate: &Certificate) -> Result<AppliedRegion, Verdict> {
        let region = &certificate.region;
        if region.range.is_some_and(|range| range != [0.0, 1.0]) {
            return Verdict::refuted("the range of pixels is not 0 to 1");
        }
        let expected = certified_region(
            region.norm,
            region.epsilon,
            region.range.is_some(),
            &self.images.normalization(),
        );
        if !agree(&region.applied, &expected.applied) {
            return Verdict::refuted(format!(
                "the region of the network's input, {:?}, is not that of the pixels, {:?}",
                region.applied, expected.applied
            ));
        }
        Ok(expected.applied)
    }

    fn margins(
        &self,
        certificate: &Certificate,
        applied: &AppliedRegion,
    ) -> Result<Vec<f64>, Verdict> {
        let (region, bound) = (&certificate.region, &certificate.bound);
        let range = applied.range.as_ref();
        let range = range.map(|[lower, upper]| (lower.as_slice(), upper.as_slice()));
        RecheckRegion::new(
            &self.images.values(certificate.image.index),
            self.images.shape(),
            region.norm,
            region.epsilon,
            &applied.scale,
            range,
        )
        .and_then(|around| {
            self.network.margins(
                &around,
                certificate.image.label,
                bound.method,
                bound.slope,
                bound.all_neurons,
            )
        })
        .map_err(|error| Verdict::Refuted(error.to_string()))
    }
}

/// Whether two regions are the same but for the last digits of a computation.
fn agree(left: &AppliedRegion, right: &AppliedRegion) -> bool {
    let close = |left: &[f64], right: &[f64]| {
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * b.abs().max(1.0);
        left.len() == right.len() && left.iter().zip(right).all(near)
    };
    let ranges = match (&left.range, &right.range) {
        (Some(left), Some(right)) => close(&left[0], &right[0]) && close(&left[1], &right[1]),
        (None, None) => true,
        _ => false,
    };
    ranges && close(&left.scale, &right.scale)
}

fn compare(certificate: &Certificate, own: &[f64], tolerance: f64) -> Result<Verdict, Verdict> {
    if own.len() != certificate.margins.len() {
        return Verdict::refuted(format!(
            "it has {} margins, the model {}",
            certificate.margins.len(),
            own.len()
        ));
    }
    let least = own.iter().copied().fold(f64::INFINITY, |least, own| {
        if own < least || own.is_nan() {
            own
        } else {
            least
        }
    });
    let holds = |own: f64| own > 0.0 || !certificate.certified;
    let (mut by, mut within) = (0.0_f64, true);
    for (claimed, &own) in certificate.margins.iter().zip(own) {
        if !holds(own) {
            return Verdict::refuted(format!(
                "it says that the image is certified, but a margin is only shown to be at least {own}"
            ));
        }
        let Some(claimed) = *claimed else { continue };
        let gap = claimed - own;
        // Neither holds of a gap or a tolerance that is not a number.
        let close = gap <= tolerance * claimed.abs().max(1.0);
        if !close {
            within = false;
            if !certificate.certified {
                return Verdict::refuted(format!(
                    "it says that a margin is at least {claimed}, but that is only shown of {own}"
                ));
            }
        }
        by = by.max(gap);
    }
    Ok(match within {
        true => Verdict::Confirmed { least },
        false => Verdict::Weaker { by, least },
    })
}
