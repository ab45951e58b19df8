//! Sine and cosine.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use super::{Curve, Piece, support};
use crate::ops::lines::{Line, Lines};
use crate::ops::{Interval, Operator, Region, Step};
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

    /// The interval moved by whole turns to where it begins in `[0, 2π)`, by how much, and the
    /// elements that a whole turn fits in.
    fn first_turn(&self, interval: &Interval) -> (Interval, AnyTensor, AnyMask) {
        let turns = interval
            .lower
            .clone()
            .without_autodiff()
            .add_scalar(self.phase)
            .mul_scalar(1.0 / TAU)
            .floor();
        let shift = turns.mul_scalar(-TAU).add_scalar(self.phase);
        let moved = interval.clone().map(|bound| bound.add(shift.clone()));
        let width = interval.upper.clone().sub(interval.lower.clone());
        (moved, shift, width.lower_scalar(TAU).not())
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
    fn is_affine(&self) -> bool {
        false
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        let x = inputs[0].clone();
        if self.phase == 0.0 { x.sin() } else { x.cos() }
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        let (moved, _, whole) = self.first_turn(&inputs[0].interval());
        let range = support::range(&TwoTurns, &moved);
        Region::Box(Interval {
            lower: range.lower.mask_fill(whole.clone(), -1.0),
            upper: range.upper.mask_fill(whole, 1.0),
        })
    }

    fn lines(&self, step: &Step) -> Option<Lines> {
        let (moved, shift, whole) = self.first_turn(&step.interval(0));
        let mut lines = support::lines(&TwoTurns, &moved);
        let place = |line: &mut Line, level: f64| {
            let intercept = line.intercept.clone();
            let moved_back = intercept.add(line.slope.clone().mul(shift.clone()));
            line.intercept = moved_back.mask_fill(whole.clone(), level);
            line.slope = line.slope.clone().mask_fill(whole.clone(), 0.0);
        };
        place(&mut lines.lower, -1.0);
        place(&mut lines.upper, 1.0);
        Some(lines)
    }
}
