//! Boxes that products take as a whole.

use super::AnyTensor;

/// Boxes by their ends. Where `rectified`, what counts are the values' positive parts: a product
/// reads them as it goes, and no array of them is made.
#[derive(Clone, Debug)]
pub(crate) struct Boxes {
    pub(crate) lower: AnyTensor,
    pub(crate) upper: AnyTensor,
    pub(crate) rectified: bool,
}

impl Boxes {
    /// The ends of what counts.
    pub(crate) fn ends(self) -> [AnyTensor; 2] {
        let ends = [self.lower, self.upper];
        if self.rectified {
            ends.map(AnyTensor::relu)
        } else {
            ends
        }
    }
}
