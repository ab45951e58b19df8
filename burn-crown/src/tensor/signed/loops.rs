//! The loops over slices of numbers, on any number of threads.

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

/// Inputs: those of [`Signed`], and the gradient of its output. Outputs: the gradients of the
/// inputs; one for which there is no space is left out.
pub(super) struct SignedGradient(pub(super) Sizes);

/// The same for [`SignedSum`].
pub(super) struct SumGradient(pub(super) Sizes);

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
        let [form, positive, negative, outer] = inputs;
        let features = self.0.features;
        let outer = |row: usize| {
            let outer = &outer[row * features..][..features];
            move |at: usize| outer[at]
        };
        gradient(self.0, [form, positive, negative], outer, outputs);
    }
}

impl Work<4, 3> for SumGradient {
    fn run<E: Number>(self, inputs: [&[E]; 4], outputs: [Space<'_, E>; 3]) {
        let [form, positive, negative, outer] = inputs;
        let outer = |row: usize| {
            let outer = outer[row];
            move |_: usize| outer
        };
        gradient(self.0, [form, positive, negative], outer, outputs);
    }
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
fn pick<E: Number>(coefficient: E, positive: E, negative: E) -> E {
    if coefficient > E::ZERO {
        positive
    } else {
        negative
    }
}

/// A row times its factors.
fn scale<E: Number>(form: &[E], [positive, negative]: [&[E]; 2], out: Space<'_, E>) {
    let count = form.len();
    let (positive, negative, out) = (&positive[..count], &negative[..count], &mut out[..count]);
    for at in 0..count {
        out[at].write(form[at] * pick(form[at], positive[at], negative[at]));
    }
}

/// Sums that run side by side, so that the processor adds several numbers at once.
const LANES: usize = 16;

/// The sum of a row times its factors.
fn sum<E: Number>(form: &[E], [positive, negative]: [&[E]; 2]) -> E {
    let term = |a: E, p: E, n: E| a * pick(a, p, n);
    let mut lanes = [E::ZERO; LANES];
    let forms = form.chunks_exact(LANES);
    let factors = (positive.chunks_exact(LANES), negative.chunks_exact(LANES));
    let rest = (forms.remainder().iter())
        .zip(factors.0.remainder().iter().zip(factors.1.remainder()))
        .map(|(&a, (&p, &n))| term(a, p, n));
    let rest = rest.fold(E::ZERO, |sum, term| sum + term);
    for (form, (positive, negative)) in forms.zip(factors.0.zip(factors.1)) {
        for lane in 0..LANES {
            lanes[lane] += term(form[lane], positive[lane], negative[lane]);
        }
    }
    lanes.into_iter().fold(rest, |sum, lane| sum + lane)
}

/// The gradients of coefficients and factors, for the gradient that `outer` gives of a row's elements.
fn gradient<E: Number, R: Fn(usize) -> E>(
    sizes: Sizes,
    [form, positive, negative]: [&[E]; 3],
    outer: impl Fn(usize) -> R + Sync,
    [of_form, of_positive, of_negative]: [Space<'_, E>; 3],
) {
    let Sizes { rows, features } = sizes;
    let images = positive.len() / sizes.row_of(form.len(), &[positive.len(), negative.len()]);
    for (space, whole) in [
        (&of_form, form),
        (&of_positive, positive),
        (&of_negative, negative),
    ] {
        assert!(space.is_empty() || space.len() == whole.len());
    }
    let of_form = parts(of_form, images);
    let of_factors = parts(of_positive, images)
        .into_iter()
        .zip(parts(of_negative, images));
    let spaces: Vec<_> = of_form.into_iter().zip(of_factors).collect();
    spaces
        .into_par_iter()
        .enumerate()
        .with_min_len(sizes.grain().div_ceil(rows.max(1)))
        .for_each(|(image, (of_form, (of_positive, of_negative)))| {
            let first = image * rows;
            let [positive, negative] = sizes.image([positive, negative], first);
            let form = &form[first * features..][..rows * features];
            for (row, out) in of_form.chunks_mut(features).enumerate() {
                // Slices of one known length: the loop then takes several elements at once.
                let (form, out) = (&form[row * features..][..features], &mut out[..features]);
                let outer = outer(first + row);
                for at in 0..features {
                    let factor = pick(form[at], positive[at], negative[at]);
                    out[at].write(outer(at) * factor);
                }
            }
            if of_positive.is_empty() && of_negative.is_empty() {
                return;
            }
            let mut sums = [vec![E::ZERO; features], vec![E::ZERO; features]];
            let [above, below] = &mut sums;
            let (above, below) = (&mut above[..features], &mut below[..features]);
            for row in 0..rows {
                let form = &form[row * features..][..features];
                let outer = outer(first + row);
                for at in 0..features {
                    let term = form[at] * outer(at);
                    above[at] += pick(form[at], term, E::ZERO);
                    below[at] += pick(form[at], E::ZERO, term);
                }
            }
            for (space, sums) in [of_positive, of_negative].into_iter().zip(&sums) {
                for (out, &sum) in space.iter_mut().zip(sums) {
                    out.write(sum);
                }
            }
        });
}

/// A space cut into one part for each image; empty parts where there is no space.
fn parts<E>(space: Space<'_, E>, images: usize) -> Vec<Space<'_, E>> {
    if space.is_empty() {
        return (0..images).map(|_| Default::default()).collect();
    }
    let each = space.len() / images;
    space.chunks_mut(each).collect()
}
