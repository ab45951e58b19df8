//! Channels of images side by side, in blocks: what products with channels in the lanes of vectors
//! read.

use std::ops::Range;

use macerator::Simd;

use super::lanes::{Lanes, flat_mut, mix};
use super::turn::{Lines, LinesOut, SIDE, turn};
use crate::tensor::native::Number;

/// The vectors of the wider blocks.
pub(super) const VECTORS: usize = 2;

/// Numbers of panels, as many as there are in a wider block at a place.
pub(super) type Line<S, E> = Lanes<S, E, VECTORS>;

/// The channels of an input or an output, and the blocks that they are taken in.
#[derive(Clone, Copy)]
pub(super) struct Side {
    /// The channels of a group.
    pub(super) channels: usize,
    pub(super) groups: usize,
    /// The places of an image.
    pub(super) places: usize,
    /// The channels of a block; the last may be filled up with zeros.
    pub(super) width: usize,
}

/// What is taken of rows at once.
#[derive(Clone)]
pub(super) struct Part<'a> {
    pub(super) rows: Range<usize>,
    pub(super) group: usize,
    pub(super) places: &'a [Range<usize>],
}

impl Part<'_> {
    /// The places of all rows.
    fn places(&self) -> usize {
        self.rows.len() * self.places.iter().map(Range::len).sum::<usize>()
    }
}

impl Side {
    /// The numbers of a row.
    pub(super) fn features(self) -> usize {
        self.groups * self.channels * self.places
    }

    /// How many rows there are; of both ends, one may be missing.
    pub(super) fn rows<E>(self, ends: &[&[E]]) -> usize {
        let rows = ends.iter().map(|rows| rows.len() / self.features());
        rows.fold(0, usize::max)
    }

    /// The channels of a group's blocks.
    pub(super) fn padded(self) -> usize {
        self.channels.next_multiple_of(self.width)
    }

    /// The lines that the panels of a group take at so many places.
    pub(super) fn lines<S: Simd, E: Number>(self, places: usize) -> usize {
        (self.padded() * places).div_ceil(VECTORS * E::lanes::<S>())
    }

    /// `[rows, channels, places]` to `[blocks, rows, places, width]`, of rows or of both ends of
    /// boxes, which become centre and radius if scaled by a half, of their positive parts if rectified;
    /// rows that are missing are zero.
    #[inline(always)]
    pub(super) fn panels<'a, S: Simd, E: Number, const N: usize>(
        self,
        rows: [&[E]; N],
        part: &Part,
        (scale, rectified): (E, bool),
        lines: &'a mut [Line<S, E>],
    ) -> [&'a [Line<S, E>]; N] {
        let size = self.lines::<S, E>(part.places());
        for (rows, lines) in rows.into_iter().zip(lines.chunks_exact_mut(size)) {
            if rows.is_empty() {
                lines.fill([E::ZERO.splat(); VECTORS]);
            } else {
                self.pack(rows, part, lines);
            }
        }
        if N == 2 {
            let (lower, upper) = lines[..2 * size].split_at_mut(size);
            mix(lower, upper, scale, rectified);
        }
        std::array::from_fn(|end| &lines[end * size..][..size])
    }

    #[inline(always)]
    fn pack<S: Simd, E: Number>(self, rows: &[E], part: &Part, lines: &mut [Line<S, E>]) {
        let block = part.places() * self.width;
        if self.padded() > self.channels {
            lines.fill([E::ZERO.splat(); VECTORS]);
        }
        let panel = flat_mut(lines);
        let step = SIDE.min(self.width);
        for channel in (0..self.channels).step_by(step) {
            let height = step.min(self.channels - channel);
            let from = (part.group * self.channels + channel) * self.places;
            let mut to = channel / self.width * block + channel % self.width;
            for row in part.rows.clone() {
                let channels = &rows[row * self.features() + from..];
                for places in part.places {
                    for first in places.clone().step_by(SIDE) {
                        let width = SIDE.min(places.end - first);
                        let from = Lines {
                            numbers: &channels[first..],
                            stride: self.places,
                        };
                        let to_lines = LinesOut {
                            numbers: &mut panel[to..],
                            stride: self.width,
                        };
                        turn(from, to_lines, [height, width]);
                        to += width * self.width;
                    }
                }
            }
        }
    }
}
