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

use super::Measure;
use crate::tensor::native::{Number, Space, Work};

/// Inputs: the lower and the upper ends of intervals. Output: for each image the sum over them.
pub(super) struct Measured(pub(super) Measure);

/// How many numbers a thread takes at least.
const GRAIN: usize = 1 << 15;

impl Work<2, 1> for Measured {
    fn run<E: Number>(self, [lower, upper]: [&[E]; 2], [out]: [Space<'_, E>; 1]) {
        let each = lower.len() / out.len();
        assert_eq!([lower.len(), upper.len()], [each * out.len(); 2]);
        lower
            .par_chunks(each)
            .zip(upper.par_chunks(each))
            .zip(out)
            .with_min_len(GRAIN.div_ceil(each))
            .for_each(|((lower, upper), out)| {
                out.write(match self.0 {
                    Measure::ZeroIfFinite => zeros_of_widths(lower, upper),
                    Measure::Straddles => straddling(lower, upper),
                });
            });
    }
}

/// Sums that run side by side, so that the processor waits for memory and not for a sum.
const LANES: usize = 64;

/// Declares sums over intervals.
macro_rules! sums {
    ($($name:ident($lower:ident, $upper:ident) => $each:expr;)*) => {$(
        #[with_simd]
        fn $name<'a, S: Simd, E: Number>(lower: &'a [E], upper: &'a [E]) -> E {
            let (lowers, uppers) = (lower.chunks_exact(LANES), upper.chunks_exact(LANES));
            let mut sum = E::ZERO;
            for (&$lower, &$upper) in lowers.remainder().iter().zip(uppers.remainder()) {
                sum += $each;
            }
            let mut lanes = [E::ZERO; LANES];
            for (lower, upper) in lowers.zip(uppers) {
                for lane in 0..LANES {
                    let ($lower, $upper) = (lower[lane], upper[lane]);
                    lanes[lane] += $each;
                }
            }
            for lane in lanes {
                sum += lane;
            }
            sum
        }
    )*};
}

sums! {
    zeros_of_widths(lower, upper) => (upper - lower) * E::ZERO;
    straddling(lower, upper) => {
        let (below, settled) = (lower < E::ZERO, upper <= E::ZERO);
        if below & !settled { E::ONE } else { E::ZERO }
    };
}
