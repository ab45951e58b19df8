//! The loops over slices of numbers, on any number of threads.
#![allow(
    unsafe_code,
    reason = "of the macro that chooses the processor's vectors"
)]
#![allow(
    clippy::extra_unused_type_parameters,
    reason = "the compiler makes vectors of the loops, for the processor that the parameter names"
)]

use macerator::{Simd, with_simd};
use rayon::prelude::*;

use super::RANGE_TOLERANCE;
use crate::tensor::native::{Number, Space, Work, or_zeros};

/// Inputs: points `[B, C, ...]`; a radius, and the ends of a range, each one number or one for each
/// channel; no ends where there is no range. Outputs: lower and upper ends of boxes, and one number
/// that is 0 if all points are in the range.
pub(super) struct Boxes(pub(super) Places);

/// Inputs: those of [`Boxes`], and the gradients of the ends, of which one may be missing. Outputs: the
/// gradient of the points; the others are constants.
#[derive(Clone, Debug)]
pub(super) struct BoxesGradient(pub(super) Places);

/// Where a channel's elements lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) channels: usize,
    /// The elements of a channel that are behind each other.
    pub(super) run: usize,
}

/// What is around each element of a run.
#[derive(Clone, Copy)]
struct Ends<E> {
    radius: E,
    /// The range, and what is still taken to be in it.
    range: [E; 2],
    tolerated: [E; 2],
}

impl Places {
    /// The points cut into runs, each with its channel; long ones into parts.
    fn runs(self, points: usize) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
        let Self { channels, run } = self;
        (0..points).step_by(run).flat_map(move |start| {
            let end = start + run;
            let parts = (start..end).step_by(GRAIN);
            parts.map(move |at| (start / run % channels, at..(at + GRAIN).min(end)))
        })
    }
}

/// Elements that a thread takes at once.
const GRAIN: usize = 1 << 14;

impl<E: Number> Ends<E> {
    fn of(channel: usize, radius: &[E], low: &[E], high: &[E]) -> Self {
        let pick = |numbers: &[E]| numbers.get(channel).or(numbers.first()).copied();
        let range = [
            pick(low).unwrap_or(E::of(f64::NEG_INFINITY)),
            pick(high).unwrap_or(E::of(f64::INFINITY)),
        ];
        let slack = |end: E| {
            let size = if end < E::ZERO { E::ZERO - end } else { end };
            (if size < E::ONE { E::ONE } else { size }) * E::of(RANGE_TOLERANCE)
        };
        let [least, most] = range;
        Self {
            radius: pick(radius).unwrap_or(E::ZERO),
            range,
            tolerated: [least - slack(least), most + slack(most)],
        }
    }
}

impl Work<4, 3> for Boxes {
    fn run<E: Number>(
        self,
        [x, radius, low, high]: [&[E]; 4],
        [lower, upper, outside]: [Space<'_, E>; 3],
    ) {
        assert_eq!([lower.len(), upper.len()], [x.len(); 2]);
        let (mut lower, mut upper) = (lower, upper);
        let tasks: Vec<_> = self
            .0
            .runs(x.len())
            .map(|(channel, range)| {
                let count = range.len();
                let spaces = [&mut lower, &mut upper].map(|space| {
                    space
                        .split_off_mut(..count)
                        .expect("there is space for all")
                });
                (channel, &x[range], spaces)
            })
            .collect();
        let checked = !low.is_empty();
        let all_inside = tasks
            .into_par_iter()
            .with_min_len(GRAIN.div_ceil(self.0.run))
            .map(|(channel, x, [lower, upper])| {
                let ends = Ends::of(channel, radius, low, high);
                if checked {
                    surround::<E>(x, ends, lower, upper)
                } else {
                    spread::<E>(x, ends.radius, lower, upper);
                    true
                }
            })
            .reduce(|| true, |all, inside| all && inside);
        for out in outside {
            out.write(if all_inside { E::ZERO } else { E::ONE });
        }
    }
}

impl Work<6, 4> for BoxesGradient {
    fn run<E: Number>(
        self,
        [x, radius, low, high, of_lower, of_upper]: [&[E]; 6],
        [of_x, others @ ..]: [Space<'_, E>; 4],
    ) {
        assert!(others.iter().all(|space| space.is_empty()));
        assert!([0, x.len()].contains(&of_x.len()));
        let [of_lower, of_upper] = [of_lower, of_upper].map(|end| or_zeros(end, x.len()));
        let mut of_x = of_x;
        let tasks: Vec<_> = self
            .0
            .runs(of_x.len())
            .map(|(channel, range)| {
                let space = of_x.split_off_mut(..range.len());
                (channel, range, space.expect("there is space for all"))
            })
            .collect();
        tasks
            .into_par_iter()
            .with_min_len(GRAIN.div_ceil(self.0.run))
            .for_each(|(channel, range, out)| {
                let ends = Ends::of(channel, radius, low, high);
                let gradients = [&of_lower[range.clone()], &of_upper[range.clone()]];
                back::<E>(&x[range], ends, gradients, out);
            });
    }
}

/// Points less and plus a radius.
#[with_simd]
fn spread<'a, S: Simd, E: Number>(x: &'a [E], radius: E, lower: Space<'a, E>, upper: Space<'a, E>) {
    for ((&x, lower), upper) in x.iter().zip(lower).zip(upper) {
        lower.write(x - radius);
        upper.write(x + radius);
    }
}

/// The same, cut with a range; whether all points are in it.
#[with_simd]
fn surround<'a, S: Simd, E: Number>(
    x: &'a [E],
    ends: Ends<E>,
    lower: Space<'a, E>,
    upper: Space<'a, E>,
) -> bool {
    let [least, most] = ends.tolerated;
    let mut inside = true;
    for ((&x, lower), upper) in x.iter().zip(lower).zip(upper) {
        inside &= x >= least && x <= most;
        let [low, high] = widen(x, ends.range);
        lower.write(cut(x - ends.radius, low, high));
        upper.write(cut(x + ends.radius, low, high));
    }
    inside
}

/// A range with a point.
#[inline(always)]
fn widen<E: Number>(x: E, [low, high]: [E; 2]) -> [E; 2] {
    [
        if low > x { x } else { low },
        if x > high { x } else { high },
    ]
}

#[inline(always)]
fn cut<E: Number>(end: E, low: E, high: E) -> E {
    let end = if low > end { low } else { end };
    if end > high { high } else { end }
}

/// The gradient of points: an end moves with its point unless the range holds it.
#[with_simd]
fn back<'a, S: Simd, E: Number>(
    x: &'a [E],
    ends: Ends<E>,
    gradients: [&'a [E]; 2],
    out: Space<'a, E>,
) {
    let [of_lower, of_upper] = gradients;
    let [low, high] = ends.range;
    for (at, out) in out.iter_mut().enumerate() {
        let x = x[at];
        let held_below = low > x - ends.radius && low <= x;
        let held_above = x + ends.radius > high && x <= high;
        let lower = if held_below { E::ZERO } else { of_lower[at] };
        let upper = if held_above { E::ZERO } else { of_upper[at] };
        out.write(lower + upper);
    }
}
