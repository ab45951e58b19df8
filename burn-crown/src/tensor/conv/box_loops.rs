//! Convolutions of boxes, on any number of threads: both ends at once, as centre and radius.
#![allow(
    unsafe_code,
    reason = "of the macro that chooses the processor's vectors"
)]

use macerator::{Simd, with_simd};
use rayon::prelude::*;

use super::geometry::Geometry;
use super::lanes::{Scratch, gather, mix, scatter};
use super::loops::{Shape, add_places, reduce_into, total};
use super::product::Product;
use super::weights::WeightGradient;
use crate::tensor::native::{Number, Space, Work, clear_where_rectified};

/// Inputs: the lower and the upper ends of rows, weights, a bias or nothing. Outputs: the ends of the
/// smallest boxes around the results.
pub(super) struct BoxConvolution {
    pub(super) geometry: Geometry,
    /// Whether the positive parts of the inputs are taken.
    pub(super) rectified: bool,
}

/// Inputs: those of [`BoxConvolution`], and the gradients of the outputs' ends, of which one may be
/// missing. Outputs: the gradients of the ends, the weights and the bias; one for which there is no
/// space is left out.
#[derive(Clone, Debug)]
pub(super) struct BoxGradient {
    pub(super) geometry: Geometry,
    pub(super) rectified: bool,
}

/// The products with the weights, and with their absolute values.
struct Products<E> {
    signed: Product<E>,
    absolute: Product<E>,
}

impl<E: Number> Products<E> {
    fn new(geometry: &Geometry, weights: &[E], widest: usize) -> Self {
        let signed = Product::new(geometry, weights, widest);
        Self {
            absolute: signed.map(|weight| sign(weight) * weight),
            signed,
        }
    }
}

/// 1, -1, or 0; what is not a number stays so in a product with it.
fn sign<E: Number>(weight: E) -> E {
    if weight < E::ZERO {
        E::ZERO - E::ONE
    } else if weight == E::ZERO {
        E::ZERO
    } else {
        E::ONE
    }
}

impl Work<4, 2> for BoxConvolution {
    fn run<E: Number>(
        self,
        [lower, upper, weights, bias]: [&[E]; 4],
        [of_lower, of_upper]: [Space<'_, E>; 2],
    ) {
        let geometry = &self.geometry;
        assert_eq!([lower.len(), of_lower.len()], [upper.len(), of_upper.len()]);
        let rows = geometry.rows(lower.len(), of_lower.len());
        let shape = Shape::of::<E>(geometry, rows, 2);
        let products = &Products::new(geometry, weights, shape.widest);
        let rows = shape.rows_of_a_task(rows);
        let [inputs, outputs] = [geometry.inputs(), geometry.outputs()].map(|each| each * rows);
        let ends = lower.par_chunks(inputs).zip(upper.par_chunks(inputs));
        let work = &self;
        of_lower
            .par_chunks_mut(outputs)
            .zip(of_upper.par_chunks_mut(outputs))
            .zip(ends)
            .for_each(|((of_lower, of_upper), (lower, upper))| {
                let (ends, out) = ([lower, upper], [of_lower, of_upper]);
                match shape.vectors {
                    1 => convolve::<E, 1>(work, products, ends, bias, out),
                    2 => convolve::<E, 2>(work, products, ends, bias, out),
                    _ => convolve::<E, 4>(work, products, ends, bias, out),
                }
            });
    }
}

impl Work<6, 4> for BoxGradient {
    fn run<E: Number>(
        self,
        [lower, upper, weights, _, of_lower, of_upper]: [&[E]; 6],
        [to_lower, to_upper, to_weights, to_bias]: [Space<'_, E>; 4],
    ) {
        let geometry = &self.geometry;
        let rows = geometry.rows(lower.len(), of_lower.len().max(of_upper.len()));
        assert_eq!(lower.len(), upper.len());
        for grad in [of_lower, of_upper] {
            assert!(grad.is_empty() || grad.len() == rows * geometry.outputs());
        }
        let shape = Shape::of::<E>(geometry, rows, 2);
        let back = &Back {
            geometry,
            rectified: self.rectified,
            products: Products::new(&geometry.adjoint(), weights, shape.widest),
            weights: WeightGradient::new::<E>(geometry, shape.rows()),
        };
        let each = shape.rows_of_a_task(rows);
        let [inputs, outputs] = [geometry.inputs(), geometry.outputs()].map(|all| all * each);
        let mut grads = [of_lower, of_upper].map(|grad| grad.chunks(outputs));
        let mut spaces = [to_lower, to_upper].map(|space| space.chunks_mut(inputs));
        let tasks: Vec<_> = lower
            .chunks(inputs)
            .zip(upper.chunks(inputs))
            .map(|(lower, upper)| {
                let rows = Rows {
                    ends: [lower, upper],
                    grads: grads.each_mut().map(|grad| grad.next().unwrap_or_default()),
                };
                let spaces = spaces.each_mut();
                (rows, spaces.map(|space| space.next().unwrap_or_default()))
            })
            .collect();
        let parts: Vec<Sums<E>> = tasks
            .into_par_iter()
            .map(|(rows, spaces)| {
                let mut sums = Sums {
                    center: back.weights.sums(to_weights.len()),
                    radius: back.weights.sums(to_weights.len()),
                    bias: vec![E::ZERO; to_bias.len()],
                };
                if let WeightGradient::Channels(weights) = &back.weights
                    && !to_weights.is_empty()
                {
                    let to = [&mut sums.center[..], &mut sums.radius[..]];
                    weights.add(rows.ends, rows.grads, to, self.rectified);
                }
                match shape.vectors {
                    1 => convolve_back::<E, 1>(back, rows, spaces, &mut sums),
                    2 => convolve_back::<E, 2>(back, rows, spaces, &mut sums),
                    _ => convolve_back::<E, 4>(back, rows, spaces, &mut sums),
                }
                sums
            })
            .collect();
        let total = |part: fn(&Sums<E>) -> &[E]| total(parts.iter().map(part));
        let ordered = |sums: Vec<E>| back.weights.in_order(geometry, &sums);
        let of_center = ordered(total(|sums| &sums.center));
        let of_radius = ordered(total(|sums| &sums.radius));
        let sums = of_center.into_iter().zip(of_radius).zip(weights);
        for (out, ((center, radius), &weight)) in to_weights.iter_mut().zip(sums) {
            out.write(center + sign(weight) * radius);
        }
        for (out, sum) in to_bias.iter_mut().zip(total(|sums| &sums.bias)) {
            out.write(sum);
        }
    }
}

/// The ends of rows of the input to those of the output.
#[with_simd]
fn convolve<'a, S: Simd, E: Number, const R: usize>(
    work: &BoxConvolution,
    products: &Products<E>,
    ends: [&'a [E]; 2],
    bias: &[E],
    out: [Space<'a, E>; 2],
) {
    let geometry = &work.geometry;
    let block = R * E::lanes::<S>();
    let [inputs, outputs] = [geometry.inputs(), geometry.outputs()];
    let mut scratch = Scratch::take();
    let sizes = [inputs, inputs, outputs, outputs];
    let [center, radius, lower, upper] = scratch.lanes::<S, E, R, 4>(sizes);
    let [first, second] = ends.map(|end| end.chunks(block * inputs));
    let [of_lower, of_upper] = out.map(|out| out.chunks_mut(block * outputs));
    for ((first, second), (of_lower, of_upper)) in first.zip(second).zip(of_lower.zip(of_upper)) {
        gather(first, geometry.input_channels, center);
        gather(second, geometry.input_channels, radius);
        mix(center, radius, E::HALF, work.rectified);
        // Centre and radius of the result, of which the ends are made.
        products.signed.apply(center, bias, upper);
        products.absolute.apply(radius, &[], lower);
        mix(lower, upper, E::ONE, false);
        // Now the sum is in the first, and the centre less the radius in the second.
        scatter(upper, geometry.output_channels, of_lower);
        scatter(lower, geometry.output_channels, of_upper);
    }
}

/// What is taken back through.
struct Back<'a, E> {
    geometry: &'a Geometry,
    rectified: bool,
    products: Products<E>,
    weights: WeightGradient<'a>,
}

/// The rows of a task, and the gradients of the ends of their results; one may be empty.
#[derive(Clone, Copy)]
struct Rows<'a, E> {
    ends: [&'a [E]; 2],
    grads: [&'a [E]; 2],
}

/// The gradients that are sums over rows: of the weights, of their absolute values, of the bias.
/// Empty where they are not asked for.
struct Sums<E> {
    center: Vec<E>,
    radius: Vec<E>,
    bias: Vec<E>,
}

/// Writes the gradients of the ends, as far as there is space, and adds to the others.
#[with_simd]
fn convolve_back<'a, S: Simd, E: Number, const R: usize>(
    back: &Back<'a, E>,
    rows: Rows<'a, E>,
    spaces: [Space<'a, E>; 2],
    sums: &mut Sums<E>,
) {
    let geometry = back.geometry;
    let block = R * E::lanes::<S>();
    let [inputs, outputs] = [geometry.inputs(), geometry.outputs()];
    let mut scratch = Scratch::take();
    let by_rows = match &back.weights {
        WeightGradient::Rows(weights) if !sums.center.is_empty() => Some(weights),
        _ => None,
    };
    let each = by_rows.map_or(0, |_| sums.center.len().div_ceil(R));
    let sizes = [inputs, inputs, outputs, outputs, each, each];
    let [
        center,
        radius,
        of_center,
        of_radius,
        first_sums,
        second_sums,
    ] = scratch.lanes::<S, E, R, 6>(sizes);
    let zeros = [E::ZERO.splat(); R];
    let [first, second] = rows.ends.map(|end| end.chunks(block * inputs));
    let mut grads = rows.grads.map(|grad| grad.chunks(block * outputs));
    let mut spaces = spaces.map(|space| space.chunks_mut(block * inputs));
    for sums in [&mut *first_sums, &mut *second_sums] {
        sums.fill(zeros);
    }
    for (first, second) in first.zip(second) {
        for (grad, lanes) in grads.iter_mut().zip([&mut *of_center, &mut *of_radius]) {
            match grad.next() {
                Some(grad) => gather(grad, geometry.output_channels, lanes),
                None => lanes.fill(zeros),
            }
        }
        mix(of_center, of_radius, E::ONE, false);
        if let Some(weights) = by_rows {
            gather(first, geometry.input_channels, center);
            gather(second, geometry.input_channels, radius);
            mix(center, radius, E::HALF, back.rectified);
            weights.add(center, of_center, first_sums.as_flattened_mut());
            weights.add(radius, of_radius, second_sums.as_flattened_mut());
        }
        add_places(of_center, &[E::ONE.splat(); R], &mut sums.bias);
        let [to_lower, to_upper] = spaces.each_mut().map(Iterator::next);
        if to_lower.is_some() || to_upper.is_some() {
            back.products.signed.apply(of_center, &[], center);
            back.products.absolute.apply(of_radius, &[], radius);
            mix(radius, center, E::HALF, false);
            // Now the half sum is in the first, and half the difference in the second.
            let ends = [(to_lower, &*center, first), (to_upper, &*radius, second)];
            for (space, lanes, numbers) in ends {
                let Some(space) = space else {
                    continue;
                };
                scatter(lanes, geometry.input_channels, &mut *space);
                if back.rectified {
                    clear_where_rectified(numbers, space);
                }
            }
        }
    }
    reduce_into(first_sums.as_flattened(), &mut sums.center);
    reduce_into(second_sums.as_flattened(), &mut sums.radius);
}
