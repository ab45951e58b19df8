//! Products of two values that both depend on the perturbed input.

use std::sync::Arc;

use super::lines::rows;
use super::precision::copies;
use super::{Contribution, Interval, Operator, Region, Rounded, Roundings, Step, Window, Windowed};
use crate::tensor::{AnyTensor, Factors};

/// `left · right`, element by element with broadcasting, both perturbed.
#[derive(Debug)]
pub(crate) struct Product;

impl Operator for Product {
    fn for_several(&self) -> Option<Arc<dyn Operator>> {
        Some(Arc::new(Self))
    }

    fn window(
        &self,
        window: &Window,
        _output: &[usize],
        operands: &[&[usize]],
    ) -> Option<Windowed> {
        Windowed::element_wise(window, operands)
    }

    fn is_affine(&self) -> bool {
        false
    }

    fn terms(&self, shapes: &[&[usize]], output: &[usize]) -> usize {
        copies(shapes, output) + PLANE
    }

    fn accounts_for_rounding(&self) -> bool {
        true
    }

    /// Each corner is a product, off by a rounding of itself, and the ends of the interval are
    /// corners.
    ///
    /// A plane with the share `t` that was computed, whatever it is, has the slopes
    /// `y_l + t (y_u − y_l)` and `x_l + t (x_u − x_l)` and the intercept
    /// `−((1 − t) x_l y_l + t x_u y_u)`: each is a few operations on numbers no larger than
    /// `m_x`, `m_y` or `m_x m_y`, the largest absolute values, as `0 ≤ t ≤ 1`. On the box it is off
    /// by fewer than `PLANE` roundings of `m_x m_y`.
    fn roundings(&self, rounded: &Rounded) -> Option<Roundings> {
        let precision = rounded.precision;
        let terms = self.terms(rounded.shapes, rounded.output);
        let size = rounded.magnitude(0).mul(rounded.magnitude(1));
        let step = size.clone().mul_scalar(precision.gamma(terms));
        // A corner that is not a number can be lost among the others.
        let undefined = size.clone().mul_scalar(0.0);
        let ends = self.interval(rounded.inputs).interval().map(|end| {
            let error = end.abs().mul_scalar(precision.gamma(4));
            error.add(undefined.clone())
        });
        Some(Roundings {
            constant: Some(size.mul_scalar(4.0)),
            ..rounded.nonlinear_sum(Some(ends), step, terms)
        })
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        inputs[0].clone().mul(inputs[1].clone())
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let [x, y] = alike([0, 1].map(|index| inputs[index].interval()));
        Region::Box(range(&x, &y))
    }

    fn alternatives(&self) -> usize {
        Mixture::ALL.len()
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let mixture = Mixture::ALL[step.alternative];
        let [x, y] = alike([0, 1].map(|index| step.interval(index)));
        let shape = form.shape();
        let form = rows(form, step);
        let (below, above) = (plane_below(&x, &y, mixture), plane_above(&x, &y, mixture));
        let [on_x, bias] = form.clone().relaxed(
            Factors::new(below.x_slope, above.x_slope),
            Factors::new(below.intercept, above.intercept),
        );
        let on_y = form.signed(Factors::new(below.y_slope, above.y_slope));
        let of = |index: usize, form: AnyTensor| {
            Some(form.reshape(&shape).sum_to(&step.form_shape(index)))
        };
        Contribution {
            forms: vec![of(0, on_x), of(1, on_y)],
            bias: Some(bias),
        }
    }
}

/// More roundings than the plane around a product takes, and its product with a coefficient.
pub(super) const PLANE: usize = 48;

/// Two intervals broadcast to one shape.
pub(super) fn alike([x, y]: [Interval; 2]) -> [Interval; 2] {
    let (left, right) = (x.lower.shape(), y.lower.shape());
    let pairs = left.iter().zip(&right);
    let shape: Vec<usize> = pairs.map(|(left, right)| *left.max(right)).collect();
    [x, y].map(|interval| interval.map(|bound| bound.expand(&shape)))
}

/// Which plane is taken, of those of which [`plane_below`] speaks.
///
/// The first is best for one product by itself. Where several products are added, or a factor is in
/// several, planes whose slopes are the same above and below can be better: what has cancelled in
/// the coefficients so far goes on to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mixture {
    /// The one that falls least, for each product.
    Flattest,
    /// The plane through the lower ends: above and below, `y` has the slope `x_l` (Shi et al. 2020,
    /// arXiv 2002.06622, section 3.3).
    LowerEnds,
    /// Half of each plane: above and below, the slopes are the middles of the intervals.
    Middle,
}

impl Mixture {
    pub(super) const ALL: [Self; 3] = [Self::Flattest, Self::LowerEnds, Self::Middle];

    /// The share of the plane through the upper ends.
    fn share(self, x: &Interval, y: &Interval) -> AnyTensor {
        let constant = |share| AnyTensor::full(&x.lower.shape(), share, &x.lower);
        match self {
            Self::Flattest => flattest(x, y),
            Self::LowerEnds => constant(0.0),
            Self::Middle => constant(0.5),
        }
    }
}

/// `x_slope · x + y_slope · y + intercept`, each of the shape of the product.
pub(super) struct Plane {
    pub(super) x_slope: AnyTensor,
    pub(super) y_slope: AnyTensor,
    pub(super) intercept: AnyTensor,
}

/// The smallest and the largest product of two numbers from intervals.
pub(super) fn range(x: &Interval, y: &Interval) -> Interval {
    let corners = [
        x.lower.clone().mul(y.lower.clone()),
        x.lower.clone().mul(y.upper.clone()),
        x.upper.clone().mul(y.lower.clone()),
        x.upper.clone().mul(y.upper.clone()),
    ];
    let extreme = |pick: fn(AnyTensor, AnyTensor) -> AnyTensor| {
        let [first, rest @ ..] = corners.clone();
        rest.into_iter().fold(first, pick)
    };
    Interval {
        lower: extreme(AnyTensor::min),
        upper: extreme(AnyTensor::max),
    }
}

/// A plane below `x · y` for intervals of the product's shape.
///
/// McCormick (1976) gives two: `y_l x + x_l y − x_l y_l` and `y_u x + x_u y − x_u y_u`. They are
/// equally high in the middle, and so is every mixture of them, which is a plane below as well.
pub(super) fn plane_below(x: &Interval, y: &Interval, mixture: Mixture) -> Plane {
    let share = mixture.share(x, y);
    let rest = share.clone().neg().add_scalar(1.0);
    let corner = |share: &AnyTensor, x: &AnyTensor, y: &AnyTensor| {
        x.clone().mul(y.clone()).mul(share.clone())
    };
    Plane {
        x_slope: between(y, &share),
        y_slope: between(x, &share),
        intercept: corner(&rest, &x.lower, &y.lower)
            .add(corner(&share, &x.upper, &y.upper))
            .neg(),
    }
}

/// A plane above `x · y`: the negative of one below `x · (−y)`.
pub(super) fn plane_above(x: &Interval, y: &Interval, mixture: Mixture) -> Plane {
    let mirrored = Interval {
        lower: y.upper.clone().neg(),
        upper: y.lower.clone().neg(),
    };
    let Plane {
        x_slope,
        y_slope,
        intercept,
    } = plane_below(x, &mirrored, mixture);
    Plane {
        x_slope: x_slope.neg(),
        y_slope,
        intercept: intercept.neg(),
    }
}

/// How much less another plane has to fall to be taken: where factors have no zero in between, all
/// mixtures may fall alike, and rounding is not to choose one of them.
const CLEARLY: f64 = 0.98;

/// The share at which a plane falls least towards the corners: its plane is one of the two, or flat
/// in `x` or in `y`.
fn flattest(x: &Interval, y: &Interval) -> AnyTensor {
    let zeros = AnyTensor::zeros(&x.lower.shape(), &x.lower);
    let mut best = (zeros.clone(), fall(x, y, &zeros));
    let ones = zeros.add_scalar(1.0);
    for share in [ones, share_at_zero(x), share_at_zero(y)] {
        let falls = fall(x, y, &share);
        let flatter = falls.clone().lower(best.1.clone().mul_scalar(CLEARLY));
        best.0 = best.0.mask_where(flatter.clone(), share);
        best.1 = best.1.mask_where(flatter, falls);
    }
    best.0
}

/// `(1 − share) · lower + share · upper`.
fn between(interval: &Interval, share: &AnyTensor) -> AnyTensor {
    let width = interval.upper.clone().sub(interval.lower.clone());
    interval.lower.clone().add(width.mul(share.clone()))
}

/// By how much a plane falls from the middle to its lowest corner, without gradient.
fn fall(x: &Interval, y: &Interval, share: &AnyTensor) -> AnyTensor {
    let falls = |slope: &Interval, over: &Interval| between(slope, share).abs().mul(over.radius());
    falls(y, x).add(falls(x, y)).detach()
}

/// Keeps a share's derivative finite where an interval has no width.
const WIDTH_FLOOR: f64 = 1e-12;

/// The share at which the mixture of an interval's ends is as near to zero as it can be.
fn share_at_zero(interval: &Interval) -> AnyTensor {
    let width = interval.upper.clone().sub(interval.lower.clone());
    let share = interval.lower.clone().neg();
    let share = share.div(width.clamp_min(WIDTH_FLOOR));
    share.clamp_min(0.0).clamp_max(1.0)
}
