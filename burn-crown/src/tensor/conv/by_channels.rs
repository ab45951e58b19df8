//! The gradient of a kernel's weights with channels in the lanes of vectors. Where there are many, a
//! product needs fewer numbers than with rows side by side, and no sums over lanes.
#![allow(
    unsafe_code,
    reason = "of the macro that chooses the processor's vectors"
)]

use std::ops::Range;

use macerator::{Simd, Vector, with_simd};

use super::geometry::{Geometry, Meets, Pair};
use super::lanes::{Scratch, flat};
use super::loops::lanes;
use super::panels::{Line, Part, Side, VECTORS};
use super::turn::SIDE;
use crate::tensor::native::Number;

/// Places that meet at a tap in a strip, about: so many products are added up before their sum is
/// added to others, for the sake of accuracy, and a block of channels stays in a core's first cache.
const PLACES: usize = 256;

/// Bytes that a strip may take: it stays in a core's own cache, also that of boxes with both ends.
const CACHE: usize = 1 << 19;

/// Sums over rows and places of what meets at a tap: the channels of one side (input or output) are
/// in the lanes of vectors, those of the other are taken one by one.
pub(super) struct ByChannels {
    /// Whether the input's channels are in the lanes.
    input: bool,
    wide: Side,
    narrow: Side,
    taps: usize,
    strips: Vec<Strip>,
    /// How many rows are taken at once: several if they are small.
    rows: usize,
}

/// Places of the output, and those of the input that they meet.
struct Strip {
    wide: Vec<Range<usize>>,
    narrow: Vec<Range<usize>>,
    /// For each tap, row after row; places are counted in the strip.
    meets: Vec<Vec<Meet>>,
}

#[derive(Clone, Copy)]
struct Meet {
    wide: u32,
    narrow: u32,
}

impl ByChannels {
    /// Nothing if there are so few channels that it would be slower than with rows in the lanes.
    pub(super) fn new<E: Number>(geometry: &Geometry) -> Option<Self> {
        let x = Side {
            channels: geometry.input_channels / geometry.groups,
            groups: geometry.groups,
            places: geometry.inputs() / geometry.input_channels,
            width: SIDE,
        };
        let grad = Side {
            channels: geometry.output_channels / geometry.groups,
            places: geometry.outputs() / geometry.output_channels,
            ..x
        };
        let in_lanes = |side: Side| Side {
            width: VECTORS * lanes(E::ZERO),
            ..side
        };
        let products = |wide: Side, narrow: Side| wide.padded() * narrow.padded();
        let input = products(in_lanes(x), grad) < products(in_lanes(grad), x);
        let (wide, narrow) = if input { (x, grad) } else { (grad, x) };
        let (wide, needed) = (in_lanes(wide), wide.channels * narrow.channels);
        if narrow.channels < SIDE || products(wide, narrow) >= 2 * needed {
            return None;
        }
        let [outer, inner] = geometry.meets();
        let (lines, line) = (outer.outputs, inner.outputs);
        let meets = outer.around(inner);
        let pairs = meets.by_tap(0..meets.outputs);
        let most = pairs.iter().map(Vec::len).fold(1, usize::max);
        let numbers = wide.padded() * wide.places + narrow.padded() * narrow.places;
        let bytes = numbers * size_of::<E>();
        let strips = most.div_ceil(PLACES).max(bytes.div_ceil(CACHE));
        let strip = if strips <= lines {
            lines.div_ceil(strips) * line
        } else {
            meets.outputs.div_ceil(strips)
        };
        let rows = (PLACES / most).min(CACHE / bytes).max(1);
        let strips = (0..meets.outputs).step_by(strip).map(|first| {
            let outputs = first..(first + strip).min(meets.outputs);
            Strip::new(&meets, outputs, rows, input)
        });
        let strips = strips.filter(|strip| strip.meets.iter().any(|meets| !meets.is_empty()));
        Some(Self {
            input,
            wide,
            narrow,
            taps: meets.taps,
            strips: strips.collect(),
            rows,
        })
    }

    /// How many sums a group has.
    fn sums_of_group(&self) -> usize {
        self.taps * self.wide.padded() * self.narrow.padded()
    }

    /// How many sums there are.
    pub(super) fn sums(&self) -> usize {
        self.wide.groups * self.sums_of_group()
    }

    /// The sums in the order of the weights.
    pub(super) fn in_order<E: Number>(&self, geometry: &Geometry, sums: &[E]) -> Vec<E> {
        let (wide, narrow) = (self.wide, self.narrow);
        let mut weights = vec![E::ZERO; wide.groups * self.taps * wide.channels * narrow.channels];
        for (group, sums) in sums.chunks_exact(self.sums_of_group()).enumerate() {
            for lane in 0..wide.channels {
                for single in 0..narrow.channels {
                    let first = if self.input {
                        geometry.weight(lane, group * narrow.channels + single, 0)
                    } else {
                        geometry.weight(single, group * wide.channels + lane, 0)
                    };
                    for (tap, weight) in weights[first..][..self.taps].iter_mut().enumerate() {
                        let tile = self.tile(lane / wide.width, tap, single);
                        *weight = sums[tile + lane % wide.width];
                    }
                }
            }
        }
        weights
    }

    /// Where the sums of a block and a single channel are, in their group.
    fn tile(&self, block: usize, tap: usize, single: usize) -> usize {
        ((block * self.taps + tap) * self.narrow.padded() + single) * self.wide.width
    }

    /// Adds what rows and the gradients of their outputs give; of boxes, given by both ends, what
    /// their centres and their radii give, of the positive parts if `rectified`. A gradient may be
    /// missing.
    pub(super) fn add<E: Number, const N: usize>(
        &self,
        x: [&[E]; N],
        grad: [&[E]; N],
        sums: [&mut [E]; N],
        rectified: bool,
    ) {
        if self.input {
            add(self, x, grad, sums, rectified);
        } else {
            add(self, grad, x, sums, rectified);
        }
    }

    /// With so many single channels at once.
    #[inline(always)]
    fn add_blocks<S: Simd, E: Number, const I: usize, const N: usize>(
        &self,
        wide: [&[E]; N],
        narrow: [&[E]; N],
        sums: [&mut [E]; N],
        rectified: bool,
    ) {
        let rows = self.wide.rows(&wide);
        assert_eq!(rows, self.narrow.rows(&narrow));
        let sizes = [
            self.most_places(|strip| &strip.wide),
            self.most_places(|strip| &strip.narrow),
        ];
        let sizes = [
            N * self.wide.lines::<S, E>(sizes[0]),
            N * self.narrow.lines::<S, E>(sizes[1]),
        ];
        // Half sums and differences of the input's ends, but sums and differences of gradients.
        let (of_input, of_gradient) = ((E::HALF, rectified), (E::ONE, false));
        let [of_wide, of_narrow] = if self.input {
            [of_input, of_gradient]
        } else {
            [of_gradient, of_input]
        };
        let mut scratch = Scratch::take();
        let [wides, narrows] = scratch.lanes::<S, E, VECTORS, 2>(sizes);
        for first in (0..rows).step_by(self.rows) {
            for strip in &self.strips {
                for group in 0..self.wide.groups {
                    let mut part = Part {
                        rows: first..(first + self.rows).min(rows),
                        group,
                        places: &strip.wide,
                    };
                    let wides = self.wide.panels::<S, E, N>(wide, &part, of_wide, wides);
                    part.places = &strip.narrow;
                    let narrows = self
                        .narrow
                        .panels::<S, E, N>(narrow, &part, of_narrow, narrows);
                    for end in 0..N {
                        let each = self.sums_of_group();
                        let sums = &mut sums[end][group * each..][..each];
                        self.products::<S, E, I>(
                            strip,
                            part.rows.len(),
                            wides[end],
                            flat(narrows[end]),
                            sums,
                        );
                    }
                }
            }
        }
    }

    /// The places of the rows that are taken at once, in the largest strip.
    fn most_places(&self, places: fn(&Strip) -> &[Range<usize>]) -> usize {
        let strips = self.strips.iter().map(places);
        let counts = strips.map(|places| places.iter().map(Range::len).sum());
        self.rows * counts.fold(0, usize::max)
    }

    /// What panels of so many rows give.
    #[inline(always)]
    fn products<S: Simd, E: Number, const I: usize>(
        &self,
        strip: &Strip,
        rows: usize,
        wide: &[Line<S, E>],
        narrow: &[E],
        sums: &mut [E],
    ) {
        let (narrow, _) = narrow.as_chunks::<SIDE>();
        let blocks = wide.len() / (self.wide.padded() / self.wide.width);
        let of_narrow = rows * strip.narrow.iter().map(Range::len).sum::<usize>();
        for (block, wide) in wide.chunks_exact(blocks).enumerate() {
            for (tap, meets) in strip.meets.iter().enumerate() {
                let meets = &meets[..meets.len() / self.rows * rows];
                for single in (0..self.narrow.channels).step_by(I) {
                    let narrow = &narrow[single / SIDE * of_narrow..][..of_narrow];
                    let at = self.tile(block, tap, single);
                    let sums = &mut sums[at..][..I * self.wide.width];
                    products::<S, E, I>(meets, wide, narrow, single % SIDE, sums);
                }
            }
        }
    }
}

/// Adds what `I` channels of `narrow` from the `first` give with those of `wide`.
#[inline(always)]
fn products<S: Simd, E: Number, const I: usize>(
    meets: &[Meet],
    wide: &[Line<S, E>],
    narrow: &[[E; SIDE]],
    first: usize,
    sums: &mut [E],
) {
    let zero: Vector<S, E> = E::ZERO.splat();
    let mut products = [[zero; VECTORS]; I];
    for meet in meets {
        let wide = &wide[meet.wide as usize];
        let narrow = &narrow[meet.narrow as usize][first..first + I];
        for single in 0..I {
            let number: Vector<S, E> = narrow[single].splat();
            for part in 0..VECTORS {
                products[single][part] = number.mul_add(wide[part], products[single][part]);
            }
        }
    }
    for (sum, &product) in sums.iter_mut().zip(flat(&products)) {
        *sum += product;
    }
}

#[with_simd]
fn add<'a, S: Simd, E: Number, const N: usize>(
    gradient: &ByChannels,
    wide: [&'a [E]; N],
    narrow: [&'a [E]; N],
    sums: [&'a mut [E]; N],
    rectified: bool,
) {
    // As many sums as there are registers for.
    if size_of::<Vector<S, E>>() >= 64 {
        gradient.add_blocks::<S, E, 8, N>(wide, narrow, sums, rectified);
    } else {
        gradient.add_blocks::<S, E, 4, N>(wide, narrow, sums, rectified);
    }
}

impl Strip {
    /// The given places of the output, of so many rows; `input` says which side is the wide one.
    fn new(meets: &Meets, outputs: Range<usize>, rows: usize, input: bool) -> Self {
        let pairs = meets.by_tap(outputs.clone());
        let mut met = vec![false; meets.inputs];
        for pair in pairs.iter().flatten() {
            met[pair.input] = true;
        }
        let mut inputs: Vec<Range<usize>> = Vec::new();
        let mut places = vec![0; meets.inputs];
        let mut count = 0;
        for place in (0..meets.inputs).filter(|&place| met[place]) {
            match inputs.last_mut() {
                Some(run) if run.end == place => run.end += 1,
                _ => inputs.push(place..place + 1),
            }
            places[place] = count;
            count += 1;
        }
        let of_row = |row: usize, pair: &Pair| {
            let input_place = (row * count + places[pair.input]) as u32;
            let output_place = (row * outputs.len() + pair.output - outputs.start) as u32;
            let (wide, narrow) = if input {
                (input_place, output_place)
            } else {
                (output_place, input_place)
            };
            Meet { wide, narrow }
        };
        let of_tap = |pairs: &Vec<Pair>| {
            let rows = (0..rows).flat_map(|row| pairs.iter().map(move |pair| of_row(row, pair)));
            rows.collect()
        };
        let meets = pairs.iter().map(of_tap).collect();
        let (wide, narrow) = if input {
            (inputs, vec![outputs])
        } else {
            (vec![outputs], inputs)
        };
        Self {
            wide,
            narrow,
            meets,
        }
    }
}
