//! The loops over slices of numbers, on any number of threads.
#![allow(
    unsafe_code,
    reason = "of the macro that chooses the processor's vectors"
)]

use macerator::{Simd, with_simd};
use rayon::prelude::*;

use super::packed::{Ends, Gradients};
use super::tile::{Absolutes, Pairs, WIDTH, height, tallest, tile};
use crate::tensor::native::{Number, Space, Work, clear_where_rectified};

/// The sizes of a product `[rows, inner] · [inner, outer]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) rows: usize,
    pub(super) inner: usize,
    pub(super) outer: usize,
}

/// Inputs: the lower and the upper ends of rows, and the matrix. Outputs: the ends of the smallest
/// boxes around the products.
pub(super) struct BoxProduct {
    pub(super) sizes: Sizes,
    /// Whether the positive parts of the rows are taken.
    pub(super) rectified: bool,
}

/// Inputs: those of [`BoxProduct`], and the gradients of its outputs, of which one may be missing.
/// Outputs: the gradients of ends and matrix; one for which there is no space is left out.
#[derive(Clone, Debug)]
pub(super) struct BoxProductGradient {
    pub(super) sizes: Sizes,
    pub(super) rectified: bool,
}

/// Steps whose sums are added up before they are added to others, for the sake of accuracy, and for
/// the vectors of these steps to stay in a core's own cache.
const STEPS: usize = 256;

/// Rows of the matrix that are taken back through at once.
const CHUNK: usize = 96;

impl Work<3, 2> for BoxProduct {
    fn run<E: Number>(
        self,
        [lower, upper, matrix]: [&[E]; 3],
        [of_lower, of_upper]: [Space<'_, E>; 2],
    ) {
        let Sizes { rows, inner, outer } = self.sizes;
        assert_eq!([lower.len(), upper.len()], [rows * inner; 2]);
        assert_eq!(matrix.len(), inner * outer);
        let (lanes, tallest) = registers(E::ZERO);
        let ends = Ends {
            ends: [lower, upper],
            rectified: self.rectified,
        };
        let boxes = &ends.packed([rows, inner], [inner, 1], tallest);
        let each = WIDTH * lanes;
        let lower = parts(of_lower, outer, each);
        let upper = parts(of_upper, outer, each);
        lower
            .into_par_iter()
            .zip(upper)
            .enumerate()
            .for_each(|(index, (lower, upper))| {
                columns(self.sizes, boxes, matrix, index * each, [lower, upper]);
            });
    }
}

impl Work<5, 3> for BoxProductGradient {
    fn run<E: Number>(
        self,
        [lower, upper, matrix, of_lower, of_upper]: [&[E]; 5],
        [to_lower, to_upper, to_matrix]: [Space<'_, E>; 3],
    ) {
        let Sizes { rows, inner, outer } = self.sizes;
        assert_eq!([lower.len(), upper.len()], [rows * inner; 2]);
        assert_eq!(matrix.len(), inner * outer);
        for space in [&to_lower, &to_upper] {
            assert!(space.is_empty() || space.len() == rows * inner);
        }
        assert!(to_matrix.is_empty() || to_matrix.len() == matrix.len());
        let (lanes, tallest) = registers(E::ZERO);
        let gradients = Gradients::new([of_lower, of_upper], rows * outer);
        let ends = Ends {
            ends: [lower, upper],
            rectified: self.rectified,
        };
        let back = &Back {
            sizes: self.sizes,
            matrix,
            of_rows: gradients.columns_of_rows(self.sizes, WIDTH * lanes),
            of_columns: gradients.columns(self.sizes, WIDTH * lanes),
            boxes: ends.packed([inner, rows], [1, inner], tallest),
            ends,
        };
        let mut spaces = [to_lower, to_upper].map(|space| parts(space, inner, CHUNK).into_iter());
        let mut matrices = to_matrix.chunks_mut(CHUNK * outer);
        let tasks: Vec<_> = (0..inner)
            .step_by(CHUNK)
            .map(|first| {
                let ends = spaces.each_mut();
                let ends = ends.map(|parts| parts.next().unwrap_or_default());
                (first, ends, matrices.next().unwrap_or_default())
            })
            .collect();
        tasks
            .into_par_iter()
            .for_each(|(first, ends, matrix)| rows_back(back, first, ends, matrix));
    }
}

/// A space `[rows, width]` cut into parts of so many columns, each by rows.
fn parts<E>(space: Space<'_, E>, width: usize, each: usize) -> Vec<Vec<Space<'_, E>>> {
    let mut parts: Vec<Vec<_>> = (0..width.div_ceil(each)).map(|_| Vec::new()).collect();
    for row in space.chunks_mut(width) {
        for (part, columns) in parts.iter_mut().zip(row.chunks_mut(each)) {
            part.push(columns);
        }
    }
    parts
}

fn absolute<E: Number>(number: E) -> E {
    if number < E::ZERO {
        E::ZERO - number
    } else {
        number
    }
}

/// How many numbers like this one a vector has, and how many rows a tile of them.
#[with_simd]
fn registers<S: Simd, E: Number>(_: E) -> (usize, usize) {
    (E::lanes::<S>(), tallest::<S, E>())
}

/// Tiles over rows, as high as may be.
macro_rules! tiles {
    ($rows:expr, |$first:ident, $height:ident| $body:expr, $tile:ident::<$($of:ty),*>($($argument:expr),*)) => {{
        let mut $first = 0;
        while $first < $rows {
            let $height = height($rows - $first, tallest::<S, E>());
            match $height {
                6 => $tile::<$($of,)* 6>($($argument),*),
                2 => $tile::<$($of,)* 2>($($argument),*),
                _ => $tile::<$($of,)* 1>($($argument),*),
            }
            $body
            $first += $height;
        }
    }};
}

/// Writes as many columns of the result as a tile has, from `first` on.
#[with_simd]
fn columns<'a, S: Simd, E: Number>(
    sizes: Sizes,
    boxes: &[E],
    matrix: &[E],
    first: usize,
    ends: [Vec<Space<'a, E>>; 2],
) {
    let Sizes { rows, inner, outer } = sizes;
    let each = WIDTH * E::lanes::<S>();
    let width = each.min(outer - first);
    let mut packed = vec![E::ZERO; STEPS * 2 * each];
    let mut sums = vec![E::ZERO; rows * 2 * each];
    let mut part = vec![E::ZERO; 6 * 2 * each];
    for start in (0..inner).step_by(STEPS) {
        let steps = STEPS.min(inner - start);
        for (step, packed) in packed.chunks_exact_mut(2 * each).take(steps).enumerate() {
            let from = &matrix[(start + step) * outer + first..][..width];
            let (signed, positive) = packed.split_at_mut(each);
            for ((&number, signed), positive) in from.iter().zip(signed).zip(positive) {
                *signed = number;
                *positive = absolute(number);
            }
        }
        tiles!(
            rows,
            |row, height| {
                let sums = &mut sums[row * 2 * each..][..height * 2 * each];
                for (sum, part) in sums.iter_mut().zip(&part) {
                    *sum += *part;
                }
            },
            tile::<S, E>(
                steps,
                Pairs(&boxes[2 * (row * inner + start * height)..]),
                &packed,
                &mut part
            )
        );
    }
    let [lower, upper] = ends;
    for ((lower, upper), sums) in lower.into_iter().zip(upper).zip(sums.chunks(2 * each)) {
        let (center, radius) = sums.split_at(each);
        for at in 0..width {
            lower[at].write(center[at] - radius[at]);
            upper[at].write(center[at] + radius[at]);
        }
    }
}

/// What is taken back through.
struct Back<'a, E> {
    sizes: Sizes,
    matrix: &'a [E],
    ends: Ends<'a, E>,
    boxes: Vec<E>,
    /// The gradients, for tiles of rows and for tiles of columns.
    of_rows: Vec<Vec<E>>,
    of_columns: Vec<Vec<E>>,
}

/// From rows of the matrix from `first` on, and the gradients of products: the gradients of these
/// columns of the ends, and of these rows of the matrix, as far as there is space.
#[with_simd]
fn rows_back<'a, S: Simd, E: Number>(
    back: &Back<'a, E>,
    first: usize,
    ends: [Vec<Space<'a, E>>; 2],
    to_matrix: Space<'a, E>,
) {
    let Sizes { rows, inner, outer } = back.sizes;
    let each = WIDTH * E::lanes::<S>();
    let count = CHUNK.min(inner - first);
    let matrix = &back.matrix[first * outer..][..count * outer];
    let [mut lower, mut upper] = ends;
    let mut part = vec![E::ZERO; 6 * 2 * each];
    if !lower.is_empty() || !upper.is_empty() {
        // By row: a tile gives a few columns of many rows.
        let mut made = [(); 2].map(|()| vec![E::ZERO; each * CHUNK]);
        for (block, packed) in back.of_rows.iter().enumerate() {
            let [low, high] = &mut made;
            tiles!(
                count,
                |at, height| {
                    let part = &part[..height * 2 * each];
                    for lane in 0..each {
                        for index in 0..height {
                            let center = part[index * 2 * each + lane] * E::HALF;
                            let radius = part[(index * 2 + 1) * each + lane] * E::HALF;
                            low[lane * CHUNK + at + index] = center - radius;
                            high[lane * CHUNK + at + index] = center + radius;
                        }
                    }
                },
                tile::<S, E>(
                    outer,
                    Absolutes {
                        numbers: &matrix[at * outer..],
                        width: outer,
                    },
                    packed,
                    &mut part
                )
            );
            let ends = [&mut lower, &mut upper].into_iter().zip(back.ends.ends);
            for ((spaces, numbers), made) in ends.zip(&made) {
                let spaces = spaces.iter_mut().enumerate().skip(block * each);
                for ((row, space), made) in spaces.zip(made.chunks(CHUNK)) {
                    space.write_copy_of_slice(&made[..count]);
                    if back.ends.rectified {
                        clear_where_rectified(&numbers[row * inner + first..], space);
                    }
                }
            }
        }
    }
    if !to_matrix.is_empty() {
        let mut column = 0;
        for packed in &back.of_columns {
            let width = each.min(outer - column);
            tiles!(
                count,
                |at, height| {
                    for (index, sums) in part.chunks(2 * each).take(height).enumerate() {
                        let (center, radius) = sums.split_at(each);
                        let from = (at + index) * outer + column;
                        let to = to_matrix[from..][..width].iter_mut();
                        for (lane, (to, &number)) in to.zip(&matrix[from..]).enumerate() {
                            let radius = if number < E::ZERO {
                                E::ZERO - radius[lane]
                            } else if number == E::ZERO {
                                E::ZERO
                            } else {
                                radius[lane]
                            };
                            to.write(center[lane] + radius);
                        }
                    }
                },
                tile::<S, E>(
                    rows,
                    Pairs(&back.boxes[2 * (first + at) * rows..]),
                    packed,
                    &mut part
                )
            );
            column += width;
        }
    }
}
