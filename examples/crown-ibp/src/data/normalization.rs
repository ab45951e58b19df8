//! Mean and standard deviation of pixels, by which images are normalised.

/// `(pixel − mean) / std` for each channel, of pixels in `[0, 1]`.
///
/// Radii and valid ranges stay in pixel units; [`region`](crate::region) scales them.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    mean: Vec<f64>,
    std: Vec<f64>,
}

impl Normalization {
    /// Leaves pixels in `[0, 1]`, however many channels there are.
    pub fn identity() -> Self {
        Self::new([0.0], [1.0])
    }

    /// Normalises by these figures: one a channel, or one for all channels.
    ///
    /// # Panics
    ///
    /// If there are not as many deviations as means, or if a deviation is not above 0.
    pub fn new(mean: impl Into<Vec<f64>>, std: impl Into<Vec<f64>>) -> Self {
        let (mean, std) = (mean.into(), std.into());
        assert!(
            !mean.is_empty() && mean.len() == std.len(),
            "{} means and {} deviations",
            mean.len(),
            std.len(),
        );
        assert!(
            mean.iter().all(|mean| mean.is_finite())
                && std.iter().all(|std| std.is_finite() && *std > 0.0),
            "the means {mean:?} and deviations {std:?}"
        );
        Self { mean, std }
    }

    /// The mean of each channel, or one of all.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The standard deviation of each channel, or one of all.
    pub fn std(&self) -> &[f64] {
        &self.std
    }

    /// Whether pixels stay as they are.
    pub fn is_identity(&self) -> bool {
        self.mean.iter().all(|&mean| mean == 0.0) && self.std.iter().all(|&std| std == 1.0)
    }

    /// Whether there is a figure for each of so many channels.
    pub fn fits(&self, channels: usize) -> bool {
        self.mean.len() == 1 || self.mean.len() == channels
    }

    /// The normalised value of each of the 256 bytes of a channel, computed as the reference
    /// program does, in single precision.
    pub(super) fn table(&self, channel: usize) -> [f32; 256] {
        let of = |figures: &[f64]| match figures {
            [one] => *one as f32,
            each => each[channel] as f32,
        };
        let (mean, std) = (of(&self.mean), of(&self.std));
        std::array::from_fn(|byte| (byte as f32 / 255.0 - mean) / std)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_leaves_pixels_exact() {
        let identity = Normalization::identity();
        assert!(identity.is_identity() && identity.fits(1) && identity.fits(3));
        let table = identity.table(2);
        for (byte, value) in table.into_iter().enumerate() {
            assert_eq!(value, byte as f32 / 255.0);
        }
        assert_eq!((table[0], table[255]), (0.0, 1.0));
    }

    #[test]
    fn each_channel_has_its_own_figures() {
        let normalization = Normalization::new([0.5, 0.25], [0.5, 0.125]);
        assert!(!normalization.is_identity());
        assert!(normalization.fits(2) && !normalization.fits(3));
        let ends = |channel| {
            let table = normalization.table(channel);
            (table[0], table[255])
        };
        assert_eq!(ends(0), (-1.0, 1.0));
        assert_eq!(ends(1), (-2.0, 6.0));
    }

    #[test]
    #[should_panic(expected = "1 means and 2 deviations")]
    fn figures_must_be_as_many() {
        Normalization::new([0.0], [1.0, 1.0]);
    }

    #[test]
    #[should_panic(expected = "deviations [0.0]")]
    fn a_deviation_of_zero_is_refused() {
        Normalization::new([0.0], [0.0]);
    }
}
