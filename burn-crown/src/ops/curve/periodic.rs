//! Sine, cosine and tangent.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use super::accuracy::{ALLOWANCE, LineRoundings, steep};
use super::turns::Moved;
use super::{Curve, Piece, support};
use crate::ops::lines::{Line, Lines};
use crate::ops::{Interval, Operator, Region, Rounded, Roundings, Step, Window, Windowed};
use crate::tensor::{AnyMask, AnyTensor};

/// `sin(x + phase)`.
#[derive(Debug)]
pub(crate) struct Sine {
    phase: f64,
}

impl Sine {
    /// `sin(x)`.
    pub(crate) fn sin() -> Self {
        Self { phase: 0.0 }
    }

    /// `cos(x)`.
    pub(crate) fn cos() -> Self {
        Self { phase: FRAC_PI_2 }
    }

    /// The interval moved by whole turns to where it begins in `[0, 2π)`, and the elements that a
    /// whole turn may fit in.
    fn first_turn(&self, interval: &Interval) -> (Moved, AnyMask) {
        let moved = Moved::new(interval, self.phase, 2.0);
        let width = interval.upper.clone().sub(interval.lower.clone());
        let whole = width.greater_scalar(TAU * (1.0 - 1e-6));
        let whole = whole.or(moved.lost.clone());
        (moved, whole)
    }

    fn range(moved: &Moved, whole: AnyMask) -> Interval {
        let range = support::range(&TwoTurns, &moved.interval);
        Interval {
            lower: range.lower.mask_fill(whole.clone(), -1.0),
            upper: range.upper.mask_fill(whole, 1.0),
        }
    }
}

/// The sine on `[0, 4π]`, which holds every interval that begins in the first turn and is shorter
/// than one.
#[derive(Debug)]
pub(super) struct TwoTurns;

impl Curve for TwoTurns {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.sin()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        x.cos()
    }

    fn pieces(&self) -> Vec<Piece> {
        vec![
            Piece::concave(0.0, PI),
            Piece::convex(PI, TAU),
            Piece::concave(TAU, 3.0 * PI),
            Piece::convex(3.0 * PI, 2.0 * TAU),
        ]
    }
}

impl Operator for Sine {
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

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        ALLOWANCE
    }

    fn accounts_for_rounding(&self) -> bool {
        true
    }

    /// Moving an interval by whole turns is off by a few roundings of `|x| + 2π`, by which the
    /// function moves at most as much, and a line as much as its slope says.
    fn roundings(&self, rounded: &Rounded) -> Option<Roundings> {
        let input = rounded.inputs[0].interval();
        let (moved, _) = self.first_turn(&input);
        let lines = support::lines(&TwoTurns, &moved.interval);
        let largest = rounded.magnitude(0).add_scalar(4.0 * TAU);
        let LineRoundings {
            step,
            value,
            constant,
        } = steep(&lines, &input, largest, 1.0, rounded.precision);
        Some(Roundings {
            constant: Some(constant),
            ..rounded.nonlinear(Some(Interval::of(value)), step)
        })
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        let x = inputs[0].clone();
        if self.phase == 0.0 { x.sin() } else { x.cos() }
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let (moved, whole) = self.first_turn(&inputs[0].interval());
        Region::Box(Self::range(&moved, whole))
    }

    fn lines(&self, step: &Step) -> Option<Lines> {
        let (moved, whole) = self.first_turn(&step.interval(0));
        let range = Self::range(&moved, whole.clone());
        let mut lines = moved.lines(support::lines(&TwoTurns, &moved.interval), range);
        let place = |line: &mut Line, level: f64| {
            line.intercept = line.intercept.clone().mask_fill(whole.clone(), level);
            line.slope = line.slope.clone().mask_fill(whole.clone(), 0.0);
        };
        place(&mut lines.lower, -1.0);
        place(&mut lines.upper, 1.0);
        Some(lines)
    }
}

/// The tangent, on intervals without a pole.
#[derive(Debug)]
pub(crate) struct Tan;

/// How near to a pole of the tangent an interval may come, at zero and for each unit away from it:
/// more than the rounding of `f32` when the interval is moved.
const POLE: [f64; 2] = [1e-5, 1e-6];

/// The branch of the tangent that goes through zero.
#[derive(Debug)]
pub(super) struct Branch;

impl Curve for Branch {
    fn value(&self, x: AnyTensor) -> AnyTensor {
        x.tan()
    }

    fn slope(&self, x: AnyTensor) -> AnyTensor {
        let cosine = x.cos();
        cosine.clone().mul(cosine).recip()
    }

    fn pieces(&self) -> Vec<Piece> {
        vec![
            Piece::concave(-FRAC_PI_2, 0.0),
            Piece::convex(0.0, FRAC_PI_2),
        ]
    }
}

impl Tan {
    /// The interval moved to the branch through zero, and the elements that a pole is in or near.
    fn first_branch(interval: &Interval) -> (Moved, AnyMask) {
        let moved = Moved::new(interval, FRAC_PI_2, 1.0).left(FRAC_PI_2);
        let Interval { lower, upper } = interval.clone();
        let away = lower.abs().max(upper.abs()).mul_scalar(POLE[1]);
        let end = FRAC_PI_2 - POLE[0];
        let Interval { lower, upper } = moved.interval.clone();
        let above = lower.sub(away.clone()).greater_scalar(-end);
        let below = upper.add(away).lower_scalar(end);
        let pole = above.and(below).not().or(moved.lost.clone());
        (moved, pole)
    }
}

impl Operator for Tan {
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
        inputs[0].clone().tan()
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let (moved, pole) = Self::first_branch(&inputs[0].interval());
        let range = moved.interval.map(AnyTensor::tan);
        Region::Box(range.map(|bound| bound.mask_fill(pole.clone(), f64::NAN)))
    }

    fn lines(&self, step: &Step) -> Option<Lines> {
        let (moved, pole) = Self::first_branch(&step.interval(0));
        let range = moved.interval.clone().map(AnyTensor::tan);
        let mut lines = moved.lines(support::lines(&Branch, &moved.interval), range);
        for line in [&mut lines.lower, &mut lines.upper] {
            line.intercept = line.intercept.clone().mask_fill(pole.clone(), f64::NAN);
        }
        Some(lines)
    }
}
