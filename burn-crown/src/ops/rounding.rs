//! Rounding to whole numbers.

use super::hull::{self, Point};
use super::lines::Lines;
use super::{Interval, Operator, Region, Step};
use crate::tensor::{AnyMask, AnyTensor};

/// Rounding to a whole number, element by element.
///
/// A step counts where the interval reaches it. One that lies at the end of an interval up to
/// rounding errors may be missed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rounding {
    /// To the next whole number below.
    Floor,
    /// To the nearest whole number. Backends differ in where half of an odd number goes: both
    /// neighbours count there.
    Nearest,
}

impl Rounding {
    /// What the number is moved by before it is rounded down.
    fn offset(self) -> f64 {
        match self {
            Self::Floor => 0.0,
            Self::Nearest => 0.5,
        }
    }

    /// The largest value at `x`.
    fn above(self, x: AnyTensor) -> AnyTensor {
        x.add_scalar(self.offset()).floor()
    }

    /// The smallest value at `x`.
    fn below(self, x: AnyTensor) -> AnyTensor {
        match self {
            Self::Floor => x.floor(),
            Self::Nearest => x.neg().add_scalar(self.offset()).floor().neg(),
        }
    }

    /// The points that the hull on an interval is made of, from below and from above: its ends, and
    /// its first and its last step. Between those, the steps lie on a line.
    fn points(self, interval: &Interval) -> [Vec<Point>; 2] {
        let Interval { lower, upper } = interval;
        let number = |x: &AnyTensor| x.clone().greater_equal_scalar(f64::NEG_INFINITY);
        let numbers = number(lower).and(number(upper));
        let point = |x: &AnyTensor, y: AnyTensor, present: &AnyMask| Point {
            x: x.clone(),
            y,
            present: present.clone(),
        };
        // The steps lead up to `first`, …, `last`.
        let first = self.above(lower.clone()).add_scalar(1.0);
        let last = self.above(upper.clone());
        let steps = first
            .clone()
            .greater(last.clone())
            .not()
            .and(numbers.clone());
        let place = |step: &AnyTensor| step.clone().add_scalar(-self.offset());
        let below = vec![
            point(lower, self.below(lower.clone()), &numbers),
            point(&place(&first), first.clone().add_scalar(-1.0), &steps),
            point(&place(&last), last.clone().add_scalar(-1.0), &steps),
            point(upper, self.below(upper.clone()), &numbers),
        ];
        let above = vec![
            point(lower, self.above(lower.clone()), &numbers),
            point(&place(&first), first, &steps),
            point(&place(&last), last, &steps),
            point(upper, self.above(upper.clone()), &numbers),
        ];
        [below, above]
    }
}

impl Operator for Rounding {
    fn is_affine(&self) -> bool {
        false
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        let x = inputs[0].clone();
        match self {
            Self::Floor => x.floor(),
            Self::Nearest => x.round(),
        }
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let input = inputs[0].interval();
        Region::Box(Interval {
            lower: self.below(input.lower),
            upper: self.above(input.upper),
        })
    }

    fn lines(&self, step: &Step) -> Option<Lines> {
        let input = step.interval(0);
        let [below, above] = self.points(&input);
        Some(hull::lines(&input, &below, &above))
    }
}
