//! The region around an image in which a model must not change its mind.

use burn_crown::certificate::{AppliedRegion, CertifiedRegion};
use burn_crown::{Norm, Perturbation};

use crate::data::Normalization;

/// All images whose pixels differ by at most `epsilon` in a norm from a given image, as a
/// perturbation of the normalised image.
///
/// `epsilon` is in pixel units, that is, for pixels in `[0, 1]`, whatever the normalisation. A
/// change `δ` of the pixels is the change `δ / std` of the normalised image, channel by channel; so
/// the set is a box for L∞, and for the other norms an ellipsoid that is stretched by `1 / std`
/// along each channel. Both are exact, not a ball of one average radius.
///
/// With `bounded_input`, the changed pixels must also stay in `[0, 1]`.
pub fn perturbation(
    norm: Norm,
    epsilon: f64,
    bounded_input: bool,
    normalization: &Normalization,
) -> Perturbation {
    let AppliedRegion { scale, range } = applied(bounded_input, normalization);
    let mut perturbation = Perturbation::ball(norm, epsilon);
    if !normalization.is_identity() {
        perturbation = perturbation.with_channel_scale(scale);
    }
    if let Some([lower, upper]) = range {
        perturbation = perturbation.with_channel_range(lower, upper);
    }
    perturbation
}

/// The same region, as a certificate describes it.
pub fn certified_region(
    norm: Norm,
    epsilon: f64,
    bounded_input: bool,
    normalization: &Normalization,
) -> CertifiedRegion {
    CertifiedRegion {
        norm,
        epsilon,
        range: bounded_input.then_some([0.0, 1.0]),
        applied: applied(bounded_input, normalization),
    }
}

/// What becomes of radius and range when pixels are normalised.
fn applied(bounded_input: bool, normalization: &Normalization) -> AppliedRegion {
    let (mean, std) = (normalization.mean(), normalization.std());
    let normalized = |pixel: f64| {
        let channels = mean.iter().zip(std);
        channels.map(|(mean, std)| (pixel - mean) / std).collect()
    };
    AppliedRegion {
        scale: std.iter().map(|std| 1.0 / std).collect(),
        range: bounded_input.then(|| [normalized(0.0), normalized(1.0)]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use burn::module::{Module, Param};
    use burn::tensor::{Device, Tensor, TensorData};
    use burn_crown::{BoundConfig, Bounded, Method, Specification, Verifier};
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    const SHAPE: [usize; 3] = [3, 2, 2];
    const SIZE: usize = 12;
    const OUTPUTS: usize = 4;

    /// A linear function of all pixels, whose extreme values over a ball are known.
    #[derive(Module, Bounded, Debug)]
    struct Linear {
        weight: Param<Tensor<2>>,
    }

    impl Linear {
        fn forward(&self, images: Tensor<4>) -> Tensor<2> {
            images.flatten(1, 3).matmul(self.weight.val())
        }
    }

    struct Case {
        normalization: Normalization,
        epsilon: f64,
        pixels: Vec<f64>,
        weights: Vec<f64>,
    }

    impl Case {
        fn new(seed: u64) -> Self {
            let random = &mut StdRng::seed_from_u64(seed);
            let each = |random: &mut StdRng, range: std::ops::Range<f64>| {
                std::array::from_fn::<_, 3, _>(|_| random.random_range(range.clone()))
            };
            let mean = each(random, 0.3..0.6);
            // One channel's pixels count four times as much as another's.
            let std = each(random, 0.1..0.4);
            Self {
                normalization: Normalization::new(mean, std),
                epsilon: random.random_range(0.01..0.4),
                pixels: (0..SIZE).map(|_| random.random_range(0.0..1.0)).collect(),
                weights: (0..SIZE * OUTPUTS)
                    .map(|_| random.random_range(-1.0..1.0))
                    .collect(),
            }
        }

        fn channel(&self, at: usize) -> (f64, f64) {
            let channel = at / (SHAPE[1] * SHAPE[2]);
            (
                self.normalization.mean()[channel],
                self.normalization.std()[channel],
            )
        }

        /// The weight of each pixel in an output, before any normalisation.
        fn pixel_weights(&self, output: usize) -> Vec<f64> {
            (0..SIZE)
                .map(|at| self.weights[at * OUTPUTS + output] / self.channel(at).1)
                .collect()
        }

        fn output(&self, output: usize, pixels: &[f64]) -> f64 {
            let weights = self.pixel_weights(output);
            let terms = weights.iter().zip(pixels).enumerate();
            terms
                .map(|(at, (weight, pixel))| weight * (pixel - self.channel(at).0))
                .sum()
        }

        /// The bounds of the library for the normalised image.
        fn bounds(&self, norm: Norm, bounded_input: bool) -> Vec<(f64, f64)> {
            let device = Device::flex();
            let weight = TensorData::new(self.weights.clone(), [SIZE, OUTPUTS]);
            let model = Linear {
                weight: Param::from_tensor(Tensor::from_data(weight, &device)),
            };
            let pixels = self.pixels.iter().enumerate();
            let normalized: Vec<f64> = pixels
                .map(|(at, pixel)| (pixel - self.channel(at).0) / self.channel(at).1)
                .collect();
            let [channels, height, width] = SHAPE;
            let image = TensorData::new(normalized, [1, channels, height, width]);
            let region = perturbation(norm, self.epsilon, bounded_input, &self.normalization);
            let bounds = Verifier::new(model)
                .with_config(BoundConfig::new(Method::Crown))
                .bounds(
                    Tensor::<4>::from_data(image, &device),
                    &region,
                    &Specification::Outputs,
                )
                .unwrap();
            let values = |tensor: Tensor<2>| tensor.into_data().iter::<f64>().collect::<Vec<_>>();
            values(bounds.lower)
                .into_iter()
                .zip(values(bounds.upper))
                .collect()
        }

        /// A point of the ball in pixels, on its surface or in it.
        fn neighbour(&self, norm: Norm, random: &mut StdRng) -> Vec<f64> {
            let mut change: Vec<f64> = (0..SIZE).map(|_| random.random_range(-1.0..1.0)).collect();
            if random.random_bool(0.5) {
                // All of the radius in few pixels.
                change
                    .iter_mut()
                    .for_each(|c| *c = if c.abs() > 0.7 { *c } else { 0.0 });
            }
            let length: f64 = match norm {
                Norm::L1 => change.iter().map(|c| c.abs()).sum(),
                Norm::L2 => change.iter().map(|c| c * c).sum::<f64>().sqrt(),
                _ => change.iter().fold(0.0, |most, c| c.abs().max(most)),
            };
            let scale = self.epsilon / length.max(1e-9) * random.random_range(0.5_f64..1.0).sqrt();
            let pixels = self.pixels.iter().zip(&change);
            pixels
                .map(|(pixel, change)| pixel + scale * change)
                .collect()
        }
    }

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-4 * (1.0 + expected.abs())
    }

    #[test]
    fn bounds_are_those_of_the_ball_of_pixels() {
        for seed in 0..5 {
            let case = Case::new(seed);
            for norm in [Norm::Linf, Norm::L2, Norm::L1] {
                for (output, (lower, upper)) in case.bounds(norm, false).into_iter().enumerate() {
                    let weights = case.pixel_weights(output);
                    let dual: f64 = match norm {
                        Norm::Linf => weights.iter().map(|w| w.abs()).sum(),
                        Norm::L2 => weights.iter().map(|w| w * w).sum::<f64>().sqrt(),
                        _ => weights.iter().fold(0.0, |most, w| w.abs().max(most)),
                    };
                    let value = case.output(output, &case.pixels);
                    let expected = [value - case.epsilon * dual, value + case.epsilon * dual];
                    assert!(
                        close(lower, expected[0]) && close(upper, expected[1]),
                        "seed {seed}, {norm:?}: {lower} to {upper} and {expected:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_valid_range_is_that_of_pixels() {
        for seed in 0..5 {
            let case = Case::new(seed);
            for (output, (lower, upper)) in case.bounds(Norm::Linf, true).into_iter().enumerate() {
                let mut expected = [case.output(output, &case.pixels); 2];
                for (pixel, weight) in case.pixels.iter().zip(case.pixel_weights(output)) {
                    let down = weight * (pixel - (pixel - case.epsilon).max(0.0));
                    let up = weight * ((pixel + case.epsilon).min(1.0) - pixel);
                    expected[0] -= down.max(-up);
                    expected[1] += up.max(-down);
                }
                assert!(
                    close(lower, expected[0]) && close(upper, expected[1]),
                    "seed {seed}: {lower} to {upper} and {expected:?}"
                );
            }
        }
    }

    #[test]
    fn every_image_of_the_region_is_within_the_bounds() {
        for seed in 0..5 {
            let case = Case::new(seed);
            let random = &mut StdRng::seed_from_u64(seed);
            for norm in [Norm::Linf, Norm::L2, Norm::L1] {
                for bounded_input in [false, true] {
                    let bounds = case.bounds(norm, bounded_input);
                    for _ in 0..200 {
                        let mut pixels = case.neighbour(norm, random);
                        if bounded_input {
                            pixels
                                .iter_mut()
                                .for_each(|pixel| *pixel = pixel.clamp(0.0, 1.0));
                        }
                        for (output, (lower, upper)) in bounds.iter().enumerate() {
                            let value = case.output(output, &pixels);
                            assert!(
                                lower - 1e-4 <= value && value <= upper + 1e-4,
                                "seed {seed}, {norm:?}: {value} is not in [{lower}, {upper}]"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn images_at_the_ends_of_the_range_are_in_it() {
        let mut case = Case::new(1);
        for end in [0.0, 1.0] {
            case.pixels.fill(end);
            for norm in [Norm::Linf, Norm::L2, Norm::L1] {
                case.bounds(norm, true);
            }
        }
    }
}
