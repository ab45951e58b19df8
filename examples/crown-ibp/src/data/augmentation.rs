//! Random crops and flips of training images.

use rand::{Rng, RngExt};

use super::ImageItem;

/// How training images are changed at random: `train_random_transform` of an experiment file.
///
/// The default changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augmentation {
    padding: usize,
    flip: bool,
}

impl Augmentation {
    /// Cuts the image out of a frame with so many black pixels on each side, at a random place.
    #[must_use]
    pub fn with_crop(mut self, padding: usize) -> Self {
        self.padding = padding;
        self
    }

    /// Mirrors every second image left to right, before the crop.
    #[must_use]
    pub fn with_flip(mut self) -> Self {
        self.flip = true;
        self
    }

    /// Changes an image of a shape `[C, H, W]`.
    ///
    /// # Panics
    ///
    /// If the image has another number of pixels.
    pub fn apply(
        &self,
        item: ImageItem,
        [channels, height, width]: [usize; 3],
        random: &mut impl Rng,
    ) -> ImageItem {
        assert_eq!(
            item.pixels.len(),
            channels * height * width,
            "an image of shape {:?}",
            [channels, height, width],
        );
        let flip = self.flip && random.random_bool(0.5);
        let mut offset = || match self.padding {
            0 => 0,
            padding => random.random_range(0..=2 * padding),
        };
        let (down, right) = (offset(), offset());
        if !flip && (down, right) == (self.padding, self.padding) {
            return item;
        }
        // Pixel (y, x) comes from (y + down − padding, x + right − padding), or is black.
        let rows = overlap(height, down, self.padding);
        let columns = overlap(width, right, self.padding);
        let mut pixels = vec![0; item.pixels.len()];
        if rows.is_empty() || columns.is_empty() {
            return ImageItem { pixels, ..item };
        }
        let planes = item.pixels.chunks_exact(height * width);
        for (from, to) in planes.zip(pixels.chunks_exact_mut(height * width)) {
            for y in rows.clone() {
                let source = &from[(y + down - self.padding) * width..][..width];
                let target = &mut to[y * width..][columns.clone()];
                let first = columns.start + right - self.padding;
                if flip {
                    let end = width - first;
                    let mirrored = source[end - target.len()..end].iter().rev();
                    target
                        .iter_mut()
                        .zip(mirrored)
                        .for_each(|(to, from)| *to = *from);
                } else {
                    target.copy_from_slice(&source[first..][..target.len()]);
                }
            }
        }
        ImageItem { pixels, ..item }
    }
}

/// The places along a side that are not in the frame, for a crop that starts at `offset`.
fn overlap(side: usize, offset: usize, padding: usize) -> std::ops::Range<usize> {
    let start = padding.saturating_sub(offset).min(side);
    let end = (side + padding).saturating_sub(offset).clamp(start, side);
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    const SHAPE: [usize; 3] = [2, 3, 4];

    fn item() -> ImageItem {
        ImageItem {
            pixels: (1..=24).collect(),
            label: 5,
        }
    }

    /// The image moved pixel by pixel, as written in the definition.
    fn moved(flip: bool, down: usize, right: usize, padding: usize) -> Vec<u8> {
        let [channels, height, width] = SHAPE;
        let mut pixels = Vec::new();
        for channel in 0..channels {
            for y in 0..height {
                for x in 0..width {
                    let inside = |place: usize, offset: usize, side: usize| {
                        (place + offset)
                            .checked_sub(padding)
                            .filter(|&at| at < side)
                    };
                    pixels.push(match (inside(y, down, height), inside(x, right, width)) {
                        (Some(y), Some(x)) => {
                            let x = if flip { width - 1 - x } else { x };
                            item().pixels[(channel * height + y) * width + x]
                        }
                        _ => 0,
                    });
                }
            }
        }
        pixels
    }

    fn outcomes(augmentation: Augmentation, draws: u64) -> Vec<Vec<u8>> {
        (0..draws)
            .map(|seed| {
                let mut random = StdRng::seed_from_u64(seed);
                let changed = augmentation.apply(item(), SHAPE, &mut random);
                assert_eq!(changed.label, 5);
                changed.pixels
            })
            .collect()
    }

    #[test]
    fn nothing_changes_by_default() {
        assert!(
            outcomes(Augmentation::default(), 20)
                .iter()
                .all(|pixels| *pixels == item().pixels)
        );
    }

    #[test]
    fn every_crop_and_flip_comes_up_equally_often_and_nothing_else() {
        // The padding of 5 moves the image wholly out of sight.
        for padding in [1, 2, 5] {
            for flip in [false, true] {
                let mut augmentation = Augmentation::default().with_crop(padding);
                if flip {
                    augmentation = augmentation.with_flip();
                }
                let offsets = 2 * padding + 1;
                let flips: &[bool] = if flip { &[false, true] } else { &[false] };
                let possible: Vec<_> = flips
                    .iter()
                    .flat_map(|&flip| {
                        (0..offsets * offsets)
                            .map(move |at| moved(flip, at / offsets, at % offsets, padding))
                    })
                    .collect();
                let draws = outcomes(augmentation, 40 * possible.len() as u64);
                for pixels in &draws {
                    assert!(possible.contains(pixels), "{pixels:?}");
                }
                for outcome in &possible {
                    let alike = possible.iter().filter(|other| *other == outcome).count();
                    let found = draws.iter().filter(|pixels| *pixels == outcome).count();
                    // Of an expected 40 a kind; six standard deviations.
                    let expected = 40.0 * alike as f64;
                    let off = (found as f64 - expected).abs();
                    assert!(
                        off < 6.0 * expected.sqrt(),
                        "{found} of {expected}: {outcome:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_flip_alone_mirrors_the_rows() {
        let flipped = moved(true, 0, 0, 0);
        assert_eq!(flipped[..4], [4, 3, 2, 1]);
        let draws = outcomes(Augmentation::default().with_flip(), 100);
        let mirrored = draws.iter().filter(|pixels| **pixels == flipped).count();
        let plain = draws
            .iter()
            .filter(|pixels| **pixels == item().pixels)
            .count();
        assert_eq!(mirrored + plain, 100);
        assert!((25..=75).contains(&mirrored), "{mirrored}");
    }
}
