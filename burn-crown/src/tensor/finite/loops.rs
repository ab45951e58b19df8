//! The loop over slices of numbers, on any number of threads.
#![allow(
    unsafe_code,
    reason = "of the macro that chooses the processor's vectors"
)]
#![allow(
    clippy::extra_unused_type_parameters,
    reason = "the compiler makes vectors of the loop, for the processor that the parameter names"
)]

use macerator::{Simd, with_simd};
use rayon::prelude::*;

use crate::tensor::native::{Number, Space, Work};

/// Input: numbers. Output: the sum of their products with zero.
pub(super) struct ZeroOrNan;

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
