//! The gradient of a kernel's weights with rows in the lanes of vectors.

use macerator::{Simd, Vector};

use super::geometry::{Geometry, Pair};
use super::lanes::Lanes;
use crate::tensor::native::Number;

/// Bytes of places that are worked on at once: their channels that are taken together stay in a core's
/// nearest cache for all taps.
const STRIP: usize = 1 << 15;

/// The channels of input and of output that are taken together, where there are so many.
const SIDE: usize = 4;

/// Sums over rows and places of what meets at a tap.
pub(super) struct ByRows<'a> {
    geometry: &'a Geometry,
    /// By tap.
    inner: Vec<Vec<Pair>>,
    inner_inputs: usize,
    /// By strip and tap.
    strips: Vec<Vec<Vec<Pair>>>,
    inner_outputs: usize,
}

/// A block of weights, of the first channels and those behind them.
#[derive(Clone, Copy)]
struct Block {
    group: usize,
    /// Within the group.
    input: usize,
    height: usize,
    output: usize,
    width: usize,
}

/// The places of a strip that meet at a tap.
#[derive(Clone, Copy)]
struct Meeting<'a> {
    outer: &'a [Pair],
    inner: &'a [Pair],
}

impl<'a> ByRows<'a> {
    /// For so many rows side by side.
    pub(super) fn new<E: Number>(geometry: &'a Geometry, rows: usize) -> Self {
        let [outer, inner] = geometry.meets();
        let place = 2 * SIDE * rows * size_of::<E>();
        let strip = (STRIP / (place * inner.outputs)).max(1);
        let strips = (0..outer.outputs).step_by(strip);
        Self {
            geometry,
            inner: inner.by_tap(0..inner.outputs),
            inner_inputs: inner.inputs,
            strips: strips
                .map(|first| outer.by_tap(first..(first + strip).min(outer.outputs)))
                .collect(),
            inner_outputs: inner.outputs,
        }
    }

    /// All weights: the sums are by block, tap, input and output.
    fn blocks(&self) -> impl Iterator<Item = Block> {
        let geometry = self.geometry;
        let inputs = sides(geometry.input_channels / geometry.groups);
        let outputs = sides(geometry.output_channels / geometry.groups);
        (0..geometry.groups)
            .flat_map(move |group| inputs.clone().into_iter().map(move |input| (group, input)))
            .flat_map(move |(group, (input, height))| {
                outputs
                    .clone()
                    .into_iter()
                    .map(move |(output, width)| Block {
                        group,
                        input,
                        height,
                        output,
                        width,
                    })
            })
    }

    /// Adds what the rows `x` and the gradient of their output `grad`, both `[places, channels]`,
    /// give for the weights.
    #[inline(always)]
    pub(super) fn add<S: Simd, E: Number, const R: usize>(
        &self,
        x: &[Lanes<S, E, R>],
        grad: &[Lanes<S, E, R>],
        sums: &mut [Vector<S, E>],
    ) {
        for outer in &self.strips {
            let mut rest = &mut *sums;
            for block in self.blocks() {
                for outer in outer {
                    for inner in &self.inner {
                        let (sums, others) = rest.split_at_mut(block.height * block.width);
                        rest = others;
                        let meeting = Meeting { outer, inner };
                        match (block.height, block.width) {
                            (SIDE, SIDE) => {
                                self.block::<S, E, R, SIDE, SIDE>(x, grad, meeting, block, sums)
                            }
                            (SIDE, _) => {
                                self.block::<S, E, R, SIDE, 1>(x, grad, meeting, block, sums)
                            }
                            (_, SIDE) => {
                                self.block::<S, E, R, 1, SIDE>(x, grad, meeting, block, sums)
                            }
                            _ => self.block::<S, E, R, 1, 1>(x, grad, meeting, block, sums),
                        }
                    }
                }
            }
        }
    }

    /// Of `I` channels of the input and `O` of the output.
    #[inline(always)]
    fn block<S: Simd, E: Number, const R: usize, const I: usize, const O: usize>(
        &self,
        x: &[Lanes<S, E, R>],
        grad: &[Lanes<S, E, R>],
        meeting: Meeting,
        block: Block,
        sums: &mut [Vector<S, E>],
    ) {
        let geometry = self.geometry;
        let [inputs, outputs] = [geometry.input_channels, geometry.output_channels];
        let input = block.group * (inputs / geometry.groups) + block.input;
        let output = block.group * (outputs / geometry.groups) + block.output;
        let (sums, _) = sums.as_chunks_mut::<O>();
        let mut products: [[Vector<S, E>; O]; I] = std::array::from_fn(|row| sums[row]);
        for outer in meeting.outer {
            for inner in meeting.inner {
                let at = outer.input * self.inner_inputs + inner.input;
                let x = &x[at * inputs + input..][..I];
                let at = outer.output * self.inner_outputs + inner.output;
                let grad = &grad[at * outputs + output..][..O];
                for part in 0..R {
                    for (products, x) in products.iter_mut().zip(x) {
                        for (sum, grad) in products.iter_mut().zip(grad) {
                            *sum = x[part].mul_add(grad[part], *sum);
                        }
                    }
                }
            }
        }
        for (sums, products) in sums.iter_mut().zip(&products) {
            for (sum, product) in sums.iter_mut().zip(products) {
                *sum = *product;
            }
        }
    }

    /// The sums in the order of the weights.
    pub(super) fn in_order<E: Number>(&self, sums: &[E]) -> Vec<E> {
        let geometry = self.geometry;
        let outputs = geometry.output_channels / geometry.groups;
        let taps = geometry.taps();
        let mut weights = vec![E::ZERO; sums.len()];
        let mut rest = sums;
        for block in self.blocks() {
            let each = block.height * block.width;
            let (sums, others) = rest.split_at(each * taps);
            rest = others;
            let output = block.group * outputs + block.output;
            for row in 0..block.height {
                for column in 0..block.width {
                    let first = geometry.weight(block.input + row, output + column, 0);
                    let sums = sums[row * block.width + column..].iter().step_by(each);
                    for (weight, &sum) in weights[first..][..taps].iter_mut().zip(sums) {
                        *weight = sum;
                    }
                }
            }
        }
        weights
    }
}

/// Channels in blocks, with their sizes.
fn sides(channels: usize) -> Vec<(usize, usize)> {
    let whole = channels / SIDE * SIDE;
    let blocks = (0..whole).step_by(SIDE).map(|first| (first, SIDE));
    blocks
        .chain((whole..channels).map(|first| (first, 1)))
        .collect()
}
