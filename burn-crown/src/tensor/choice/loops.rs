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

use super::{Bend, Choice};
use crate::tensor::native::{Number, Space, Work};

/// Input: numbers. Output: the same, bent.
pub(super) struct Bent(pub(super) Bend);

/// Inputs: numbers, and the gradient of what was made of them. Output: their gradient.
#[derive(Clone, Debug)]
pub(super) struct BentGradient(pub(super) Bend);

/// Inputs: numbers twice. Output: those of the choice.
pub(super) struct Chosen(pub(super) Choice);

/// Inputs: numbers twice, and the gradient of what was made of them. Outputs: their gradients; one
/// for which there is no space is left out.
#[derive(Clone, Debug)]
pub(super) struct ChosenGradient(pub(super) Choice);

/// Elements that a thread takes at once.
const GRAIN: usize = 1 << 15;

impl Work<1, 1> for Bent {
    fn run<E: Number>(self, [x]: [&[E]; 1], [out]: [Space<'_, E>; 1]) {
        assert_eq!(x.len(), out.len());
        x.par_chunks(GRAIN)
            .zip(out.par_chunks_mut(GRAIN))
            .for_each(|(x, out)| match self.0 {
                Bend::Zero => at_least(x, E::ZERO, out),
                Bend::Least(min) => at_least(x, E::of(min), out),
                Bend::Most(max) => at_most(x, E::of(max), out),
            });
    }
}

impl Work<2, 1> for BentGradient {
    fn run<E: Number>(self, [x, grad]: [&[E]; 2], [out]: [Space<'_, E>; 1]) {
        assert_eq!([x.len(), grad.len()], [out.len(); 2]);
        x.par_chunks(GRAIN)
            .zip(grad.par_chunks(GRAIN))
            .zip(out.par_chunks_mut(GRAIN))
            .for_each(|((x, grad), out)| match self.0 {
                Bend::Zero => where_above(x, grad, E::ZERO, out),
                Bend::Least(min) => where_at_least(x, grad, E::of(min), out),
                Bend::Most(max) => where_at_most(x, grad, E::of(max), out),
            });
    }
}

impl Work<2, 1> for Chosen {
    fn run<E: Number>(self, [a, b]: [&[E]; 2], [out]: [Space<'_, E>; 1]) {
        assert_eq!([a.len(), b.len()], [out.len(); 2]);
        a.par_chunks(GRAIN)
            .zip(b.par_chunks(GRAIN))
            .zip(out.par_chunks_mut(GRAIN))
            .for_each(|((a, b), out)| match self.0 {
                Choice::Larger => larger(a, b, out),
                Choice::Smaller => smaller(a, b, out),
            });
    }
}

impl Work<3, 2> for ChosenGradient {
    fn run<E: Number>(self, [a, b, grad]: [&[E]; 3], [of_a, of_b]: [Space<'_, E>; 2]) {
        assert_eq!([a.len(), b.len()], [grad.len(); 2]);
        for (out, first) in [(of_a, true), (of_b, false)] {
            if out.is_empty() {
                continue;
            }
            assert_eq!(out.len(), grad.len());
            out.par_chunks_mut(GRAIN)
                .zip(a.par_chunks(GRAIN).zip(b.par_chunks(GRAIN)))
                .zip(grad.par_chunks(GRAIN))
                .for_each(|((out, (a, b)), grad)| match (self.0, first) {
                    (Choice::Larger, true) => where_not_less(a, b, grad, out),
                    (Choice::Larger, false) => where_less(a, b, grad, out),
                    (Choice::Smaller, true) => where_not_less(b, a, grad, out),
                    (Choice::Smaller, false) => where_less(b, a, grad, out),
                });
        }
    }
}

/// Declares loops over elements of inputs of one length.
macro_rules! loops {
    ($($(#[$doc:meta])* $name:ident($($input:ident),+; $($end:ident)?) => $element:expr;)*) => {$(
        $(#[$doc])*
        #[with_simd]
        fn $name<'a, S: Simd, E: Number>($($input: &'a [E],)+ $($end: E,)? out: Space<'a, E>) {
            let count = out.len();
            $(let $input = &$input[..count];)+
            for (at, out) in out.iter_mut().enumerate() {
                $(let $input = $input[at];)+
                out.write($element);
            }
        }
    )*};
}

loops! {
    at_least(x; min) => if x < min { min } else { x };
    at_most(x; max) => if x > max { max } else { x };
    /// The gradient where the number is above an end or is none.
    where_above(x, grad; end) => if x <= end { E::ZERO } else { grad };
    where_at_least(x, grad; end) => if x < end { E::ZERO } else { grad };
    where_at_most(x, grad; end) => if x > end { E::ZERO } else { grad };
    larger(a, b;) => if b > a { b } else { a };
    smaller(a, b;) => if a > b { b } else { a };
    /// The gradient where the first number is less than the second.
    where_less(a, b, grad;) => if a < b { grad } else { E::ZERO };
    where_not_less(a, b, grad;) => if a < b { E::ZERO } else { grad };
}
