//! The embedded dataset: handwritten-looking digits that need no download.
//!
//! Each image takes one of a few ways to write its digit, bends and slants it, draws it with a pen
//! of random width, and adds grain to the ink. The background is exactly black, as in MNIST.

mod glyphs;
mod pen;

use std::f32::consts::TAU;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::ImageDataset;
use glyphs::{CLASSES, Stroke, glyphs_of};
use pen::Canvas;

const TRAIN_SEED: u64 = 1;
const TEST_SEED: u64 = 2;
const TRAIN_COUNT: usize = 6_000;
const TEST_COUNT: usize = 1_000;

/// Draws digits: the images of a seed.
///
/// Image `i` shows the digit `i % 10`, and depends on the seed and on `i` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits {
    seed: u64,
    count: usize,
}

impl Digits {
    /// The first `count` images of a seed.
    pub fn new(seed: u64, count: usize) -> Self {
        Self { seed, count }
    }

    /// The training set: 6,000 images.
    pub fn train() -> ImageDataset {
        Self::new(TRAIN_SEED, TRAIN_COUNT).draw()
    }

    /// The test set: 1,000 images of another seed.
    pub fn test() -> ImageDataset {
        Self::new(TEST_SEED, TEST_COUNT).draw()
    }

    /// Draws all images, `[1, 28, 28]` each.
    pub fn draw(&self) -> ImageDataset {
        let labels: Vec<u8> = (0..CLASSES as u8).cycle().take(self.count).collect();
        let images = labels
            .iter()
            .enumerate()
            .flat_map(|(index, &digit)| draw_digit(digit, &mut self.random_of(index)))
            .collect();
        ImageDataset::new(images, labels, [1, Canvas::SIDE, Canvas::SIDE])
    }

    /// The randomness of one image.
    fn random_of(&self, index: usize) -> StdRng {
        // The generator's own seeding mixes the bits; the factor keeps the streams of nearby seeds
        // apart.
        StdRng::seed_from_u64(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index as u64)
    }
}

/// The pixels of one image.
fn draw_digit(digit: u8, random: &mut StdRng) -> Vec<u8> {
    let glyphs = glyphs_of(digit);
    let glyph = glyphs[random.random_range(0..glyphs.len())];
    let hand = Hand::new(random);
    let radius = random.random_range(0.65..1.5);
    let mut strokes: Vec<(Vec<[f32; 2]>, bool)> = glyph
        .iter()
        .map(|stroke| {
            let (points, smooth) = match stroke {
                Stroke::Smooth(points) => (points, true),
                Stroke::Straight(points) => (points, false),
            };
            (
                points
                    .iter()
                    .map(|&point| hand.place(point, random))
                    .collect(),
                smooth,
            )
        })
        .collect();
    keep_inside(&mut strokes, radius);

    let mut canvas = Canvas::new();
    for (points, smooth) in &strokes {
        canvas.draw(points, *smooth, radius);
    }
    let ink = random.random_range(0.75..1.0);
    canvas.blur(random.random_range(0.0..0.5));
    canvas.into_pixels(|coverage| {
        let grain = 0.08 * normal(random);
        coverage * ink * (1.0 + grain)
    })
}

/// Moves the strokes so that the pen stays on the paper.
fn keep_inside(strokes: &mut [(Vec<[f32; 2]>, bool)], radius: f32) {
    for axis in 0..2 {
        let along = || {
            strokes
                .iter()
                .flat_map(|(points, _)| points)
                .map(|point| point[axis])
        };
        let low = along().fold(f32::INFINITY, f32::min);
        let high = along().fold(f32::NEG_INFINITY, f32::max);
        // The soft edge of the pen, and the little by which a curve passes beyond its points.
        let margin = radius + 1.0;
        let room_below = margin - low;
        let room_above = Canvas::SIDE as f32 - 1.0 - margin - high;
        let shift = match room_below <= room_above {
            true => 0.0_f32.clamp(room_below, room_above),
            // Larger than the paper: to the middle.
            false => (room_below + room_above) / 2.0,
        };
        for point in strokes.iter_mut().flat_map(|(points, _)| points) {
            point[axis] += shift;
        }
    }
}

/// How one digit is written: a bend of the plane, then an affine map onto the image.
struct Hand {
    /// Two waves that bend the plane: direction, phase and amplitude in x and y.
    waves: [Wave; 2],
    /// The rows of the linear map from the unit square to pixels.
    linear: [[f32; 2]; 2],
    /// Where the middle of the unit square goes.
    centre: [f32; 2],
}

struct Wave {
    direction: [f32; 2],
    phase: f32,
    amplitude: [f32; 2],
}

impl Hand {
    fn new(random: &mut StdRng) -> Self {
        let waves = std::array::from_fn(|_| Wave {
            direction: [
                random.random_range(-1.0..1.0),
                random.random_range(-1.0..1.0),
            ],
            phase: random.random_range(0.0..TAU),
            amplitude: [0.045 * normal(random), 0.045 * normal(random)],
        });
        let height = random.random_range(15.0..21.0);
        let width = height * random.random_range(0.55..0.95);
        // Handwriting leans to the right more than to the left.
        let shear: f32 = random.random_range(-0.2..0.4);
        let angle = (0.14 * normal(random)).clamp(-0.35, 0.35);
        let (sin, cos) = angle.sin_cos();
        // Rotation · shear · scale; y points down, so a lean to the right is negative in y.
        let linear = [
            [cos * width, (-cos * shear - sin) * height],
            [sin * width, (-sin * shear + cos) * height],
        ];
        let middle = (Canvas::SIDE as f32 - 1.0) / 2.0;
        let centre = std::array::from_fn(|_| middle + random.random_range(-2.5..2.5));
        Self {
            waves,
            linear,
            centre,
        }
    }

    /// The pixel position of a point of a glyph, with a tremor of the hand.
    fn place(&self, (x, y): (f32, f32), random: &mut StdRng) -> [f32; 2] {
        let mut point = [
            x - 0.5 + 0.015 * normal(random),
            y - 0.5 + 0.015 * normal(random),
        ];
        let [x, y] = point;
        for wave in &self.waves {
            let angle = TAU * (wave.direction[0] * x + wave.direction[1] * y) + wave.phase;
            point[0] += wave.amplitude[0] * angle.sin();
            point[1] += wave.amplitude[1] * angle.sin();
        }
        std::array::from_fn(|row| {
            self.centre[row] + self.linear[row][0] * point[0] + self.linear[row][1] * point[1]
        })
    }
}

/// A normal variate.
fn normal(random: &mut StdRng) -> f32 {
    // Box and Muller; `1 - u` is never zero.
    let radius = (-2.0 * (1.0 - random.random::<f32>()).ln()).sqrt();
    radius * (TAU * random.random::<f32>()).cos()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use burn::data::dataset::Dataset;

    #[test]
    fn a_seed_fixes_the_images() {
        let first = Digits::new(7, 30).draw();
        assert_eq!(Digits::new(7, 30).draw(), first);
        assert_ne!(Digits::new(8, 30).draw(), first);
        // An image does not depend on how many are drawn.
        assert_eq!(Digits::new(7, 40).draw().take(30), first);
    }

    #[test]
    fn classes_are_balanced_and_no_image_repeats() {
        let (train, test) = (Digits::train(), Digits::test());
        assert_eq!((train.len(), test.len()), (TRAIN_COUNT, TEST_COUNT));
        for (dataset, each) in [(&train, 600), (&test, 100)] {
            for class in 0..10 {
                assert_eq!(
                    dataset.labels().iter().filter(|&&l| l == class).count(),
                    each
                );
            }
        }
        let images: std::collections::HashSet<&[u8]> = (0..train.len())
            .map(|i| train.image(i))
            .chain((0..test.len()).map(|i| test.image(i)))
            .collect();
        assert_eq!(images.len(), TRAIN_COUNT + TEST_COUNT);
    }

    #[test]
    fn every_digit_is_bright_ink_on_black_inside_the_frame() {
        let digits = Digits::new(3, 500).draw();
        for index in 0..digits.len() {
            let image = digits.image(index);
            let black = image.iter().filter(|&&p| p == 0).count();
            let bright = image.iter().filter(|&&p| p > 128).count();
            assert!(black > 784 / 2, "image {index}: {black} black pixels");
            assert!(bright > 12, "image {index}: {bright} bright pixels");
            // Of the rim, only a stray stroke may touch little.
            let rim = (0..28).flat_map(|i| [i, 27 * 28 + i, 28 * i, 28 * i + 27]);
            let touched = rim.filter(|&p| image[p] > 128).count();
            assert!(
                touched <= 6,
                "image {index}: {touched} bright pixels on the rim"
            );
        }
    }

    /// A classifier that is linear in the pixels, up to a constant, cannot tell the digits apart
    /// as well as a network: nearest class mean errs on a good part of them, yet far less than
    /// chance.
    #[test]
    fn class_means_alone_do_not_solve_it() {
        let (train, test) = (Digits::new(11, 2000).draw(), Digits::new(12, 500).draw());
        let mut means = [[0.0_f32; 784]; 10];
        for index in 0..train.len() {
            let item = train.get(index).unwrap();
            for (mean, pixel) in means[item.label as usize].iter_mut().zip(&item.pixels) {
                *mean += f32::from(*pixel) / 200.0;
            }
        }
        let wrong = (0..test.len())
            .filter(|&index| {
                let item = test.get(index).unwrap();
                let distance = |mean: &[f32; 784]| -> f32 {
                    mean.iter()
                        .zip(&item.pixels)
                        .map(|(m, &p)| (m - f32::from(p)).powi(2))
                        .sum()
                };
                let nearest = (0..10)
                    .min_by(|&a, &b| distance(&means[a]).total_cmp(&distance(&means[b])))
                    .unwrap();
                nearest != item.label as usize
            })
            .count();
        let error = wrong as f32 / test.len() as f32;
        assert!((0.15..0.6).contains(&error), "nearest mean errs on {error}");
    }
}
