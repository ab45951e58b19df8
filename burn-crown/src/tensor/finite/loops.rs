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

use crate::tensor::native::{Number, Space, Work};

/// Input: numbers. Output: the sum of their products with zero.
pub(super) struct ZeroOrNan;

/// Inputs: the lower and the upper ends of intervals. Output: for each image the sum of their widths'
/// products with zero.
pub(super) struct WidthsZeroOrNan;

/// How many numbers a thread takes.
const GRAIN: usize = 1 << 16;

impl Work<1, 1> for ZeroOrNan {
    fn run<E: Number>(self, [numbers]: [&[E]; 1], [out]: [Space<'_, E>; 1]) {
        assert_eq!(out.len(), 1);
        let sum = if numbers.len() <= GRAIN {
            zeros(numbers)
        } else {
            let parts = numbers.par_chunks(GRAIN).map(zeros);
            parts.reduce(|| E::ZERO, |left, right| left + right)
        };
        out[0].write(sum);
    }
}

impl Work<2, 1> for WidthsZeroOrNan {
    fn run<E: Number>(self, [lower, upper]: [&[E]; 2], [out]: [Space<'_, E>; 1]) {
        let each = lower.len() / out.len();
        assert_eq!([lower.len(), upper.len()], [each * out.len(); 2]);
        lower
            .par_chunks(each)
            .zip(upper.par_chunks(each))
            .zip(out)
            .with_min_len(GRAIN.div_ceil(each))
            .for_each(|((lower, upper), out)| {
                out.write(zeros_of_widths(lower, upper));
            });
    }
}

/// Sums that run side by side, so that the processor waits for memory and not for a sum.
const LANES: usize = 64;

/// The sum of the products with zero.
#[with_simd]
fn zeros<S: Simd, E: Number>(numbers: &[E]) -> E {
    let mut lanes = [E::ZERO; LANES];
    let chunks = numbers.chunks_exact(LANES);
    let mut sum = E::ZERO;
    for &number in chunks.remainder() {
        sum += number * E::ZERO;
    }
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] += chunk[lane] * E::ZERO;
        }
    }
    for lane in lanes {
        sum += lane;
    }
    sum
}

/// The sum of the products of widths with zero.
#[with_simd]
fn zeros_of_widths<'a, S: Simd, E: Number>(lower: &'a [E], upper: &'a [E]) -> E {
    let mut lanes = [E::ZERO; LANES];
    let mut sum = E::ZERO;
    let (lowers, uppers) = (lower.chunks_exact(LANES), upper.chunks_exact(LANES));
    for (&lower, &upper) in lowers.remainder().iter().zip(uppers.remainder()) {
        sum += (upper - lower) * E::ZERO;
    }
    for (lower, upper) in lowers.zip(uppers) {
        for lane in 0..LANES {
            lanes[lane] += (upper[lane] - lower[lane]) * E::ZERO;
        }
    }
    for lane in lanes {
        sum += lane;
    }
    sum
}
