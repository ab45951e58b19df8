//! The region of inputs.

use super::RecheckError;
use super::number::{Interval, Sum, largest, rounding, smallest};
use crate::perturbation::Norm;

/// All inputs whose distance from a given one is at most a radius, which may differ by element.
///
/// For L∞ a box, for L2 and L1 an ellipsoid: the norm is taken of the change divided by the radius.
#[derive(Clone, Debug)]
pub struct RecheckRegion {
    center: Vec<f64>,
    radius: Vec<f64>,
    norm: Norm,
    /// Every element by itself.
    hull: Vec<Interval>,
}

impl RecheckRegion {
    /// The region around an image `[C, H, W]`, of which `image` has the values as the network gets
    /// them.
    ///
    /// # Arguments
    /// - `norm`: L∞, L2 or L1.
    /// - `epsilon`: the radius.
    /// - `scale`: a factor on the radius for each channel, or one for all.
    /// - `range`: the smallest and largest values of each channel, or one of each for all.
    ///
    /// # Errors
    ///
    /// [`RecheckError::Region`], if the numbers describe no region around the image, or for other
    /// norms.
    pub fn new(
        image: &[f64],
        shape: [usize; 3],
        norm: Norm,
        epsilon: f64,
        scale: &[f64],
        range: Option<(&[f64], &[f64])>,
    ) -> Result<Self, RecheckError> {
        let invalid = |reason: String| Err(RecheckError::Region(reason));
        let [channels, height, width] = shape;
        let size = channels.checked_mul(height);
        let size = size.and_then(|size| size.checked_mul(width));
        if image.is_empty() || size != Some(image.len()) {
            return invalid(format!("{} values for the shape {shape:?}", image.len()));
        }
        if !image.iter().all(|value| value.is_finite()) {
            return invalid("the image is not finite".into());
        }
        if !matches!(norm, Norm::Linf | Norm::L2 | Norm::L1) {
            return invalid(format!("the norm {norm:?}; the checker has L∞, L2 and L1"));
        }
        if !(epsilon.is_finite() && epsilon >= 0.0) {
            return invalid(format!("the radius is {epsilon}, not in [0, ∞)"));
        }
        let fits = |values: &[f64]| values.len() == 1 || values.len() == channels;
        if !fits(scale) || !scale.iter().all(|scale| scale.is_finite() && *scale >= 0.0) {
            return invalid(format!("the scale {scale:?} for {channels} channels"));
        }
        if let Some((lower, upper)) = range {
            let ordered = lower.iter().zip(upper).all(|(lower, upper)| lower <= upper);
            if !fits(lower) || lower.len() != upper.len() || !ordered {
                return invalid(format!("the range {lower:?} to {upper:?}"));
            }
        }
        let of = |values: &[f64], at: usize| match values {
            [one] => *one,
            each => each[at / (height * width)],
        };
        let radius: Vec<f64> = (0..image.len())
            // A scale is a quotient of two numbers, and the product has a rounding of its own.
            .map(|at| (epsilon * of(scale, at) * (1.0 + 4.0 * f64::EPSILON)).next_up())
            .collect();
        let mut hull = Vec::with_capacity(image.len());
        for (at, (&value, &radius)) in image.iter().zip(&radius).enumerate() {
            let mut element = Interval::point(value).plus(Interval {
                lower: -radius,
                upper: radius,
            });
            if let Some((lower, upper)) = range {
                let (lower, upper) = (of(lower, at), of(upper, at));
                let slack = |end: f64| RANGE_TOLERANCE * end.abs().max(1.0);
                if value < lower - slack(lower) || value > upper + slack(upper) {
                    return invalid(format!("{value} is outside its range {lower} to {upper}"));
                }
                // The image itself is in the region, where rounding put it outside the range.
                element.lower = largest(element.lower, smallest(lower, value).next_down());
                element.upper = smallest(element.upper, largest(upper, value).next_up());
            }
            hull.push(element);
        }
        Ok(Self {
            center: image.to_vec(),
            radius,
            norm,
            hull,
        })
    }

    /// A single point.
    pub(super) fn point(image: &[f64]) -> Self {
        Self {
            center: image.to_vec(),
            radius: vec![0.0; image.len()],
            norm: Norm::Linf,
            hull: image.iter().copied().map(Interval::point).collect(),
        }
    }

    /// The smallest box around the region.
    pub(super) fn hull(&self) -> &[Interval] {
        &self.hull
    }

    /// Whether the region is less than its box.
    pub(super) fn is_round(&self) -> bool {
        self.norm != Norm::Linf
    }

    /// A number that the linear form is nowhere in the region below.
    pub(super) fn least(&self, form: &[f64]) -> f64 {
        let over_box = least_over_box(form, &self.hull);
        if !self.is_round() {
            return over_box;
        }
        // The region lies in the ball and in its box: the better bound holds.
        let over_ball = self.least_over_ball(form);
        if over_box.is_nan() || over_ball.is_nan() {
            return f64::NAN;
        }
        over_box.max(over_ball)
    }

    /// Hölder: `form · change ≥ −‖form ∘ radius‖_q` with the dual norm.
    fn least_over_ball(&self, form: &[f64]) -> f64 {
        let mut at_center = Sum::default();
        let (mut most, mut squares) = (0.0_f64, Sum::default());
        for ((&factor, &center), &radius) in form.iter().zip(&self.center).zip(&self.radius) {
            at_center.add(Interval::point(factor), Interval::point(center));
            let product = Interval::point((factor.abs() * radius).next_up());
            most = largest(most, product.upper);
            squares.add(product, product);
        }
        let dual = match self.norm {
            Norm::L2 => squares.interval().upper.sqrt().next_up(),
            _ => most,
        };
        (at_center.interval().lower - dual).next_down()
    }
}

/// How far an image may lie outside its range: the rounding of a normalisation in single precision.
const RANGE_TOLERANCE: f64 = 1e-5;

/// A number that the linear form is nowhere in the box below.
pub(super) fn least_over_box(form: &[f64], hull: &[Interval]) -> f64 {
    let (mut least, mut magnitude, mut terms) = (0.0, 0.0, 0);
    for (&factor, element) in form.iter().zip(hull) {
        if factor != 0.0 {
            let end = if factor > 0.0 {
                element.lower
            } else {
                element.upper
            };
            let product = factor * end;
            least += product;
            magnitude += product.abs();
            terms += 1;
        }
    }
    (least - rounding(terms, magnitude)).next_down()
}
