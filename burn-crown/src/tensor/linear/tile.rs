//! A tile of two products of matrices, side by side: small enough that its sums stay in the
//! processor's registers.
#![allow(unsafe_code, reason = "of indices that are checked once for all steps")]

use macerator::{Simd, Vector};

use crate::tensor::native::Number;

/// The vectors of a step: two of the right factor of each product.
pub(super) const VECTORS: usize = 4;

/// The vectors of one product's columns.
pub(super) const WIDTH: usize = VECTORS / 2;

/// The left factors of both products, of equal form: the number of a row and a step is at
/// `row · self.row + step · self.step`.
#[derive(Clone, Copy)]
pub(super) struct Left<'a, E> {
    pub(super) first: &'a [E],
    pub(super) second: &'a [E],
    pub(super) row: usize,
    pub(super) step: usize,
}

/// The sums over steps of `I` rows, stored one row after the other: [`WIDTH`] vectors of the first
/// product, then those of the second. `right` has for each step the vectors of both.
#[inline(always)]
pub(super) fn tile<S: Simd, E: Number, const I: usize>(
    steps: usize,
    left: Left<'_, E>,
    right: &[E],
    out: &mut [E],
) {
    let lanes = E::lanes::<S>();
    assert!(right.len() >= steps * VECTORS * lanes);
    assert!(out.len() >= I * VECTORS * lanes);
    let last = (I - 1) * left.row + steps.saturating_sub(1) * left.step;
    assert!(left.first.len() > last && left.second.len() > last);
    let zero: Vector<S, E> = E::ZERO.splat();
    let mut sums = [[zero; VECTORS]; I];
    for step in 0..steps {
        let mut vectors = [zero; VECTORS];
        for (index, vector) in vectors.iter_mut().enumerate() {
            // SAFETY: the vectors of all steps were counted above.
            *vector =
                unsafe { E::vload_unaligned(right.as_ptr().add((step * VECTORS + index) * lanes)) };
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            let at = row * left.row + step * left.step;
            // SAFETY: the last row's number of the last step is within the slices.
            let (first, second) = unsafe {
                (
                    *left.first.get_unchecked(at),
                    *left.second.get_unchecked(at),
                )
            };
            let (first, second): (Vector<S, E>, Vector<S, E>) = (first.splat(), second.splat());
            for index in 0..WIDTH {
                sums[index] = first.mul_add(vectors[index], sums[index]);
                sums[WIDTH + index] = second.mul_add(vectors[WIDTH + index], sums[WIDTH + index]);
            }
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        for (index, sum) in sums.into_iter().enumerate() {
            // SAFETY: there is space for all sums, as was asserted.
            unsafe {
                E::vstore_unaligned(out.as_mut_ptr().add((row * VECTORS + index) * lanes), sum)
            };
        }
    }
}

/// How many rows a tile has, of so many that are left: as many as there are registers for.
#[inline(always)]
pub(super) fn height<S: Simd, E: Number>(left: usize) -> usize {
    let wide = E::lanes::<S>() * size_of::<E>() >= 64;
    match left {
        6.. if wide => 6,
        2.. => 2,
        _ => 1,
    }
}
