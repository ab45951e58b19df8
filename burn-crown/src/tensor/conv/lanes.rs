//! Rows of images side by side in the lanes of vectors, by place and channel: what the loops over
//! places work on.
#![allow(
    unsafe_code,
    reason = "numbers are read as vectors and vectors as numbers"
)]

use std::cell::Cell;
use std::mem::MaybeUninit;

use macerator::{Simd, Vector};

use super::turn::{Lines, LinesOut, SIDE, turn};
use crate::tensor::native::{Number, Space, rectify};

/// An element of `R` times as many rows as a vector has lanes.
pub(super) type Lanes<S, E, const R: usize> = [Vector<S, E>; R];

/// Rows that are turned one place after another: so many streams the processor foresees, and their
/// numbers at a place fill a line of its cache.
const STREAMS: usize = 2 * SIDE;

/// Places that are turned before other rows are: a line of the processor's cache. The lines of many
/// rows may all want the same place in it.
const LINE: usize = 2 * SIDE;

/// `[rows, channels, places]` to `[places, channels]` of lanes; lanes without a row are zero.
#[inline(always)]
pub(super) fn gather<S: Simd, E: Number, const R: usize>(
    rows: &[E],
    channels: usize,
    lanes: &mut [Lanes<S, E, R>],
) {
    let (count, places) = (R * E::lanes::<S>(), lanes.len() / channels);
    let features = channels * places;
    let flat = flat_mut(lanes);
    if rows.len() < count * features {
        flat.fill(MaybeUninit::new(E::ZERO));
    }
    for (stream, rows) in rows.chunks(STREAMS * features).enumerate() {
        for channel in 0..channels {
            for line in (0..places).step_by(LINE) {
                for (block, rows) in rows.chunks(SIDE * features).enumerate() {
                    let lane = stream * STREAMS + block * SIDE;
                    for first in (line..places.min(line + LINE)).step_by(SIDE) {
                        let from = Lines {
                            numbers: &rows[channel * places + first..],
                            stride: features,
                        };
                        let to = LinesOut {
                            numbers: &mut flat[(first * channels + channel) * count + lane..],
                            stride: channels * count,
                        };
                        let size = [rows.len() / features, SIDE.min(places - first)];
                        turn(from, to, size);
                    }
                }
            }
        }
    }
}

/// The way back; lanes without a row are left out.
#[inline(always)]
pub(super) fn scatter<S: Simd, E: Number, const R: usize>(
    lanes: &[Lanes<S, E, R>],
    channels: usize,
    rows: Space<'_, E>,
) {
    let (count, places) = (R * E::lanes::<S>(), lanes.len() / channels);
    let features = channels * places;
    let flat = flat(lanes);
    for (stream, rows) in rows.chunks_mut(STREAMS * features).enumerate() {
        for channel in 0..channels {
            for line in (0..places).step_by(LINE) {
                for (block, rows) in rows.chunks_mut(SIDE * features).enumerate() {
                    let lane = stream * STREAMS + block * SIDE;
                    for first in (line..places.min(line + LINE)).step_by(SIDE) {
                        let from = Lines {
                            numbers: &flat[(first * channels + channel) * count + lane..],
                            stride: channels * count,
                        };
                        let size = [SIDE.min(places - first), rows.len() / features];
                        let to = LinesOut {
                            numbers: &mut rows[channel * places + first..],
                            stride: features,
                        };
                        turn(from, to, size);
                    }
                }
            }
        }
    }
}

/// Makes of two ends, or of their positive parts, their half sum and half difference, or of these
/// the ends again: each pair `[a, b]` becomes `[(a + b) scale, (b − a) scale]`.
#[inline(always)]
pub(super) fn mix<S: Simd, E: Number, const R: usize>(
    a: &mut [Lanes<S, E, R>],
    b: &mut [Lanes<S, E, R>],
    scale: E,
    rectified: bool,
) {
    if rectified {
        for lanes in [&mut *a, &mut *b] {
            rectify(numbers_mut(lanes));
        }
    }
    let (scale, minus) = (scale.splat(), (E::ZERO - scale).splat());
    let zero = E::ZERO.splat();
    for (a, b) in a.iter_mut().zip(b) {
        for part in 0..R {
            let (lower, upper) = (a[part], b[part]);
            let half = upper.mul_add(scale, zero);
            a[part] = lower.mul_add(scale, half);
            b[part] = lower.mul_add(minus, half);
        }
    }
}

pub(super) fn flat<S: Simd, E: Number, const R: usize>(lanes: &[Lanes<S, E, R>]) -> &[E] {
    let count = size_of_val(lanes) / size_of::<E>();
    // SAFETY: a vector is its lanes, one number after the other.
    unsafe { std::slice::from_raw_parts(lanes.as_ptr().cast(), count) }
}

pub(super) fn flat_mut<S: Simd, E: Number, const R: usize>(
    lanes: &mut [Lanes<S, E, R>],
) -> Space<'_, E> {
    let count = size_of_val(lanes) / size_of::<E>();
    // SAFETY: as above, any number is a lane, and whoever writes into a space writes numbers.
    unsafe { std::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast(), count) }
}

/// Lanes that were written.
#[inline(always)]
fn numbers_mut<S: Simd, E: Number, const R: usize>(lanes: &mut [Lanes<S, E, R>]) -> &mut [E] {
    let count = size_of_val(lanes) / size_of::<E>();
    // SAFETY: as above, and any number is a lane.
    unsafe { std::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast(), count) }
}

/// Memory for lanes, as aligned as any vector.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

thread_local! {
    /// What the thread's last loop worked on: memory that is new costs more than to fill it.
    static MEMORY: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// The thread's memory, in use.
pub(super) struct Scratch(Vec<Line>);

impl Scratch {
    pub(super) fn take() -> Self {
        Self(MEMORY.take())
    }

    /// Lanes for `N` nodes of so many elements, with values that are left over from other work.
    #[inline(always)]
    pub(super) fn lanes<S: Simd, E: Number, const R: usize, const N: usize>(
        &mut self,
        sizes: [usize; N],
    ) -> [&mut [Lanes<S, E, R>]; N] {
        const { assert!(align_of::<Vector<S, E>>() <= align_of::<Line>()) };
        let count: usize = sizes.iter().sum();
        let lines = (count * size_of::<Lanes<S, E, R>>()).div_ceil(size_of::<Line>());
        if self.0.len() < lines {
            self.0.resize(lines, Line([0; 64]));
        }
        // SAFETY: there are enough lines, as aligned as vectors are, and any bytes are numbers.
        let mut rest = unsafe {
            std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast::<Lanes<S, E, R>>(), count)
        };
        sizes.map(|size| {
            let (part, others) = std::mem::take(&mut rest).split_at_mut(size);
            rest = others;
            part
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        MEMORY.set(std::mem::take(&mut self.0));
    }
}
