//! Boxes and gradients in the order in which tiles read them.

use rayon::prelude::*;

use super::loops::Sizes;
use super::tile::height;
use crate::tensor::native::{Number, or_zeros, rectify};

/// Both ends of boxes, or of their positive parts.
#[derive(Clone, Copy)]
pub(super) struct Ends<'a, E> {
    pub(super) ends: [&'a [E]; 2],
    pub(super) rectified: bool,
}

impl<E: Number> Ends<'_, E> {
    /// Centres and radii in the order in which tiles read them: for each tile of rows, pairs by step
    /// and row. `counts` are those of rows and steps, `strides` how far they are from each other.
    pub(super) fn packed(
        self,
        [rows, steps]: [usize; 2],
        strides: [usize; 2],
        tallest: usize,
    ) -> Vec<E> {
        let mut packed = vec![E::ZERO; 2 * rows * steps];
        let (mut rest, mut first) = (&mut packed[..], 0);
        let mut tiles = Vec::new();
        while first < rows {
            let height = height(rows - first, tallest);
            let (tile, others) = rest.split_at_mut(2 * height * steps);
            tiles.push((first..first + height, tile));
            rest = others;
            first += height;
        }
        tiles.into_par_iter().for_each(|(rows, tile)| {
            for (step, pairs) in tile.chunks_exact_mut(2 * rows.len()).enumerate() {
                for (row, pair) in rows.clone().zip(pairs.as_chunks_mut::<2>().0) {
                    let at = row * strides[0] + step * strides[1];
                    let mut ends = self.ends.map(|end| end[at]);
                    if self.rectified {
                        rectify(&mut ends);
                    }
                    let [lower, upper] = ends.map(|end| end * E::HALF);
                    *pair = [lower + upper, upper - lower];
                }
            }
        });
        packed
    }
}

/// The gradients of centres and radii.
pub(super) struct Gradients<E> {
    first: Vec<E>,
    second: Vec<E>,
}

impl<E: Number> Gradients<E> {
    /// By those of the ends, of which one may be missing.
    pub(super) fn new(ends: [&[E]; 2], count: usize) -> Self {
        let [lower, upper] = ends.map(|end| or_zeros(end, count));
        let ends = || lower.iter().zip(&*upper);
        Self {
            first: ends().map(|(&l, &u)| l + u).collect(),
            second: ends().map(|(&l, &u)| u - l).collect(),
        }
    }

    /// For so many columns `[rows, outer]` at once, what a tile reads of each row.
    pub(super) fn columns(&self, sizes: Sizes, each: usize) -> Vec<Vec<E>> {
        let Sizes { rows, outer, .. } = sizes;
        (0..outer.div_ceil(each))
            .into_par_iter()
            .map(|block| {
                let start = block * each;
                let width = each.min(outer - start);
                let mut packed = vec![E::ZERO; rows * 2 * each];
                for (row, packed) in packed.chunks_exact_mut(2 * each).enumerate() {
                    let from = row * outer + start;
                    packed[..width].copy_from_slice(&self.first[from..][..width]);
                    packed[each..][..width].copy_from_slice(&self.second[from..][..width]);
                }
                packed
            })
            .collect()
    }

    /// For so many rows `[rows, outer]` at once, what a tile reads of each column.
    pub(super) fn columns_of_rows(&self, sizes: Sizes, each: usize) -> Vec<Vec<E>> {
        let Sizes { rows, outer, .. } = sizes;
        (0..rows.div_ceil(each))
            .into_par_iter()
            .map(|block| {
                let start = block * each;
                let mut packed = vec![E::ZERO; outer * 2 * each];
                for row in start..(start + each).min(rows) {
                    let own = row * outer..(row + 1) * outer;
                    let ends = self.first[own.clone()].iter().zip(&self.second[own]);
                    for (column, (&first, &second)) in ends.enumerate() {
                        let at = column * 2 * each + row - start;
                        packed[at] = first;
                        packed[at + each] = second;
                    }
                }
                packed
            })
            .collect()
    }
}
