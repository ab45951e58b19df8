//! A tile of two products of matrices, side by side: small enough that its sums stay in the
//! processor's registers.
#![allow(unsafe_code, reason = "of indices that are checked once for all steps")]

use macerator::{Simd, Vector};

use crate::tensor::native::Number;

/// The vectors of a step: two of the right factor of each product.
pub(super) const VECTORS: usize = 4;

/// The vectors of one product's columns.
pub(super) const WIDTH: usize = VECTORS / 2;

/// The left factors of both products.
pub(super) trait Left<E: Number>: Copy {
    /// Whether there are so many rows and steps.
    fn holds(&self, rows: usize, steps: usize) -> bool;

    /// The numbers of a row and a step, each in all lanes.
    ///
    /// # Safety
    ///
    /// There are so many rows and steps; `rows` is the number of rows.
    unsafe fn get<S: Simd>(&self, rows: usize, row: usize, step: usize) -> [Vector<S, E>; 2];
}

/// Pairs of numbers, by step and row.
#[derive(Clone, Copy)]
pub(super) struct Pairs<'a, E>(pub(super) &'a [E]);

impl<E: Number> Left<E> for Pairs<'_, E> {
    fn holds(&self, rows: usize, steps: usize) -> bool {
        self.0.len() >= 2 * rows * steps
    }

    #[inline(always)]
    unsafe fn get<S: Simd>(&self, rows: usize, row: usize, step: usize) -> [Vector<S, E>; 2] {
        let at = 2 * (step * rows + row);
        // SAFETY: the caller vouches for the row and the step.
        unsafe {
            [
                self.0.get_unchecked(at).splat(),
                self.0.get_unchecked(at + 1).splat(),
            ]
        }
    }
}

/// Numbers and their absolute values, by row and step; a row has `width` numbers.
#[derive(Clone, Copy)]
pub(super) struct Absolutes<'a, E> {
    pub(super) numbers: &'a [E],
    pub(super) width: usize,
}

impl<E: Number> Left<E> for Absolutes<'_, E> {
    fn holds(&self, rows: usize, steps: usize) -> bool {
        steps <= self.width && self.numbers.len() >= rows * self.width
    }

    #[inline(always)]
    unsafe fn get<S: Simd>(&self, _: usize, row: usize, step: usize) -> [Vector<S, E>; 2] {
        // SAFETY: the caller vouches for the row and the step.
        let number: Vector<S, E> =
            unsafe { *self.numbers.get_unchecked(row * self.width + step) }.splat();
        [number, number.abs()]
    }
}

/// The sums over steps of `I` rows, stored one row after the other: [`WIDTH`] vectors of the first
/// product, then those of the second. `right` has for each step the vectors of both.
#[inline(always)]
pub(super) fn tile<S: Simd, E: Number, const I: usize>(
    steps: usize,
    left: impl Left<E>,
    right: &[E],
    out: &mut [E],
) {
    let lanes = E::lanes::<S>();
    assert!(right.len() >= steps * VECTORS * lanes);
    assert!(out.len() >= I * VECTORS * lanes);
    assert!(left.holds(I, steps));
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
            // SAFETY: the left factors were asked above.
            let [first, second] = unsafe { left.get::<S>(I, row, step) };
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
                E::vstore_unaligned(out.as_mut_ptr().add((row * VECTORS + index) * lanes), sum);
            }
        }
    }
}

/// The most rows of a tile: as many as there are registers for.
#[inline(always)]
pub(super) fn tallest<S: Simd, E: Number>() -> usize {
    if E::lanes::<S>() * size_of::<E>() >= 64 {
        6
    } else {
        2
    }
}

/// How many rows a tile has, of so many that are left.
#[inline(always)]
pub(super) fn height(left: usize, tallest: usize) -> usize {
    match left {
        6.. if tallest >= 6 => 6,
        2.. => 2,
        _ => 1,
    }
}
