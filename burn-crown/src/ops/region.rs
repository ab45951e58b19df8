//! What is known of a node: its value, an interval, a norm ball, or a set of substitutions.

use super::Substitution;
use crate::tensor::{AnyTensor, Boxes};

/// Element-wise bounds of a node, both `[B, ...]`.
#[derive(Clone, Debug)]
pub(crate) struct Interval {
    pub(crate) lower: AnyTensor,
    pub(crate) upper: AnyTensor,
}

/// `center + radius ∘ δ` with `‖δ‖_p ≤ 1`: a norm ball with a radius per element.
#[derive(Clone, Debug)]
pub(crate) struct Ball {
    pub(crate) center: AnyTensor,
    pub(crate) radius: AnyTensor,
    /// The exponent of the dual norm, `p / (p − 1)`; infinite for `p = 1`.
    pub(crate) dual: f64,
    /// The box that the ball is cut with, where the input has a valid range.
    pub(crate) range: Option<Interval>,
}

/// The set of values that a node can take.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "there are few regions, and they hold tensors"
)]
pub(crate) enum Region {
    /// One value: the node does not depend on a perturbed input.
    Fixed(AnyTensor),
    /// A box.
    Box(Interval),
    /// The positive parts of the values in a box. Products take them as they read the box; whatever
    /// else asks for the interval makes it.
    Rectified(Interval),
    /// A norm ball. Affine operators bound it by the dual norm, which its box would lose.
    Ball(Ball),
    /// Rows that may become one of several: a hull would lose that their elements change together.
    Substitution(Substitution),
}

/// Added to a sum of powers whose terms are at most 1: it keeps the root's derivative finite at
/// zero, and makes up for terms that underflow. It widens a bound for `q ≤ 2` by at most 1e-15 of
/// its largest possible term.
const NORM_FLOOR: f64 = 1e-30;

impl Interval {
    pub(crate) fn around(center: AnyTensor, radius: AnyTensor) -> Self {
        Self {
            lower: center.clone().sub(radius.clone()),
            upper: center.add(radius),
        }
    }

    /// Both ends at one place.
    pub(crate) fn of(value: AnyTensor) -> Self {
        Self {
            lower: value.clone(),
            upper: value,
        }
    }

    pub(crate) fn center(&self) -> AnyTensor {
        self.lower.clone().add(self.upper.clone()).mul_scalar(0.5)
    }

    pub(crate) fn radius(&self) -> AnyTensor {
        self.upper.clone().sub(self.lower.clone()).mul_scalar(0.5)
    }

    /// The interval that holds every point in both.
    pub(crate) fn intersect(self, other: Self) -> Self {
        Self {
            lower: self.lower.max(other.lower),
            upper: self.upper.min(other.upper),
        }
    }

    /// The interval cut with a range; where the two do not meet, the range's nearest end.
    pub(crate) fn clamp_to(self, range: &Self) -> Self {
        self.map(|bound| bound.max(range.lower.clone()).min(range.upper.clone()))
    }

    /// The same rearrangement of both bounds.
    pub(crate) fn map(self, f: impl Fn(AnyTensor) -> AnyTensor) -> Self {
        Self {
            lower: f(self.lower),
            upper: f(self.upper),
        }
    }
}

impl Ball {
    /// The smallest box that holds the region.
    pub(crate) fn hull(&self) -> Interval {
        let ball = Interval::around(self.center.clone(), self.radius.clone());
        match &self.range {
            Some(range) => ball.clamp_to(range),
            None => ball,
        }
    }

    /// The image under a rearrangement of elements.
    pub(crate) fn map(&self, f: impl Fn(AnyTensor) -> AnyTensor) -> Self {
        Self {
            center: f(self.center.clone()),
            radius: f(self.radius.clone()),
            dual: self.dual,
            range: self.range.clone().map(|range| range.map(f)),
        }
    }

    /// Whether broadcasting against `other` copies elements, which makes it no ball of the copies.
    fn is_widened_by(&self, other: &AnyTensor) -> bool {
        self.center
            .shape()
            .iter()
            .zip(other.shape())
            .any(|(&own, other)| own < other)
    }
}

impl Region {
    /// The value of a fixed node.
    ///
    /// # Panics
    ///
    /// If the node is perturbed, which the graph excludes where operators ask.
    pub(crate) fn fixed(&self) -> AnyTensor {
        match self {
            Region::Fixed(value) => value.clone(),
            Region::Box(_) | Region::Rectified(_) | Region::Ball(_) | Region::Substitution(_) => {
                unreachable!("an operator took a perturbed operand for a fixed one")
            }
        }
    }

    /// A tensor of the shape, the data type and the device of the node.
    pub(crate) fn like(&self) -> &AnyTensor {
        match self {
            Region::Fixed(value) => value,
            Region::Box(interval) | Region::Rectified(interval) => &interval.lower,
            Region::Ball(ball) => &ball.center,
            Region::Substitution(rows) => &rows.original,
        }
    }

    /// The smallest box that holds the region.
    pub(crate) fn interval(&self) -> Interval {
        match self {
            Region::Fixed(value) => Interval::of(value.clone()),
            Region::Box(interval) => interval.clone(),
            Region::Rectified(interval) => interval.clone().map(AnyTensor::relu),
            Region::Ball(ball) => ball.hull(),
            Region::Substitution(rows) => rows.hull(),
        }
    }

    /// The region as boxes for products, if it is one.
    pub(super) fn boxes(&self) -> Option<Boxes> {
        let (interval, rectified) = match self {
            Region::Box(interval) => (interval, false),
            Region::Rectified(interval) => (interval, true),
            Region::Fixed(_) | Region::Ball(_) | Region::Substitution(_) => return None,
        };
        let Interval { lower, upper } = interval.clone();
        Some(Boxes {
            lower,
            upper,
            rectified,
        })
    }

    /// The image under a rearrangement of elements, or under a copy of them to several places.
    pub(crate) fn rearrange(&self, f: impl Fn(AnyTensor) -> AnyTensor) -> Region {
        match self {
            Region::Fixed(value) => Region::Fixed(f(value.clone())),
            Region::Box(interval) => Region::Box(interval.clone().map(f)),
            Region::Rectified(interval) => Region::Rectified(interval.clone().map(f)),
            Region::Ball(ball) => Region::Ball(ball.map(f)),
            Region::Substitution(rows) => Region::Box(rows.map(f).hull()),
        }
    }

    /// [`rearrange`](Self::rearrange) for one that takes whole rows of the last dim, or parts of
    /// them, to rows.
    pub(crate) fn rearrange_rows(&self, f: impl Fn(AnyTensor) -> AnyTensor) -> Region {
        match self {
            Region::Substitution(rows) => Region::Substitution(rows.map(f)),
            _ => self.rearrange(f),
        }
    }

    /// The image under `x ↦ scale ∘ x`.
    pub(crate) fn scale(&self, scale: &AnyTensor) -> Region {
        let scale_box = |interval: &Interval| {
            Interval::around(
                interval.center().mul(scale.clone()),
                interval.radius().mul(scale.clone().abs()),
            )
        };
        // A range may be far wider than the ball: a centre and a radius of it would be rounded by more
        // than the ball's own.
        let scale_ends = |range: &Interval| {
            let [one, other] =
                [&range.lower, &range.upper].map(|end| end.clone().mul(scale.clone()));
            Interval {
                lower: one.clone().min(other.clone()),
                upper: one.max(other),
            }
        };
        match self {
            Region::Fixed(value) => Region::Fixed(value.clone().mul(scale.clone())),
            Region::Box(_) | Region::Rectified(_) => Region::Box(scale_box(&self.interval())),
            Region::Ball(ball) if ball.is_widened_by(scale) => Region::Box(scale_box(&ball.hull())),
            Region::Ball(ball) => Region::Ball(Ball {
                center: ball.center.clone().mul(scale.clone()),
                radius: ball.radius.clone().mul(scale.clone().abs()),
                dual: ball.dual,
                range: ball.range.as_ref().map(scale_ends),
            }),
            Region::Substitution(rows) => {
                Region::Substitution(rows.map(|row| row.mul(scale.clone())))
            }
        }
    }

    /// The image under `x ↦ x + shift`.
    pub(crate) fn shift(&self, shift: &AnyTensor) -> Region {
        let shift_box =
            |interval: &Interval| interval.clone().map(|bound| bound.add(shift.clone()));
        match self {
            Region::Fixed(value) => Region::Fixed(value.clone().add(shift.clone())),
            Region::Box(_) | Region::Rectified(_) => Region::Box(shift_box(&self.interval())),
            Region::Ball(ball) if ball.is_widened_by(shift) => Region::Box(shift_box(&ball.hull())),
            Region::Ball(ball) => Region::Ball(Ball {
                center: ball.center.clone().add(shift.clone()),
                radius: ball.radius.clone(),
                dual: ball.dual,
                range: ball.range.as_ref().map(shift_box),
            }),
            Region::Substitution(rows) => {
                Region::Substitution(rows.map(|row| row.add(shift.clone())))
            }
        }
    }

    /// The image under an affine operator.
    ///
    /// `signed` is the operator itself. `dual_norm(r, q)` is `(Σ_j (|L_ij| r_j)^q)^(1/q)` for its
    /// linear part `L`: the absolute one for `q = 1`, the largest product for an infinite `q`.
    pub(crate) fn affine(
        &self,
        signed: impl Fn(AnyTensor) -> AnyTensor,
        dual_norm: impl Fn(AnyTensor, f64) -> AnyTensor,
    ) -> Region {
        let of_box = |interval: &Interval| {
            Interval::around(signed(interval.center()), dual_norm(interval.radius(), 1.0))
        };
        match self {
            Region::Fixed(value) => Region::Fixed(signed(value.clone())),
            Region::Box(_) | Region::Rectified(_) => Region::Box(of_box(&self.interval())),
            Region::Ball(ball) => {
                let image = Interval::around(
                    signed(ball.center.clone()),
                    dual_norm(ball.radius.clone(), ball.dual),
                );
                // Both the ball and its box hold the region, so each bound may take the better.
                Region::Box(match &ball.range {
                    Some(_) => image.intersect(of_box(&ball.hull())),
                    None => image,
                })
            }
            Region::Substitution(rows) => Region::Box(of_box(&rows.hull())),
        }
    }

    /// [`affine`](Self::affine) for an operator that makes each row of the last dim of one row:
    /// substitutions stay substitutions.
    pub(crate) fn affine_rows(
        &self,
        signed: impl Fn(AnyTensor) -> AnyTensor,
        dual_norm: impl Fn(AnyTensor, f64) -> AnyTensor,
    ) -> Region {
        match self {
            Region::Substitution(rows) => Region::Substitution(rows.map(signed)),
            _ => self.affine(signed, dual_norm),
        }
    }
}

/// `(Σ (|w| r)^q)^(1/q)` for a finite `q`, where `sum(w, r)` is bilinear with positive factors.
pub(crate) fn power_norm(
    weight: AnyTensor,
    radius: AnyTensor,
    q: f64,
    sum: impl Fn(AnyTensor, AnyTensor) -> AnyTensor,
) -> AnyTensor {
    let scale = || weight.clone().detach().abs().max_all();
    power_norm_scaled(weight.clone(), scale, radius, q, sum)
}

/// [`power_norm`] with the largest weight in each sum, or any number above it, as a tensor that
/// broadcasts over the weights and over the result; a sum of products needs none.
pub(crate) fn power_norm_scaled(
    weight: AnyTensor,
    scale: impl FnOnce() -> AnyTensor,
    radius: AnyTensor,
    q: f64,
    sum: impl Fn(AnyTensor, AnyTensor) -> AnyTensor,
) -> AnyTensor {
    if q == 1.0 {
        return sum(weight.abs(), radius);
    }
    // All zero has the scale zero, and stays zero over any other.
    let above_zero = |scale: AnyTensor| scale.clamp_min(f64::from(f32::MIN_POSITIVE));
    let scale = above_zero(scale());
    // Of each image by itself: another one's must not change its bounds.
    let features = 1..radius.rank();
    let radius_scale = above_zero(features.fold(radius.clone().detach(), AnyTensor::max_dim));
    let weight = weight.abs().div(scale.clone());
    let radius = radius.div(radius_scale.clone());
    let square = |x: &AnyTensor| x.clone().mul(x.clone());
    let euclidean = || {
        sum(square(&weight), square(&radius))
            .add_scalar(NORM_FLOOR)
            .sqrt()
    };
    let power = || {
        sum(weight.clone().powf(q), radius.clone().powf(q))
            .add_scalar(NORM_FLOOR)
            .powf(1.0 / q)
    };
    let norm = if q == 2.0 {
        euclidean()
    } else if q < 2.0 {
        power()
    } else {
        // High powers underflow for all but the largest terms, and what the floor adds for them is
        // no longer small. The norm falls with q, so that of q = 2 is a bound as well.
        euclidean().min(power())
    };
    norm.mul(scale).mul(radius_scale)
}
