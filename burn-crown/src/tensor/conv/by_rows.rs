//! The gradient of a kernel's weights with rows in the lanes of vectors.

use macerator::{Simd, Vector};

use super::geometry::{Geometry, Meets, Pair};
use super::lanes::Lanes;
use crate::tensor::native::Number;

/// Bytes of places that are worked on at once: they stay in a core's own cache.
const STRIP: usize = 1 << 20;

/// The channels of input and of output that are taken together, where there are so many.
const SIDE: usize = 4;

/// Sums over rows and places of what meets at a tap.
pub(super) struct ByRows<'a> {
    geometry: &'a Geometry,
    /// By tap.
    inner: Vec<Vec<Pair>>,
    inner_inputs: usize,
    inner_outputs: usize,
    outer: Meets,
}

/// A block of weights: one tap of the first channels and those behind them.
#[derive(Clone, Copy)]
struct Place {
    group: usize,
    /// Within the group.
    input: usize,
    output: usize,
    tap: usize,
}

/// The places of a strip that meet at a tap.
#[derive(Clone, Copy)]
struct Meeting<'a> {
    outer: &'a [Pair],
    inner: &'a [Pair],
}

impl<'a> ByRows<'a> {
    pub(super) fn new(geometry: &'a Geometry) -> Self {
        let [outer, inner] = geometry.meets();
        Self {
            geometry,
            inner: inner.by_tap(0..inner.outputs),
            inner_inputs: inner.inputs,
            inner_outputs: inner.outputs,
            outer,
        }
    }

    /// Adds what the rows `x` and the gradient of their output `grad`, both `[places, channels]`,
    /// give for the weights.
    #[inline(always)]
    pub(super) fn add<S: Simd, E: Number, const R: usize>(
        &self,
        x: &[Lanes<S, E, R>],
        grad: &[Lanes<S, E, R>],
        sums: &mut [E],
    ) {
        let geometry = self.geometry;
        let channels = geometry.input_channels + geometry.output_channels;
        let row = channels * size_of::<Lanes<S, E, R>>() * self.inner_outputs;
        let strip = (STRIP / row).max(1);
        let inputs = sides(geometry.input_channels / geometry.groups);
        let outputs = sides(geometry.output_channels / geometry.groups);
        for first in (0..self.outer.outputs).step_by(strip) {
            let outer = self
                .outer
                .by_tap(first..(first + strip).min(self.outer.outputs));
            for group in 0..geometry.groups {
                for &(input, height) in &inputs {
                    for &(output, width) in &outputs {
                        let mut tap = 0;
                        for outer in &outer {
                            for inner in &self.inner {
                                let meeting = Meeting { outer, inner };
                                let place = Place {
                                    group,
                                    input,
                                    output,
                                    tap,
                                };
                                match (height, width) {
                                    (SIDE, SIDE) => self.block::<S, E, R, SIDE, SIDE>(
                                        x, grad, meeting, place, sums,
                                    ),
                                    (SIDE, _) => self
                                        .block::<S, E, R, SIDE, 1>(x, grad, meeting, place, sums),
                                    (_, SIDE) => self
                                        .block::<S, E, R, 1, SIDE>(x, grad, meeting, place, sums),
                                    _ => self.block::<S, E, R, 1, 1>(x, grad, meeting, place, sums),
                                }
                                tap += 1;
                            }
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
        place: Place,
        sums: &mut [E],
    ) {
        let geometry = self.geometry;
        let [inputs, outputs] = [geometry.input_channels, geometry.output_channels];
        let input = place.group * (inputs / geometry.groups) + place.input;
        let output = place.group * (outputs / geometry.groups) + place.output;
        let zero: Vector<S, E> = E::ZERO.splat();
        let mut products = [[zero; O]; I];
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
        for (row, products) in products.into_iter().enumerate() {
            for (column, product) in products.into_iter().enumerate() {
                sums[geometry.weight(place.input + row, output + column, place.tap)] +=
                    product.reduce_add();
            }
        }
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
