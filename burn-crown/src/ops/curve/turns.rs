//! Moving intervals by whole periods.
//!
//! `x − n · 2π` is the difference of two numbers that are nearly equal, so a rounding of `n · 2π`
//! would be one of `x`'s size. After Cody & Waite (1980, chapter 8), `2π` is a sum of three parts,
//! of which the first two have so few digits that their products with `n` are exact, and so are
//! the differences; of the third, the rounding is small.

use std::f64::consts::TAU;

use crate::ops::Interval;
use crate::ops::lines::{Line, Lines};
use crate::tensor::{AnyMask, AnyTensor};

/// The sum is `2π`: two numbers of five binary digits, and the rest.
const PARTS: [f64; 3] = [6.25, 34.0 / 1024.0, -1.781_782_041_352_307_6e-5];

/// How many periods may be counted, in units of `1 / ε` of the data type: with five digits more,
/// products with the parts are exact.
const COUNTED: f64 = 1.0 / 16.0;

/// A line's height at zero, for an interval that was moved far, is the difference of two large
/// numbers, off by about `ε · shift` for each unit of its slope. Where that is more than this, level
/// lines serve.
const UNSURE: f64 = 1.0 / 8192.0;

/// An interval that was moved to where it begins in the first period.
pub(super) struct Moved {
    pub(super) interval: Interval,
    /// By how much.
    shift: AnyTensor,
    /// The elements that so many periods lie before that none is known to be the right one.
    pub(super) lost: AnyMask,
}

impl Moved {
    /// Moves an interval by `phase` and by whole periods of `halves · π`.
    pub(super) fn new(interval: &Interval, phase: f64, halves: f64) -> Self {
        let period = halves * TAU / 2.0;
        let parts = PARTS.map(|part| part * halves / 2.0);
        let start = interval.lower.clone().without_autodiff();
        let periods = |x: AnyTensor| x.mul_scalar(1.0 / period).floor();
        let move_by = |x: AnyTensor, count: &AnyTensor| {
            let [first, second, rest] = parts;
            let by = |part: f64| count.clone().mul_scalar(part);
            x.sub(by(first))
                .sub(by(second))
                .sub(by(rest))
                .add_scalar(phase)
        };
        let guess = periods(start.clone().add_scalar(phase));
        // Far from zero the quotient is off by more than its distance to a whole number.
        let count = guess.clone().add(periods(move_by(start, &guess)));
        let epsilon = epsilon(&count);
        Self {
            interval: interval.clone().map(|end| move_by(end, &count)),
            shift: count.clone().mul_scalar(-period).add_scalar(phase),
            lost: count.abs().greater_scalar(COUNTED / epsilon),
        }
    }

    /// The same, with its beginning in a period that begins `by` further left.
    pub(super) fn left(self, by: f64) -> Self {
        Self {
            interval: self.interval.map(|end| end.add_scalar(-by)),
            shift: self.shift.add_scalar(-by),
            lost: self.lost,
        }
    }

    /// The lines around a function of the moved interval, as lines on the interval itself; level
    /// ones, at the ends of the function's `range`, where it was moved too far for others.
    pub(super) fn lines(&self, mut lines: Lines, range: Interval) -> Lines {
        let limit = UNSURE / epsilon(&self.shift);
        let level = self.shift.clone().abs().greater_scalar(limit);
        let level = level.or(self.lost.clone());
        let place = |line: &mut Line, height: AnyTensor| {
            let rise = line.slope.clone().mul(self.shift.clone());
            let intercept = line.intercept.clone().add(rise);
            line.intercept = intercept.mask_where(level.clone(), height);
            line.slope = line.slope.clone().mask_fill(level.clone(), 0.0);
        };
        place(&mut lines.lower, range.lower);
        place(&mut lines.upper, range.upper);
        lines
    }
}

/// The distance from 1 to the next number of a tensor's data type.
fn epsilon(x: &AnyTensor) -> f64 {
    x.dtype().finfo().map_or(f64::EPSILON, |info| info.epsilon)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use burn::tensor::{DType, Device, Tensor, TensorData};
    use proptest::prelude::*;

    use super::super::{Sine, Tan};
    use crate::bound::LowerSlope;
    use crate::ops::lines::{Line, Lines};
    use crate::ops::{Interval, Operator, Region, Step};
    use crate::tensor::AnyTensor;

    type Function = fn(f64) -> f64;

    /// Bounds and lines of an operator in `f32` on an interval, whose ends are numbers of `f32`.
    fn bounds(operator: &dyn Operator, ends: [f32; 2]) -> ([f64; 2], [[f64; 2]; 2]) {
        let tensor = |end: f32| {
            let data = TensorData::new(vec![end], [1, 1]);
            let like = (&Device::flex(), DType::F32);
            AnyTensor::new(Tensor::<2>::from_data(data, like))
        };
        let region = Region::Box(Interval {
            lower: tensor(ends[0]),
            upper: tensor(ends[1]),
        });
        let step = Step {
            regions: &[Some(&region)],
            perturbed: &[true],
            shapes: &[&[1, 1]],
            batch: 1,
            rows: 1,
            slope: LowerSlope::Adaptive,
            alternative: 0,
            lines: &RefCell::new(None),
        };
        let number = |x: AnyTensor| x.values()[0];
        let of = |line: Line| [line.slope, line.intercept].map(number);
        let Lines { lower, upper } = operator.lines(&step).expect("the operator has lines");
        let range = operator.interval(&[region]).interval();
        (
            [number(range.lower), number(range.upper)],
            [of(lower), of(upper)],
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn far_from_zero_bounds_are_those_of_f64(
            power in 0.0..6.0_f64,
            negative: bool,
            width in prop_oneof![Just(0.0), 0.0..1.0_f64, 0.0..8.0_f64],
        ) {
            let start = 10_f64.powf(power) * if negative { -1.0 } else { 1.0 };
            let ends = [start as f32, (start + width) as f32];
            let [from, to] = ends.map(f64::from);
            // With how the functions' slopes grow with their values.
            let cases: [(&dyn Operator, Function, f64); 3] = [
                (&Sine::sin(), f64::sin, 0.0),
                (&Sine::cos(), f64::cos, 0.0),
                (&Tan, f64::tan, 1.0),
            ];
            for (operator, function, growth) in cases {
                let ([least, most], [below, above]) = bounds(operator, ends);
                if least.is_nan() {
                    // There may be a pole.
                    continue;
                }
                for step in 0..=40 {
                    let x = from + (to - from) * f64::from(step) / 40.0;
                    let y = function(x);
                    let slack = 2e-6 * (1.0 + growth * y * y);
                    prop_assert!(least - slack <= y && y <= most + slack,
                        "{operator:?} on {ends:?} at {x}: {y} in {least} to {most}");
                    let [low, high] = [below, above].map(|[slope, height]| slope * x + height);
                    let steep = below[0].abs().max(above[0].abs());
                    let slack = slack + 2e-4 * steep;
                    prop_assert!(low - slack <= y && y <= high + slack,
                        "{operator:?} on {ends:?} at {x}: {y} in {low} to {high}");
                }
            }
        }
    }

    #[test]
    fn narrow_intervals_far_from_zero_are_bounded_tightly() {
        for start in [1e3_f32, 1e5, 1e6, 3e6] {
            let ends = [start, start + 1.0];
            let ([least, most], _) = bounds(&Sine::sin(), ends);
            assert!(most - least < 1.0 + 1e-5, "{start}: {least} to {most}");
        }
    }

    #[test]
    fn beyond_all_counting_all_values_are_possible() {
        for start in [1e8_f32, -1e20, f32::MAX] {
            let ([least, most], [below, above]) = bounds(&Sine::cos(), [start, start]);
            assert_eq!([least, most], [-1.0, 1.0], "{start}");
            assert_eq!([below, above], [[0.0, -1.0], [0.0, 1.0]], "{start}");
            let ([least, most], _) = bounds(&Tan, [start, start]);
            assert!(least.is_nan() && most.is_nan(), "{start}");
        }
        // There is no value at all.
        for start in [f32::INFINITY, f32::NAN] {
            let (range, lines) = bounds(&Sine::sin(), [start, start]);
            let all = [range, lines[0], lines[1]];
            assert!(all.iter().all(|two| two[1].is_nan()), "{start}: {all:?}");
        }
    }
}
