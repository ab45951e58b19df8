//! The files of datasets.

use std::io::Write;
use std::path::Path;

use burn::data::dataset::Dataset;
use burn::tensor::Device;
use crown_ibp::data::{DataSource, DatasetName, ImageDataset, Split, load};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::Outcome;
use super::files::{folder, parts, put};

/// The first byte of an input of [`cifar`]: the rest is a file as it lies in a folder.
pub(crate) const PLAIN: u8 = 0;
/// The rest is the archive.
pub(crate) const PACKED: u8 = 1;
/// The rest is the archive before it is compressed.
pub(crate) const ARCHIVE: u8 = 2;

/// Images and labels in the idx format, plain or compressed: two parts.
pub(crate) fn idx(bytes: &[u8]) -> Outcome {
    let (images, labels) = parts(bytes);
    put("idx/t10k-images-idx3-ubyte", images);
    put("idx/t10k-labels-idx1-ubyte", labels);
    outcome(DatasetName::FashionMnist, "idx")
}

/// A file of CIFAR-10, behind a byte for its form.
pub(crate) fn cifar(bytes: &[u8]) -> Outcome {
    let (form, file) = bytes.split_first().unwrap_or((&PLAIN, &[]));
    let archive = "cifar-10-binary.tar.gz";
    match form % 3 {
        PLAIN => {
            put("plain/test_batch.bin", file);
            outcome(DatasetName::Cifar, "plain")
        }
        PACKED => {
            put(Path::new("packed").join(archive), file);
            outcome(DatasetName::Cifar, "packed")
        }
        _ => {
            let mut packed = GzEncoder::new(Vec::new(), Compression::none());
            packed.write_all(file).unwrap();
            put(Path::new("packed").join(archive), &packed.finish().unwrap());
            outcome(DatasetName::Cifar, "packed")
        }
    }
}

/// A MATLAB file of SVHN.
pub(crate) fn svhn(bytes: &[u8]) -> Outcome {
    put("mat/test_32x32.mat", bytes);
    outcome(DatasetName::Svhn, "mat")
}

/// Loads the test images from a folder, and looks at them if they are accepted.
fn outcome(dataset: DatasetName, name: &str) -> Outcome {
    let folder = folder().join(name);
    let source = DataSource::new(Some(folder.clone())).with_cache(None);
    let images = load(dataset, Split::Test, &source).map_err(|error| {
        let words = error.to_string();
        let folder = folder.to_string_lossy();
        assert!(words.contains(&*folder), "names no file: {words}");
        words
    })?;
    assert_eq!(images.shape(), dataset.shape());
    let classes = dataset.classes();
    let known = |label: &u8| usize::from(*label) < classes;
    assert!(images.labels().iter().all(known));
    if let Some(last) = images.len().checked_sub(1) {
        look(&images.normalized(true), last);
    }
    Ok(())
}

fn look(images: &ImageDataset, index: usize) {
    let (pixels, labels) = images.tensors(index..index + 1, &Device::flex());
    let [channels, height, width] = images.shape();
    assert_eq!(pixels.dims(), [1, channels, height, width]);
    assert_eq!(labels.dims(), [1]);
    let unit = pixels.into_data().iter::<f32>().all(f32::is_finite);
    assert!(unit, "pixels that are no numbers");
}
