//! Convolutions of many rows, on any number of threads.
#![allow(
    unsafe_code,
    reason = "of the macro that chooses the processor's vectors"
)]

use macerator::{Simd, Vector, with_simd};
use rayon::prelude::*;

use super::geometry::Geometry;
use super::lanes::{Lanes, Scratch, gather, scatter};
use super::product::Product;
use super::weights::WeightGradient;
use crate::tensor::native::{Number, Space, Work, or_zeros};

/// Inputs: rows, weights, a bias `[O]` or nothing, weights `[C]` of the input's channels or nothing.
/// Outputs: the rows of the result; if there are weights of channels, for each row the sum of all its
/// elements, weighted by channel.
pub(super) struct Convolution(pub(super) Geometry);

/// Inputs: those of [`Convolution`], and the gradients of both outputs, of which one may be missing.
/// Outputs: the gradients of rows, weights, bias and weights of channels; one for which there is no
/// space is left out.
#[derive(Clone, Debug)]
pub(super) struct ConvolutionGradient(pub(super) Geometry);

impl Work<4, 2> for Convolution {
    fn run<E: Number>(
        self,
        [x, weights, bias, channels]: [&[E]; 4],
        [out, sums]: [Space<'_, E>; 2],
    ) {
        let geometry = &self.0;
        let rows = geometry.rows(x.len(), out.len());
        assert_eq!(sums.len(), if channels.is_empty() { 0 } else { rows });
        let shape = Shape::of::<E>(geometry, rows, 1);
        let product = &Product::new(geometry, weights, shape.widest);
        let rows = shape.rows_of_a_task(rows);
        let mut sums = sums.chunks_mut(rows);
        let tasks = out.chunks_mut(rows * geometry.outputs());
        let tasks: Vec<_> = tasks
            .map(|out| (out, sums.next().unwrap_or_default()))
            .collect();
        tasks
            .into_par_iter()
            .zip(x.par_chunks(rows * geometry.inputs()))
            .for_each(|((out, sums), x)| match shape.vectors {
                1 => convolve::<E, 1>(geometry, product, x, bias, channels, out, sums),
                2 => convolve::<E, 2>(geometry, product, x, bias, channels, out, sums),
                _ => convolve::<E, 4>(geometry, product, x, bias, channels, out, sums),
            });
    }
}

impl Work<6, 4> for ConvolutionGradient {
    fn run<E: Number>(
        self,
        [x, weights, _, channels, grad, of_sums]: [&[E]; 6],
        [of_x, of_weights, of_bias, of_channels]: [Space<'_, E>; 4],
    ) {
        let geometry = &self.0;
        let grad = &*or_zeros(grad, x.len() / geometry.inputs() * geometry.outputs());
        let (adjoint, rows) = (geometry.adjoint(), geometry.rows(x.len(), grad.len()));
        assert!(of_sums.is_empty() || of_sums.len() == rows);
        let shape = Shape::of::<E>(geometry, rows, 1);
        let back = &Back {
            geometry,
            product: Product::new(&adjoint, weights, shape.widest),
            weights: WeightGradient::new::<E>(geometry, shape.rows()),
            channels: if of_sums.is_empty() { &[] } else { channels },
        };
        let rows = shape.rows_of_a_task(rows);
        let mut spaces = of_x.chunks_mut(rows * geometry.inputs());
        let mut of_sums = of_sums.chunks(rows);
        let tasks: Vec<_> = x
            .chunks(rows * geometry.inputs())
            .zip(grad.chunks(rows * geometry.outputs()))
            .map(|(x, grad)| {
                let rows = Rows {
                    x,
                    grad,
                    of_sums: of_sums.next().unwrap_or_default(),
                };
                (rows, spaces.next().unwrap_or_default())
            })
            .collect();
        let zeros = |space: &Space<'_, E>| vec![E::ZERO; space.len()];
        let totals = [of_weights, of_bias, of_channels];
        let parts: Vec<Sums<E>> = tasks
            .into_par_iter()
            .map(|(rows, of_x)| {
                let mut sums = Sums {
                    weights: back.weights.sums(totals[0].len()),
                    bias: zeros(&totals[1]),
                    channels: zeros(&totals[2]),
                };
                if let WeightGradient::Channels(weights) = &back.weights
                    && !sums.weights.is_empty()
                {
                    let to = [&mut sums.weights[..]];
                    weights.add([rows.x], [rows.grad], to, false);
                }
                match shape.vectors {
                    1 => convolve_back::<E, 1>(back, rows, of_x, &mut sums),
                    2 => convolve_back::<E, 2>(back, rows, of_x, &mut sums),
                    _ => convolve_back::<E, 4>(back, rows, of_x, &mut sums),
                }
                sums
            })
            .collect();
        for (index, space) in totals.into_iter().enumerate() {
            let mut total = total(parts.iter().map(|sums| sums.parts()[index]));
            if index == 0 {
                total = back.weights.in_order(geometry, &total);
            }
            for (out, sum) in space.iter_mut().zip(total) {
                out.write(sum);
            }
        }
    }
}

/// Adds what tasks give: in one order, whichever thread was first.
pub(super) fn total<'a, E: Number>(mut parts: impl Iterator<Item = &'a [E]>) -> Vec<E> {
    let mut total = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        for (total, &part) in total.iter_mut().zip(part) {
            *total += part;
        }
    }
    total
}

/// How many tasks there are at most: their number must not depend on that of the threads, for the
/// gradient would.
const TASKS: usize = 16;

/// The bytes of a core's own cache that a block of rows may take.
const CACHE: usize = 1 << 20;

/// How many rows are side by side, and how many channels of the result are computed together: their
/// sums are to stay in the processor's registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    lanes: usize,
    pub(super) vectors: usize,
    pub(super) widest: usize,
}

impl Shape {
    /// For products of this geometry and of its adjoint, with so many rows, of which each is `ends` of
    /// numbers.
    pub(super) fn of<E: Number>(geometry: &Geometry, rows: usize, ends: usize) -> Self {
        let lanes = lanes(E::ZERO);
        let sums = if lanes * size_of::<E>() >= 64 { 16 } else { 8 };
        // Few channels need many rows for as many sums as there are registers; but what a block of
        // rows holds is to stay in a core's own cache. If that is out of reach, several rows at least
        // share the weights that are read.
        let channels = geometry.output_channels.max(geometry.input_channels) / geometry.groups;
        let row = ends * (geometry.inputs() + geometry.outputs()) * size_of::<E>();
        let fits = |vectors: usize| row * vectors * lanes <= CACHE;
        let large = row * lanes > 2 * CACHE && rows > 2 * lanes;
        let vectors = if rows <= lanes || !(fits(2) || large) {
            1
        } else if rows <= 2 * lanes || channels >= 32 || !fits(4) {
            2
        } else {
            4
        };
        Self {
            lanes,
            vectors,
            widest: sums / vectors,
        }
    }

    /// How many rows are side by side.
    pub(super) fn rows(self) -> usize {
        self.lanes * self.vectors
    }

    pub(super) fn rows_of_a_task(self, rows: usize) -> usize {
        let block = self.rows();
        rows.div_ceil(block).div_ceil(TASKS) * block
    }
}

/// How many numbers like this one a vector has.
#[with_simd]
pub(super) fn lanes<S: Simd, E: Number>(_: E) -> usize {
    E::lanes::<S>()
}

/// Rows of the input to rows of the output.
#[with_simd]
fn convolve<'a, S: Simd, E: Number, const R: usize>(
    geometry: &Geometry,
    product: &Product<E>,
    x: &[E],
    bias: &[E],
    channels: &[E],
    out: Space<'a, E>,
    sums: Space<'a, E>,
) {
    let block = R * E::lanes::<S>();
    let [inputs, outputs] = [geometry.inputs(), geometry.outputs()];
    let mut scratch = Scratch::take();
    let [from, to, totals] = scratch.lanes::<S, E, R, 3>([inputs, outputs, 1]);
    let blocks = x
        .chunks(block * inputs)
        .zip(out.chunks_mut(block * outputs));
    for (index, (x, out)) in blocks.enumerate() {
        gather(x, geometry.input_channels, from);
        if !sums.is_empty() {
            let mut sum = [E::ZERO.splat(); R];
            for places in from.chunks(PLACES * channels.len()) {
                let mut part = [E::ZERO.splat(); R];
                for place in places.chunks_exact(channels.len()) {
                    for (&weight, lanes) in channels.iter().zip(place) {
                        add_scaled(&mut part, lanes, &[weight.splat(); R]);
                    }
                }
                add_scaled(&mut sum, &part, &[E::ONE.splat(); R]);
            }
            totals[0] = sum;
            let count = x.len() / inputs;
            scatter(totals, 1, &mut sums[index * block..][..count]);
        }
        product.apply(from, bias, to);
        scatter(to, geometry.output_channels, out);
    }
}

/// What is taken back through.
struct Back<'a, E> {
    geometry: &'a Geometry,
    product: Product<E>,
    weights: WeightGradient<'a>,
    /// The weights of channels, if the gradient of their sums is not nothing.
    channels: &'a [E],
}

/// The rows of a task.
#[derive(Clone, Copy)]
struct Rows<'a, E> {
    x: &'a [E],
    grad: &'a [E],
    of_sums: &'a [E],
}

/// The gradients that are sums over rows; empty where they are not asked for.
struct Sums<E> {
    weights: Vec<E>,
    bias: Vec<E>,
    channels: Vec<E>,
}

impl<E> Sums<E> {
    fn parts(&self) -> [&[E]; 3] {
        [&self.weights, &self.bias, &self.channels]
    }
}

/// Writes the gradient of the rows, if there is space for it, and adds to those of the others.
#[with_simd]
fn convolve_back<'a, S: Simd, E: Number, const R: usize>(
    back: &Back<'a, E>,
    rows: Rows<'a, E>,
    of_x: Space<'a, E>,
    sums: &mut Sums<E>,
) {
    let geometry = back.geometry;
    let block = R * E::lanes::<S>();
    let [inputs, outputs] = [geometry.inputs(), geometry.outputs()];
    let mut scratch = Scratch::take();
    let by_rows = match &back.weights {
        WeightGradient::Rows(weights) if !sums.weights.is_empty() => Some(weights),
        _ => None,
    };
    let each = by_rows.map_or(0, |_| sums.weights.len().div_ceil(R));
    let [from, to, of_sums, of_weights] = scratch.lanes::<S, E, R, 4>([inputs, outputs, 1, each]);
    of_weights.fill([E::ZERO.splat(); R]);
    let blocks = rows.x.chunks(block * inputs);
    let blocks = blocks.zip(rows.grad.chunks(block * outputs));
    for (index, (x, grad)) in blocks.enumerate() {
        if by_rows.is_some() || !sums.bias.is_empty() || !of_x.is_empty() {
            gather(grad, geometry.output_channels, to);
        }
        let count = x.len() / inputs;
        if !rows.of_sums.is_empty() {
            gather(&rows.of_sums[index * block..][..count], 1, of_sums);
        }
        if by_rows.is_some() || !sums.channels.is_empty() {
            gather(x, geometry.input_channels, from);
        }
        if let Some(weights) = by_rows {
            weights.add(from, to, of_weights.as_flattened_mut());
        }
        add_places(to, &[E::ONE.splat(); R], &mut sums.bias);
        if !rows.of_sums.is_empty() {
            add_places(from, &of_sums[0], &mut sums.channels);
        }
        if !of_x.is_empty() {
            back.product.apply(to, &[], from);
            for place in from.chunks_exact_mut(geometry.input_channels) {
                for (&weight, lanes) in back.channels.iter().zip(place) {
                    add_scaled(lanes, &of_sums[0], &[weight.splat(); R]);
                }
            }
            let space = &mut of_x[index * block * inputs..][..x.len()];
            scatter(from, geometry.input_channels, space);
        }
    }
    reduce_into(of_weights.as_flattened(), &mut sums.weights);
}

/// Adds to sums those of vectors' lanes, one for each; vectors behind them are left out.
#[inline(always)]
pub(super) fn reduce_into<S: Simd, E: Number>(vectors: &[Vector<S, E>], sums: &mut [E]) {
    for (sum, vector) in sums.iter_mut().zip(vectors) {
        *sum += vector.reduce_add();
    }
}

/// Places whose numbers are added up before their sum is added to others, for the sake of accuracy.
const PLACES: usize = 64;

/// Adds lanes times weights.
#[inline(always)]
fn add_scaled<S: Simd, E: Number, const R: usize>(
    sum: &mut Lanes<S, E, R>,
    lanes: &Lanes<S, E, R>,
    weights: &Lanes<S, E, R>,
) {
    for part in 0..R {
        sum[part] = weights[part].mul_add(lanes[part], sum[part]);
    }
}

/// Adds the sums over places of each channel, with a weight for each row.
#[inline(always)]
pub(super) fn add_places<S: Simd, E: Number, const R: usize>(
    lanes: &[Lanes<S, E, R>],
    weights: &Lanes<S, E, R>,
    sums: &mut [E],
) {
    let channels = sums.len();
    for (channel, sum) in sums.iter_mut().enumerate() {
        let mut total = [E::ZERO.splat(); R];
        for places in lanes.chunks(PLACES * channels) {
            let mut part = [E::ZERO.splat(); R];
            for lanes in places[channel..].iter().step_by(channels) {
                add_scaled(&mut part, lanes, weights);
            }
            add_scaled(&mut total, &part, &[E::ONE.splat(); R]);
        }
        for part in total {
            *sum += part.reduce_add();
        }
    }
}

impl Geometry {
    /// The rows of an input and an output of so many elements.
    pub(super) fn rows(&self, inputs: usize, outputs: usize) -> usize {
        let rows = inputs / self.inputs();
        assert_eq!(
            [inputs, outputs],
            [rows * self.inputs(), rows * self.outputs()]
        );
        rows
    }
}
