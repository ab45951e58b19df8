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

/// The sizes of coefficients `[B, S, N]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) rows: usize,
    pub(super) features: usize,
}

/// Inputs: coefficients, positive and negative factors. Output: the coefficients times the factors.
pub(super) struct Signed(pub(super) Sizes);

/// Inputs: as for [`Signed`]. Output: the sums of its rows.
pub(super) struct SignedSum(pub(super) Sizes);

/// Inputs: coefficients, slopes, intercepts. Outputs: those of [`Signed`] and of [`SignedSum`].
pub(super) struct Relaxed(pub(super) Sizes);

/// Inputs: those of [`Signed`], and the gradient of its output. Outputs: the gradients of the inputs;
/// one for which there is no space is left out, here and below.
#[derive(Clone, Debug)]
pub(super) struct SignedGradient(pub(super) Sizes);

/// The same for [`SignedSum`].
#[derive(Clone, Debug)]
pub(super) struct SumGradient(pub(super) Sizes);

/// The same for [`Relaxed`]. What an output stands on may be missing with its gradient.
#[derive(Clone, Debug)]
pub(super) struct RelaxedGradient(pub(super) Sizes);

impl Work<3, 1> for Signed {
    fn run<E: Number>(self, [form, positive, negative]: [&[E]; 3], [out]: [Space<'_, E>; 1]) {
        let row = self.0.row_of(form.len(), &[positive.len(), negative.len()]);
        assert_eq!(out.len(), form.len());
        out.par_chunks_mut(row)
            .zip(form.par_chunks(row))
            .enumerate()
            .with_min_len(self.0.grain())
            .for_each(|(index, (out, form))| {
                scale(form, self.0.image([positive, negative], index), out);
            });
    }
}

impl Work<3, 1> for SignedSum {
    fn run<E: Number>(self, [form, positive, negative]: [&[E]; 3], [sums]: [Space<'_, E>; 1]) {
        let row = self.0.row_of(form.len(), &[positive.len(), negative.len()]);
        assert_eq!(sums.len() * row, form.len());
        sums.par_iter_mut()
            .zip(form.par_chunks(row))
            .enumerate()
            .with_min_len(self.0.grain())
            .for_each(|(index, (total, form))| {
                total.write(sum(form, self.0.image([positive, negative], index)));
            });
    }
}

impl Work<5, 2> for Relaxed {
    fn run<E: Number>(
        self,
        [form, up, down, above, below]: [&[E]; 5],
        [out, sums]: [Space<'_, E>; 2],
    ) {
        let factors = [up.len(), down.len(), above.len(), below.len()];
        let row = self.0.row_of(form.len(), &factors);
        assert_eq!([out.len(), sums.len() * row], [form.len(); 2]);
        out.par_chunks_mut(row)
            .zip(sums)
            .zip(form.par_chunks(row))
            .enumerate()
            .with_min_len(self.0.grain())
            .for_each(|(index, ((out, total), form))| {
                scale(form, self.0.image([up, down], index), out);
                total.write(sum(form, self.0.image([above, below], index)));
            });
    }
}

impl Work<4, 3> for SignedGradient {
    fn run<E: Number>(self, inputs: [&[E]; 4], outputs: [Space<'_, E>; 3]) {
        let ([form, up, down, outer], [of_form, of_up, of_down]) = (inputs, outputs);
        let inputs = [form, up, down, &[], &[], outer, &[]];
        let outputs = [of_form, of_up, of_down, &mut [], &mut []];
        RelaxedGradient(self.0).run(inputs, outputs);
    }
}

impl Work<4, 3> for SumGradient {
    fn run<E: Number>(self, inputs: [&[E]; 4], outputs: [Space<'_, E>; 3]) {
        let ([form, above, below, of_sums], [of_form, of_above, of_below]) = (inputs, outputs);
        let inputs = [form, &[], &[], above, below, &[], of_sums];
        let outputs = [of_form, &mut [], &mut [], of_above, of_below];
        RelaxedGradient(self.0).run(inputs, outputs);
    }
}

impl Work<7, 5> for RelaxedGradient {
    fn run<E: Number>(self, inputs: [&[E]; 7], outputs: [Space<'_, E>; 5]) {
        let [form, up, down, above, below, outer, of_sums] = inputs;
        let sizes = self.0;
        let Sizes { rows, features } = sizes;
        let images = form.len() / (rows * features);
        let [scaled, summed] = [!outer.is_empty(), !of_sums.is_empty()];
        if scaled {
            sizes.row_of(form.len(), &[up.len(), down.len()]);
            assert_eq!(outer.len(), form.len());
        }
        if summed {
            sizes.row_of(form.len(), &[above.len(), below.len()]);
            assert_eq!(of_sums.len(), images * rows);
        }
        for (space, whole) in outputs.iter().zip([form, up, down, above, below]) {
            assert!(space.is_empty() || space.len() == whole.len());
        }
        let mut spaces = outputs.map(|space| parts(space, images).into_iter());
        let spaces: Vec<[Space<'_, E>; 5]> = (0..images)
            .map(|_| {
                spaces
                    .each_mut()
                    .map(|parts| parts.next().unwrap_or_default())
            })
            .collect();
        spaces
            .into_par_iter()
            .enumerate()
            .with_min_len(sizes.grain().div_ceil(rows))
            .for_each(|(image, spaces)| {
                let own = |numbers, each| part(numbers, image, each);
                let image = Image {
                    features,
                    form: own(form, rows * features),
                    slopes: [own(up, features), own(down, features)],
                    intercepts: [own(above, features), own(below, features)],
                    outer: own(outer, rows * features),
                    of_sums: own(of_sums, rows),
                };
                match (scaled, summed) {
                    (true, true) => gradient::<E, true, true>(image, spaces),
                    (true, false) => gradient::<E, true, false>(image, spaces),
                    (false, _) => gradient::<E, false, true>(image, spaces),
                }
            });
    }
}

/// An image's part of numbers, of which there may be none.
fn part<E>(numbers: &[E], image: usize, each: usize) -> &[E] {
    if numbers.is_empty() {
        return numbers;
    }
    &numbers[image * each..][..each]
}

/// Below so many elements a loop stays on its thread.
const GRAIN: usize = 1 << 14;

impl Sizes {
    /// The elements of a row, for so many coefficients and factors.
    fn row_of(self, coefficients: usize, factors: &[usize]) -> usize {
        let image = self.rows * self.features;
        assert!(image > 0, "there are coefficients");
        assert_eq!(coefficients % image, 0, "all images have as many rows");
        let each = coefficients / self.rows;
        assert!(factors.iter().all(|&factors| factors == each));
        self.features
    }

    /// How many rows a thread takes at least.
    fn grain(self) -> usize {
        GRAIN.div_ceil(self.features)
    }

    /// The factors that a row's image has.
    fn image<E>(self, factors: [&[E]; 2], row: usize) -> [&[E]; 2] {
        let start = row / self.rows * self.features;
        factors.map(|factors| &factors[start..][..self.features])
    }
}

/// The factor of a coefficient.
#[inline(always)]
fn pick<E: Number>(coefficient: E, positive: E, negative: E) -> E {
    if coefficient > E::ZERO {
        positive
    } else {
        negative
    }
}

/// A row times its factors.
#[with_simd]
fn scale<'a, S: Simd, E: Number>(form: &'a [E], factors: [&'a [E]; 2], out: Space<'a, E>) {
    let count = form.len();
    let [positive, negative] = factors.map(|factors| &factors[..count]);
    let out = &mut out[..count];
    for at in 0..count {
        out[at].write(form[at] * pick(form[at], positive[at], negative[at]));
    }
}

/// Sums that run side by side, so that the processor adds several numbers at once.
const LANES: usize = 16;

/// The sum of a row times its factors.
#[with_simd]
fn sum<'a, S: Simd, E: Number>(form: &'a [E], factors: [&'a [E]; 2]) -> E {
    let mut lanes = [E::ZERO; LANES];
    let [positive, negative] = factors;
    let mut rest = E::ZERO;
    let whole = form.len() / LANES * LANES;
    for at in whole..form.len() {
        rest += form[at] * pick(form[at], positive[at], negative[at]);
    }
    let forms = form.chunks_exact(LANES);
    let factors = positive
        .chunks_exact(LANES)
        .zip(negative.chunks_exact(LANES));
    for (form, (positive, negative)) in forms.zip(factors) {
        for lane in 0..LANES {
            lanes[lane] += form[lane] * pick(form[lane], positive[lane], negative[lane]);
        }
    }
    let mut sum = rest;
    for lane in lanes {
        sum += lane;
    }
    sum
}

/// An image's rows with its factors, and the gradients of what was made of them.
#[derive(Clone, Copy)]
struct Image<'a, E> {
    features: usize,
    form: &'a [E],
    slopes: [&'a [E]; 2],
    intercepts: [&'a [E]; 2],
    outer: &'a [E],
    of_sums: &'a [E],
}

/// The gradients of the rows and of their factors: through the scaled rows, through their sums, or
/// through both.
#[with_simd]
fn gradient<'a, S: Simd, E: Number, const SCALED: bool, const SUMMED: bool>(
    image: Image<'a, E>,
    spaces: [Space<'a, E>; 5],
) {
    let features = image.features;
    let [of_form, of_up, of_down, of_above, of_below] = spaces;
    // Slices of one known length: the loops then take several elements at once.
    let factors = |given: bool, factors: [&'a [E]; 2]| {
        factors.map(|factors| if given { &factors[..features] } else { factors })
    };
    let [up, down] = factors(SCALED, image.slopes);
    let [above, below] = factors(SUMMED, image.intercepts);
    let wanted = |spaces: [&Space<'a, E>; 2]| spaces.iter().any(|space| !space.is_empty());
    let of_slopes = SCALED && wanted([&of_up, &of_down]);
    let of_intercepts = SUMMED && wanted([&of_above, &of_below]);
    let zeros = |wanted| vec![E::ZERO; if wanted { features } else { 0 }];
    let mut slopes = [zeros(of_slopes), zeros(of_slopes)];
    let mut intercepts = [zeros(of_intercepts), zeros(of_intercepts)];
    let mut of_form = of_form.chunks_exact_mut(features);
    for (row, form) in image.form.chunks_exact(features).enumerate() {
        let outer = if SCALED {
            &image.outer[row * features..][..features]
        } else {
            form
        };
        let of_sum = if SUMMED { image.of_sums[row] } else { E::ZERO };
        if let Some(out) = of_form.next() {
            for at in 0..features {
                let mut value = E::ZERO;
                if SCALED {
                    value += outer[at] * pick(form[at], up[at], down[at]);
                }
                if SUMMED {
                    value += of_sum * pick(form[at], above[at], below[at]);
                }
                out[at].write(value);
            }
        }
        if of_slopes {
            let [up, down] = slopes.each_mut().map(|sums| &mut sums[..features]);
            for at in 0..features {
                let term = form[at] * outer[at];
                up[at] += pick(form[at], term, E::ZERO);
                down[at] += pick(form[at], E::ZERO, term);
            }
        }
        if of_intercepts {
            let [above, below] = intercepts.each_mut().map(|sums| &mut sums[..features]);
            for at in 0..features {
                let term = form[at] * of_sum;
                above[at] += pick(form[at], term, E::ZERO);
                below[at] += pick(form[at], E::ZERO, term);
            }
        }
    }
    let sums = slopes.iter().chain(&intercepts);
    for (space, sums) in [of_up, of_down, of_above, of_below].into_iter().zip(sums) {
        for (out, &sum) in space.iter_mut().zip(sums) {
            out.write(sum);
        }
    }
}

/// A space cut into one part for each image; empty parts where there is no space.
fn parts<E>(space: Space<'_, E>, images: usize) -> Vec<Space<'_, E>> {
    if space.is_empty() {
        return (0..images).map(|_| Default::default()).collect();
    }
    let each = space.len() / images;
    space.chunks_mut(each).collect()
}
