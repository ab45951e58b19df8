//! The product with a kernel, for rows side by side.

use macerator::{Simd, Vector};

use super::geometry::{Geometry, Meets};
use super::lanes::Lanes;
use crate::tensor::native::Number;

/// A product with its weights in the order in which they are read.
pub(super) struct Product<E> {
    inputs: usize,
    outputs: usize,
    outer: Meets,
    inner: Meets,
    blocks: Vec<Block<E>>,
}

/// Channels of the output that are computed together.
struct Block<E> {
    /// The first channel of the input that they read, and how many these are.
    input: usize,
    inputs: usize,
    /// The first channel of the output.
    output: usize,
    width: usize,
    /// `[taps, inputs, width]`.
    weights: Vec<E>,
}

/// How many channels a block may have.
const WIDTHS: [usize; 3] = [8, 4, 1];

impl<E: Number> Product<E> {
    /// With blocks of at most `widest` channels.
    pub(super) fn new(geometry: &Geometry, weights: &[E], widest: usize) -> Self {
        let groups = geometry.groups;
        let [inputs, outputs] =
            [geometry.input_channels, geometry.output_channels].map(|all| all / groups);
        let mut blocks = Vec::new();
        for group in 0..groups {
            let (mut output, end) = (group * outputs, (group + 1) * outputs);
            while output < end {
                let fits = |&&width: &&usize| width <= widest && width <= end - output;
                let width = *WIDTHS.iter().find(fits).unwrap_or(&1);
                let mut ordered = vec![E::ZERO; geometry.taps() * inputs * width];
                for lane in 0..width {
                    for input in 0..inputs {
                        let first = geometry.weight(input, output + lane, 0);
                        let places = ordered[input * width + lane..].iter_mut();
                        let places = places.step_by(inputs * width);
                        for (place, &weight) in places.zip(&weights[first..]) {
                            *place = weight;
                        }
                    }
                }
                blocks.push(Block {
                    input: group * inputs,
                    inputs,
                    output,
                    width,
                    weights: ordered,
                });
                output += width;
            }
        }
        let [outer, inner] = geometry.meets();
        Self {
            inputs: geometry.input_channels,
            outputs: geometry.output_channels,
            outer,
            inner,
            blocks,
        }
    }

    /// The same product with other weights, made of each one.
    pub(super) fn map(&self, f: impl Fn(E) -> E) -> Self {
        let map = |block: &Block<E>| Block {
            weights: block.weights.iter().map(|&weight| f(weight)).collect(),
            ..*block
        };
        Self {
            outer: self.outer.clone(),
            inner: self.inner.clone(),
            blocks: self.blocks.iter().map(map).collect(),
            ..*self
        }
    }

    /// `[places, channels]` of the input to those of the output; the bias may be missing.
    #[inline(always)]
    pub(super) fn apply<S: Simd, const R: usize>(
        &self,
        x: &[Lanes<S, E, R>],
        bias: &[E],
        out: &mut [Lanes<S, E, R>],
    ) {
        for outer in 0..self.outer.outputs {
            for block in &self.blocks {
                match block.width {
                    8 => self.strip::<S, R, 8>(block, outer, x, bias, out),
                    4 => self.strip::<S, R, 4>(block, outer, x, bias, out),
                    _ => self.strip::<S, R, 1>(block, outer, x, bias, out),
                }
            }
        }
    }

    /// The places of the last dim.
    #[inline(always)]
    fn strip<S: Simd, const R: usize, const W: usize>(
        &self,
        block: &Block<E>,
        outer: usize,
        x: &[Lanes<S, E, R>],
        bias: &[E],
        out: &mut [Lanes<S, E, R>],
    ) {
        let (weights, _) = block.weights.as_chunks::<W>();
        for (inner, meets) in self.inner.of_outputs.iter().enumerate() {
            let mut sums: [Lanes<S, E, R>; W] = [[E::ZERO.splat(); R]; W];
            if !bias.is_empty() {
                let bias = &bias[block.output..][..W];
                for channel in 0..W {
                    sums[channel] = [bias[channel].splat(); R];
                }
            }
            for above in &self.outer.of_outputs[outer] {
                for meet in meets {
                    let place = above.input * self.inner.inputs + meet.input;
                    let tap = above.tap * self.inner.taps + meet.tap;
                    let x = &x[place * self.inputs + block.input..][..block.inputs];
                    let weights = &weights[tap * block.inputs..][..block.inputs];
                    for (x, weights) in x.iter().zip(weights) {
                        for channel in 0..W {
                            let weight: Vector<S, E> = weights[channel].splat();
                            for part in 0..R {
                                let sum = sums[channel][part];
                                sums[channel][part] = weight.mul_add(x[part], sum);
                            }
                        }
                    }
                }
            }
            let place = outer * self.inner.outputs + inner;
            let out = &mut out[place * self.outputs + block.output..][..W];
            // One by one, from the registers: a copy of all is a call.
            for (out, sum) in out.iter_mut().zip(&sums) {
                *out = *sum;
            }
        }
    }
}
