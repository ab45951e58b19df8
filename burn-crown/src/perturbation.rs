//! What may change at the input.

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::BoundError;
use crate::ops::{Ball, Interval, Region};
use crate::tensor::{AnyTensor, Surrounds, widened};

mod substitution;

/// The norm that measures a perturbation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Norm {
    /// The largest change of an element.
    Linf,
    /// The Euclidean norm.
    L2,
    /// The sum of absolute changes.
    L1,
    /// `(Σ |δ|^p)^(1/p)` for a finite `p ≥ 1`.
    Lp(f64),
}

impl Norm {
    /// The exponent of the dual norm, `1/p + 1/q = 1`.
    fn dual(self) -> Result<f64, BoundError> {
        match self {
            Self::Linf => Ok(1.0),
            Self::L2 => Ok(2.0),
            Self::L1 => Ok(f64::INFINITY),
            Self::Lp(1.0) => Ok(f64::INFINITY),
            Self::Lp(p) if p.is_finite() && p > 1.0 => Ok(p / (p - 1.0)),
            Self::Lp(p) => Err(invalid(format!(
                "the exponent of an Lp norm is {p}, not in [1, ∞)"
            ))),
        }
    }
}

/// A set of inputs around a given one.
///
/// ```
/// use burn_crown::Perturbation;
///
/// // ε in the input's own scale; the perturbed image stays an image.
/// let linf = Perturbation::linf(0.1).with_range(0.0, 1.0);
/// // Data normalised per channel, (x − mean) / std: ε and range in pixels, scaled.
/// let (mean, std) = ([0.49, 0.48, 0.45], [0.25, 0.24, 0.26]);
/// let cifar = Perturbation::linf(8.0 / 255.0)
///     .with_channel_scale(std.map(f64::recip).to_vec())
///     .with_channel_range(
///         mean.iter().zip(std).map(|(mean, std)| (0.0 - mean) / std).collect(),
///         mean.iter().zip(std).map(|(mean, std)| (1.0 - mean) / std).collect(),
///     );
/// # let _ = (linf, cifar);
/// ```
#[derive(Clone, Debug)]
pub struct Perturbation {
    pub(crate) shape: RegionShape,
    pub(crate) scale: Option<Vec<f64>>,
    pub(crate) range: Option<(Vec<f64>, Vec<f64>)>,
}

/// The set, before it is cut with a valid range.
#[derive(Clone, Debug)]
pub(crate) enum RegionShape {
    Ball {
        norm: Norm,
        radius: f64,
    },
    Between(Box<Interval>),
    Substitution {
        candidates: Box<AnyTensor>,
        changes: usize,
    },
}

impl Perturbation {
    /// Every element by at most `epsilon`, in the input's own scale.
    pub fn linf(epsilon: f64) -> Self {
        Self::ball(Norm::Linf, epsilon)
    }

    /// A Euclidean distance of at most `epsilon`.
    pub fn l2(epsilon: f64) -> Self {
        Self::ball(Norm::L2, epsilon)
    }

    /// A sum of absolute changes of at most `epsilon`.
    pub fn l1(epsilon: f64) -> Self {
        Self::ball(Norm::L1, epsilon)
    }

    /// A distance of at most `epsilon` in a norm.
    pub fn ball(norm: Norm, epsilon: f64) -> Self {
        let shape = RegionShape::Ball {
            norm,
            radius: epsilon,
        };
        Self::of(shape)
    }

    /// Every point between two tensors of the input's shape, whatever the input is.
    pub fn between<const D: usize>(lower: Tensor<D>, upper: Tensor<D>) -> Self {
        let interval = Interval {
            lower: AnyTensor::new(lower),
            upper: AnyTensor::new(upper),
        };
        Self::of(RegionShape::Between(Box::new(interval)))
    }

    fn of(shape: RegionShape) -> Self {
        Self {
            shape,
            scale: None,
            range: None,
        }
    }

    /// The valid range of every element; the region is cut with it.
    pub fn with_range(self, lower: f64, upper: f64) -> Self {
        self.with_channel_range(vec![lower], vec![upper])
    }

    /// The valid range of each channel (dim 1 of the input).
    pub fn with_channel_range(mut self, lower: Vec<f64>, upper: Vec<f64>) -> Self {
        self.range = Some((lower, upper));
        self
    }

    /// A factor on the radius for each channel (dim 1 of the input): `1 / std` for data that was
    /// normalised by `std`. The norm is taken of the change divided by the factor.
    pub fn with_channel_scale(mut self, scale: Vec<f64>) -> Self {
        self.scale = Some(scale);
        self
    }

    /// The same perturbation at another radius. A region [`between`](Self::between) two tensors
    /// or of [substitutions](Self::substitution) has none and stays.
    pub fn with_radius(mut self, epsilon: f64) -> Self {
        if let RegionShape::Ball { radius, .. } = &mut self.shape {
            *radius = epsilon;
        }
        self
    }

    /// The radius of a ball, in the input's own scale.
    pub fn radius(&self) -> Option<f64> {
        match self.shape {
            RegionShape::Ball { radius, .. } => Some(radius),
            RegionShape::Between(_) | RegionShape::Substitution { .. } => None,
        }
    }

    /// The region around a parameter, whose first dim is no batch.
    pub(crate) fn region_of_parameter(&self, value: &AnyTensor) -> Result<Region, BoundError> {
        if matches!(self.shape, RegionShape::Substitution { .. }) {
            return Err(invalid(
                "substitutions are of words in texts; give a ball or a box".into(),
            ));
        }
        self.region(value)
    }

    /// The region around `x` `[B, ...]`.
    pub(crate) fn region(&self, x: &AnyTensor) -> Result<Region, BoundError> {
        let range = || {
            let range = self.range_of(x)?;
            range.map(|range| range_around(x, &range)).transpose()
        };
        match &self.shape {
            RegionShape::Substitution {
                candidates,
                changes,
            } => {
                if self.scale.is_some() || self.range.is_some() {
                    return Err(invalid(
                        "the candidates of a substitution are points, which have no radius to \
                         scale, and which a valid range does not cut; leave both out"
                            .into(),
                    ));
                }
                substitution::region(x, candidates, *changes)
            }
            RegionShape::Between(interval) => {
                if self.scale.is_some() {
                    return Err(invalid("a box has no radius to scale by channel".into()));
                }
                between(x, interval, range()?)
            }
            RegionShape::Ball { norm, radius } => {
                if !(radius.is_finite() && *radius >= 0.0) {
                    return Err(invalid(format!("the radius is {radius}, not in [0, ∞)")));
                }
                let dual = norm.dual()?;
                let radius = self.radius_of_channels(x, *radius)?;
                if dual == 1.0 {
                    let range = self.range_of(x)?;
                    let [lower, upper] = Surrounds { radius, range }.of(x).ok_or_else(outside)?;
                    return Ok(Region::Box(Interval { lower, upper }));
                }
                Ok(Region::Ball(Ball {
                    center: x.clone(),
                    radius: radius.expand(&x.shape()),
                    dual,
                    range: range()?,
                }))
            }
        }
    }

    /// The radius of a ball around `x`: one number, or one for each channel.
    fn radius_of_channels(&self, x: &AnyTensor, radius: f64) -> Result<AnyTensor, BoundError> {
        let Some(scale) = &self.scale else {
            return Ok(AnyTensor::full(&vec![1; x.rank()], radius, x));
        };
        if scale
            .iter()
            .any(|scale| !(scale.is_finite() && *scale >= 0.0))
        {
            return Err(invalid(format!("a channel scale of {scale:?}")));
        }
        Ok(channels(x, scale, "scale")?.mul_scalar(radius))
    }

    /// The ends of the valid range, each one number, or one for each channel.
    fn range_of(&self, x: &AnyTensor) -> Result<Option<[AnyTensor; 2]>, BoundError> {
        let Some((lower, upper)) = &self.range else {
            return Ok(None);
        };
        let ordered = lower.iter().zip(upper).all(|(lower, upper)| lower <= upper);
        if lower.len() != upper.len() || !ordered {
            return Err(invalid(format!(
                "the valid range is {lower:?} to {upper:?}"
            )));
        }
        Ok(Some([
            channels(x, lower, "range")?,
            channels(x, upper, "range")?,
        ]))
    }
}

/// The valid range, where it holds the input.
fn range_around(x: &AnyTensor, range: &[AnyTensor; 2]) -> Result<Interval, BoundError> {
    let [lower, upper] = widened(x, range).ok_or_else(outside)?;
    Ok(Interval { lower, upper })
}

fn outside() -> BoundError {
    invalid(
        "the input is not a number or lies outside its valid range; give the range in the \
         scale of the input, after any normalisation"
            .into(),
    )
}

fn between(
    x: &AnyTensor,
    interval: &Interval,
    range: Option<Interval>,
) -> Result<Region, BoundError> {
    let Interval { lower, upper } = interval.clone();
    if lower.shape() != x.shape() || upper.shape() != x.shape() {
        return Err(invalid(format!(
            "a box from {:?} to {:?} around an input of shape {:?}",
            lower.shape(),
            upper.shape(),
            x.shape()
        )));
    }
    for end in [&lower, &upper] {
        check_placement(x, end, "an end of the box is")?;
    }
    let gap = lower.sub(upper).detach().largest();
    if gap > 0.0 || gap.is_nan() {
        return Err(invalid(
            "the lower end of the box is above the upper one, or NaN".into(),
        ));
    }
    let interval = interval.clone();
    Ok(Region::Box(match range {
        Some(range) => {
            let cut = interval.intersect(range);
            if cut.lower.clone().greater(cut.upper.clone()).any() {
                return Err(invalid("the box lies outside the valid range".into()));
            }
            cut
        }
        None => interval,
    }))
}

/// Refuses a tensor of another type than the input, or on another device; `subject` is the message's
/// beginning.
fn check_placement(x: &AnyTensor, other: &AnyTensor, subject: &str) -> Result<(), BoundError> {
    let (other_is, input_is) = (other.placement(), x.placement());
    if other_is != input_is {
        return Err(invalid(format!(
            "{subject} {other_is}, the input {input_is}; convert one of them"
        )));
    }
    Ok(())
}

/// One value for all, or one a channel, shaped to broadcast over `x`.
fn channels(x: &AnyTensor, values: &[f64], what: &str) -> Result<AnyTensor, BoundError> {
    let mut shape = vec![1; x.rank()];
    if values.len() != 1 {
        let count = x.shape().get(1).copied();
        if count != Some(values.len()) {
            return Err(invalid(format!(
                "the {what} has {} channels, the input has shape {:?}",
                values.len(),
                x.shape()
            )));
        }
        shape[1] = values.len();
    }
    Ok(AnyTensor::from_data_like(
        TensorData::new(values.to_vec(), shape),
        x,
    ))
}

fn invalid(reason: String) -> BoundError {
    BoundError::Perturbation(reason)
}

/// An input of a forward pass: perturbed, or fixed.
#[derive(Clone, Debug)]
pub struct Input {
    value: AnyTensor,
    perturbation: Option<Perturbation>,
}

impl Input {
    /// An input that may change, `[B, ...]`.
    pub fn perturbed<const D: usize>(value: Tensor<D>, perturbation: Perturbation) -> Self {
        Self {
            value: AnyTensor::new(value),
            perturbation: Some(perturbation),
        }
    }

    /// An input that stays as it is, such as a mask: `[B, ...]`, or `[1, ...]` for all images.
    pub fn fixed<const D: usize>(value: Tensor<D>) -> Self {
        Self {
            value: AnyTensor::new(value),
            perturbation: None,
        }
    }

    /// Whether the input may change.
    pub fn is_perturbed(&self) -> bool {
        self.perturbation.is_some()
    }

    pub(crate) fn value(&self) -> &AnyTensor {
        &self.value
    }

    pub(crate) fn perturbation(&self) -> Option<&Perturbation> {
        self.perturbation.as_ref()
    }

    pub(crate) fn region(&self) -> Result<Region, BoundError> {
        match &self.perturbation {
            Some(perturbation) => perturbation.region(&self.value),
            None => Ok(Region::Fixed(self.value.clone())),
        }
    }
}
