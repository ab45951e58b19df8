//! Images that are noise.

use std::path::Path;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Writes a data set of noise, which is read at once, in the form of MNIST.
pub(crate) fn write_images(folder: &Path, count: u32, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for split in ["train", "t10k"] {
        let mut images: Vec<u8> = [0x803, count, 28, 28]
            .iter()
            .flat_map(|number: &u32| number.to_be_bytes())
            .collect();
        images.extend((0..count * 28 * 28).map(|_| random.random::<u8>()));
        std::fs::write(folder.join(format!("{split}-images-idx3-ubyte")), images).unwrap();
        let mut labels = [0x801, count].map(u32::to_be_bytes).concat();
        labels.extend((0..count).map(|_| random.random_range(0..10_u8)));
        std::fs::write(folder.join(format!("{split}-labels-idx1-ubyte")), labels).unwrap();
    }
}
