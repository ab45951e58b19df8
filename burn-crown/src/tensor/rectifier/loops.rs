//! The loops over slices of numbers, on any number of threads.
#![allow(
    unsafe_code,
    reason = "of the macro that chooses the processor's vectors, and of what a loop has just written"
)]
#![allow(
    clippy::extra_unused_type_parameters,
    reason = "the compiler makes vectors of the loops, for the processor that the parameter names"
)]

use std::mem::MaybeUninit;

use macerator::{Simd, with_simd};
use rayon::prelude::*;

use super::{Steep, WIDTH_FLOOR};
use crate::tensor::native::{Number, Space, Work, or_zeros};

/// Inputs: the lower and the upper ends of intervals. Outputs: slopes, intercepts, and ones for steep
/// chords, for which there may be no space.
pub(super) struct Chords(pub(super) Option<Steep>);

/// Inputs: those of [`Chords`], and the gradients of slopes and intercepts, of which one may be
/// missing. Outputs: the gradients of the ends; one for which there is no space is left out.
#[derive(Clone, Debug)]
pub(super) struct ChordGradient;

/// Elements that a thread takes at once.
const GRAIN: usize = 1 << 13;

impl Work<2, 3> for Chords {
    fn run<E: Number>(
        self,
        [lower, upper]: [&[E]; 2],
        [slopes, intercepts, steep]: [Space<'_, E>; 3],
    ) {
        let count = lower.len();
        assert_eq!([upper.len(), slopes.len(), intercepts.len()], [count; 3]);
        assert_eq!(steep.len(), if self.0.is_some() { count } else { 0 });
        let mut steep = steep.chunks_mut(GRAIN);
        let spaces: Vec<_> = slopes
            .chunks_mut(GRAIN)
            .zip(intercepts.chunks_mut(GRAIN))
            .map(|(slopes, intercepts)| (slopes, intercepts, steep.next().unwrap_or_default()))
            .collect();
        lower
            .par_chunks(GRAIN)
            .zip(upper.par_chunks(GRAIN))
            .zip(spaces)
            .for_each(|((lower, upper), (slopes, intercepts, steep))| {
                chords(lower, upper, slopes, intercepts);
                // SAFETY: they were written just now.
                let slopes = unsafe { slopes.assume_init_ref() };
                match self.0 {
                    Some(Steep::Above(end)) => ones_above(slopes, E::of(end), steep),
                    Some(Steep::AtLeast(end)) => ones_at_least(slopes, E::of(end), steep),
                    None => {}
                }
            });
    }
}

impl Work<4, 2> for ChordGradient {
    fn run<E: Number>(
        self,
        [lower, upper, of_slopes, of_intercepts]: [&[E]; 4],
        [of_lower, of_upper]: [Space<'_, E>; 2],
    ) {
        let count = lower.len();
        assert_eq!(upper.len(), count);
        for gradient in [of_slopes, of_intercepts] {
            assert!(gradient.is_empty() || gradient.len() == count);
        }
        for space in [&of_lower, &of_upper] {
            assert!(space.is_empty() || space.len() == count);
        }
        let mut spaces = [of_lower, of_upper].map(|space| space.chunks_mut(GRAIN));
        let mut gradients = [of_slopes, of_intercepts].map(|gradient| gradient.chunks(GRAIN));
        let tasks: Vec<_> = lower
            .chunks(GRAIN)
            .zip(upper.chunks(GRAIN))
            .map(|(lower, upper)| {
                let gradients = gradients.each_mut();
                let spaces = spaces.each_mut();
                (
                    [lower, upper],
                    gradients.map(|parts| parts.next().unwrap_or_default()),
                    spaces.map(|parts| parts.next().unwrap_or_default()),
                )
            })
            .collect();
        tasks.into_par_iter().for_each(|(ends, gradients, spaces)| {
            let count = ends[0].len();
            let gradients = gradients.map(|part| or_zeros(part, count));
            let gradients = gradients.each_ref().map(|part| &**part);
            // What is not asked for is written where nobody reads.
            let mut spare = [(); 2].map(|()| vec![MaybeUninit::uninit(); count]);
            let mut spare = spare.each_mut().into_iter();
            let spaces = spaces.map(|space| {
                let spare = spare.next().expect("one for each space");
                if space.is_empty() { spare } else { space }
            });
            chords_back(ends, gradients, spaces);
        });
    }
}

/// An interval's part on each side of zero, with a floor under its width, and whether that counts.
#[inline(always)]
fn sides<E: Number>(lower: E, upper: E) -> (E, E, bool) {
    let lower = if lower > E::ZERO { E::ZERO } else { lower };
    let upper = if upper < E::ZERO { E::ZERO } else { upper };
    let floor = lower + E::of(WIDTH_FLOOR);
    let narrow = floor > upper;
    (lower, if narrow { floor } else { upper }, narrow)
}

#[with_simd]
fn chords<'a, S: Simd, E: Number>(
    lower: &'a [E],
    upper: &'a [E],
    slopes: &mut [MaybeUninit<E>],
    intercepts: &mut [MaybeUninit<E>],
) {
    let count = lower.len();
    let (upper, slopes) = (&upper[..count], &mut slopes[..count]);
    let intercepts = &mut intercepts[..count];
    for at in 0..count {
        let (lower, upper, _) = sides(lower[at], upper[at]);
        let slope = upper / (upper - lower);
        slopes[at].write(slope);
        intercepts[at].write(E::ZERO - slope * lower);
    }
}

/// Ones for the slopes above an end, zeros for the others.
#[with_simd]
fn ones_above<'a, S: Simd, E: Number>(slopes: &'a [E], end: E, out: Space<'a, E>) {
    for (slope, out) in slopes.iter().zip(out) {
        out.write(if *slope > end { E::ONE } else { E::ZERO });
    }
}

/// The same for the slopes that are not below it.
#[with_simd]
fn ones_at_least<'a, S: Simd, E: Number>(slopes: &'a [E], end: E, out: Space<'a, E>) {
    for (slope, out) in slopes.iter().zip(out) {
        out.write(if *slope >= end { E::ONE } else { E::ZERO });
    }
}

/// The gradients of ends by those of slopes and intercepts.
#[with_simd]
fn chords_back<'a, S: Simd, E: Number>(
    ends: [&'a [E]; 2],
    gradients: [&'a [E]; 2],
    spaces: [&mut [MaybeUninit<E>]; 2],
) {
    let count = ends[0].len();
    let [lowers, uppers] = ends.map(|ends| &ends[..count]);
    let [of_slopes, of_intercepts] = gradients.map(|gradient| &gradient[..count]);
    let [of_lower, of_upper] = spaces.map(|space| &mut space[..count]);
    for at in 0..count {
        let (lower, upper, narrow) = sides(lowers[at], uppers[at]);
        let width = upper - lower;
        let of_slope = of_slopes[at] - of_intercepts[at] * lower;
        let by_square = of_slope / (width * width);
        let by_lower = by_square * upper - of_intercepts[at] * (upper / width);
        let by_upper = E::ZERO - by_square * lower;
        // Under the floor the upper end is the lower one's.
        let by_lower = if narrow {
            by_lower + by_upper
        } else {
            by_lower
        };
        let by_upper = if narrow { E::ZERO } else { by_upper };
        let below = lowers[at] > E::ZERO;
        of_lower[at].write(if below { E::ZERO } else { by_lower });
        let above = uppers[at] < E::ZERO;
        of_upper[at].write(if above { E::ZERO } else { by_upper });
    }
}
