//! Functions of straight pieces that may jump from one to the next.

use super::hull::{self, Point};
use super::lines::Lines;
use super::{Interval, Operator, Region, Step, Window, Windowed};
use crate::tensor::AnyTensor;

/// A function of one variable, element by element, that is a straight line on each of a few parts of
/// the number line.
///
/// A jump counts where the interval reaches it. One that lies at the end of an interval up to
/// rounding may be missed, or be taken for one where there is none.
#[derive(Clone, Debug)]
pub(crate) struct PiecewiseLinear {
    /// From left to right, without gaps.
    pieces: Vec<Straight>,
}

/// `slope · x + level` between two numbers.
#[derive(Clone, Copy, Debug)]
struct Straight {
    from: f64,
    to: f64,
    /// Whether the ends belong to it; those of its neighbours then do not.
    closed: bool,
    slope: f64,
    level: f64,
}

impl Straight {
    fn open(from: f64, to: f64, slope: f64, level: f64) -> Self {
        Self {
            from,
            to,
            closed: false,
            slope,
            level,
        }
    }

    fn closed(from: f64, to: f64, slope: f64, level: f64) -> Self {
        Self {
            closed: true,
            ..Self::open(from, to, slope, level)
        }
    }

    fn value(&self, x: AnyTensor) -> AnyTensor {
        // Not zero times an infinite bound.
        if self.slope == 0.0 {
            return AnyTensor::full(&x.shape(), self.level, &x);
        }
        x.mul_scalar(self.slope).add_scalar(self.level)
    }

    /// The ends of what lies in the interval.
    fn ends(&self, interval: &Interval) -> [Point; 2] {
        let Interval { lower, upper } = interval.clone();
        let (below, above) = (lower.clone(), upper.clone());
        let present = if self.closed {
            let begins = below.greater_scalar(self.to).not();
            begins.and(above.greater_equal_scalar(self.from))
        } else {
            let begins = below.lower_scalar(self.to);
            begins.and(above.greater_scalar(self.from))
        };
        [lower.clamp_min(self.from), upper.clamp_max(self.to)].map(|x| Point {
            y: self.value(x.clone()),
            x,
            present: present.clone(),
        })
    }
}

impl PiecewiseLinear {
    /// −1, 0 or 1, by the sign of `x`.
    pub(crate) fn sign() -> Self {
        Self {
            pieces: vec![
                Straight::open(f64::NEG_INFINITY, 0.0, 0.0, -1.0),
                Straight::closed(0.0, 0.0, 0.0, 0.0),
                Straight::open(0.0, f64::INFINITY, 0.0, 1.0),
            ],
        }
    }

    /// `x − bias` above `reach`, `x + bias` below `−reach`, zero in between, for a reach that is not
    /// negative.
    pub(crate) fn shrink(reach: f64, bias: f64) -> Option<Self> {
        let pieces = vec![
            Straight::open(f64::NEG_INFINITY, -reach, 1.0, bias),
            Straight::closed(-reach, reach, 0.0, 0.0),
            Straight::open(reach, f64::INFINITY, 1.0, -bias),
        ];
        (reach >= 0.0 && reach.is_finite() && bias.is_finite()).then_some(Self { pieces })
    }

    /// `x` above a threshold, else `value`.
    pub(crate) fn threshold(threshold: f64, value: f64) -> Option<Self> {
        let pieces = vec![
            Straight::closed(f64::NEG_INFINITY, threshold, 0.0, value),
            Straight::open(threshold, f64::INFINITY, 1.0, 0.0),
        ];
        (threshold.is_finite() && value.is_finite()).then_some(Self { pieces })
    }

    /// All points that the function's hull on an interval is made of.
    pub(super) fn points(&self, interval: &Interval) -> Vec<Point> {
        let pieces = self.pieces.iter();
        pieces.flat_map(|piece| piece.ends(interval)).collect()
    }
}

impl Operator for PiecewiseLinear {
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

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        let x = &inputs[0];
        // What is not a number stays so.
        let start = x
            .clone()
            .mul_scalar(0.0)
            .add(self.pieces[0].value(x.clone()));
        self.pieces[1..].iter().fold(start, |value, piece| {
            let reached = if piece.closed {
                x.clone().greater_equal_scalar(piece.from)
            } else {
                x.clone().greater_scalar(piece.from)
            };
            value.mask_where(reached, piece.value(x.clone()))
        })
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let input = inputs[0].interval();
        let points = self.points(&input);
        Region::Box(hull::range(&input, &points, &points))
    }

    fn lines(&self, step: &Step) -> Option<Lines> {
        let input = step.interval(0);
        let points = self.points(&input);
        Some(hull::lines(&input, &points, &points))
    }
}
