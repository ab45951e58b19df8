//! The idx format of MNIST and Fashion-MNIST, plain or gzip-compressed.
//!
//! Big-endian: a magic number, the number of items, for images height and width, then one byte a
//! pixel or a label. No size in a header is trusted: a file is read at most to the length that the
//! largest valid file has, and its header is then held against what is there.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use super::ImageDataset;
use super::error::{Failure, FileError, FileProblem};

const IMAGES_MAGIC: u32 = 0x0803;
const LABELS_MAGIC: u32 = 0x0801;
const IMAGES_HEADER: usize = 16;
const LABELS_HEADER: usize = 8;
const SIDE: usize = 28;
const CLASSES: u8 = 10;
/// The most items that a file may hold, which is what the training set holds.
const MAX_ITEMS: usize = 60_000;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads a pair of files.
pub(super) fn read_pair(images: &Path, labels: &Path) -> Result<ImageDataset, FileError> {
    let open =
        |path: &Path| File::open(path).map_err(|error| FileError::new(path, (0, error.into())));
    parse_pair((images, open(images)?), (labels, open(labels)?))
}

/// Reads a pair of data streams, which the errors call by the paths.
pub(super) fn parse_pair(
    (images, images_data): (&Path, impl Read),
    (labels, labels_data): (&Path, impl Read),
) -> Result<ImageDataset, FileError> {
    let pixels = parse_images(images_data).map_err(|failure| FileError::new(images, failure))?;
    let classes = parse_labels(labels_data).map_err(|failure| FileError::new(labels, failure))?;
    let count = pixels.len() / (SIDE * SIDE);
    if count != classes.len() {
        let problem = FileProblem::Format(format!(
            "the file counts {} labels, but {} counts {count} images",
            classes.len(),
            images.display()
        ));
        return Err(FileError::new(labels, (4, problem)));
    }
    Ok(ImageDataset::new(pixels, classes, [1, SIDE, SIDE]))
}

/// The pixels of all images, `[N, 28, 28]`.
fn parse_images(data: impl Read) -> Result<Vec<u8>, Failure> {
    let data = read_all(data, IMAGES_HEADER + MAX_ITEMS * SIDE * SIDE)?;
    let count = header(&data, "images", IMAGES_MAGIC)?;
    let (height, width) = (word(&data, 8)?, word(&data, 12)?);
    if (height, width) != (SIDE as u32, SIDE as u32) {
        let words = format!(
            "the images are {height} × {width}; MNIST and Fashion-MNIST are {SIDE} × {SIDE}"
        );
        return Err((8, FileProblem::Format(words)));
    }
    items(data, IMAGES_HEADER, count, SIDE * SIDE)
}

/// The classes, `[N]`.
fn parse_labels(data: impl Read) -> Result<Vec<u8>, Failure> {
    let data = read_all(data, LABELS_HEADER + MAX_ITEMS)?;
    let count = header(&data, "labels", LABELS_MAGIC)?;
    let labels = items(data, LABELS_HEADER, count, 1)?;
    match labels.iter().position(|&label| label >= CLASSES) {
        Some(index) => {
            let problem = FileProblem::Label {
                label: labels[index],
                image: index,
                dataset: "MNIST and Fashion-MNIST",
                labels: "0 to 9",
            };
            Err(((LABELS_HEADER + index) as u64, problem))
        }
        None => Ok(labels),
    }
}

/// The whole idx data, decompressed if need be, and at most one byte more than `limit`: the
/// buffer grows with what is really there, so neither a header nor a compressed stream can ask
/// for more memory.
fn read_all(mut source: impl Read, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut start = Vec::with_capacity(GZIP_MAGIC.len());
    source
        .by_ref()
        .take(GZIP_MAGIC.len() as u64)
        .read_to_end(&mut start)
        .map_err(|error| (0, error.into()))?;
    let compressed = start == GZIP_MAGIC;
    let whole = std::io::Cursor::new(start).chain(source);

    let mut data = Vec::new();
    let limit = limit as u64 + 1;
    let outcome = if compressed {
        GzDecoder::new(whole).take(limit).read_to_end(&mut data)
    } else {
        whole.take(limit).read_to_end(&mut data)
    };
    match outcome {
        Ok(_) => Ok(data),
        Err(error) => Err((data.len() as u64, error.into())),
    }
}

/// Checks the magic number, and returns the number of items.
fn header(data: &[u8], kind: &str, wanted: u32) -> Result<usize, Failure> {
    let found = word(data, 0)?;
    if found != wanted {
        let words = format!(
            "the magic number is {found:#010x}; a file of {kind} starts with {wanted:#010x}"
        );
        return Err((0, FileProblem::Format(words)));
    }
    let count = word(data, 4)?;
    match usize::try_from(count) {
        Ok(items) if items <= MAX_ITEMS => Ok(items),
        _ => {
            let words =
                format!("the header counts {count} items; these datasets have at most {MAX_ITEMS}");
            Err((4, FileProblem::Format(words)))
        }
    }
}

fn word(data: &[u8], offset: usize) -> Result<u32, Failure> {
    data.get(offset..)
        .and_then(|rest| rest.first_chunk())
        .map(|bytes| u32::from_be_bytes(*bytes))
        .ok_or_else(|| {
            let problem = FileProblem::Truncated("the header is longer".into());
            (data.len() as u64, problem)
        })
}

/// The bytes after the header, which must be `count` items of `size` bytes.
fn items(mut data: Vec<u8>, start: usize, count: usize, size: usize) -> Result<Vec<u8>, Failure> {
    let end = start + count * size;
    if data.len() < end {
        let whole = (data.len() - start) / size;
        let problem = FileProblem::Truncated(format!(
            "its header counts {count} items and {whole} are whole"
        ));
        return Err((data.len() as u64, problem));
    }
    if data.len() > end {
        let problem = FileProblem::Trailing(format!("the {count} items of the header"));
        return Err((end as u64, problem));
    }
    data.drain(..start);
    Ok(data)
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use burn::data::dataset::Dataset;
    use std::io::Write;

    pub(crate) fn images(count: u32) -> Vec<u8> {
        let mut data = [IMAGES_MAGIC, count, 28, 28].map(u32::to_be_bytes).concat();
        data.extend((0..count as usize * 784).map(|i| (i % 251) as u8));
        data
    }

    pub(crate) fn labels(count: u32) -> Vec<u8> {
        let mut data = [LABELS_MAGIC, count].map(u32::to_be_bytes).concat();
        data.extend((0..count).map(|i| (i % 10) as u8));
        data
    }

    pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    /// The outcome for a pair of files with these contents.
    fn read(images: &[u8], labels: &[u8]) -> Result<ImageDataset, FileError> {
        let folder = tempfile::tempdir().unwrap();
        let (images_path, labels_path) = (folder.path().join("img"), folder.path().join("lbl"));
        std::fs::write(&images_path, images).unwrap();
        std::fs::write(&labels_path, labels).unwrap();
        read_pair(&images_path, &labels_path)
    }

    /// The file, the offset and the message of the error.
    fn error(images: &[u8], labels: &[u8]) -> (String, usize, String) {
        let error = read(images, labels).unwrap_err();
        let file = error
            .path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_string();
        (file, error.offset as usize, error.problem.to_string())
    }

    #[test]
    fn plain_and_compressed_files_are_read() {
        let plain = read(&images(12), &labels(12)).unwrap();
        assert_eq!(plain.len(), 12);
        assert_eq!(plain.shape(), [1, 28, 28]);
        assert_eq!(plain.labels(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
        assert_eq!(
            plain.image(1)[..3],
            [784 % 251, 785 % 251, 786 % 251].map(|i| i as u8)
        );
        assert_eq!(read(&gzip(&images(12)), &gzip(&labels(12))).unwrap(), plain);
    }

    #[test]
    fn a_wrong_magic_number_is_named() {
        let (file, offset, text) = error(&labels(3), &labels(3));
        assert_eq!((file.as_str(), offset), ("img", 0));
        assert!(
            text.contains("0x00000801") && text.contains("0x00000803"),
            "{text}"
        );
        let (file, offset, _) = error(&images(3), &images(3));
        assert_eq!((file.as_str(), offset), ("lbl", 0));
        let (file, _, text) = error(b"<html>not found</html>", &labels(3));
        assert_eq!(file, "img");
        assert!(text.contains("0x3c68746d"), "{text}");
    }

    #[test]
    fn truncation_anywhere_is_an_error_with_the_offset() {
        let (images, labels) = (images(3), labels(3));
        for length in [0, 2, 6, 10, 15, 16, 20, images.len() - 1] {
            let (file, offset, text) = error(&images[..length], &labels);
            assert_eq!((file.as_str(), offset), ("img", length));
            assert!(text.contains("truncated"), "{text}");
        }
        for length in [0, 7, 8, labels.len() - 1] {
            assert_eq!(error(&images, &labels[..length]).1, length);
        }
        let (_, offset, text) = error(&images[..16 + 784 + 5], &labels);
        assert_eq!(offset, 16 + 784 + 5);
        assert!(text.contains("counts 3 items and 1 are whole"), "{text}");
    }

    #[test]
    fn a_damaged_compressed_stream_is_an_error() {
        let whole = gzip(&images(3));
        for length in [2, 5, whole.len() / 2, whole.len() - 1] {
            let (file, _, text) = error(&whole[..length], &labels(3));
            assert_eq!(file, "img");
            assert!(text.contains("cannot read on"), "{length} bytes: {text}");
        }
        let mut flipped = whole;
        let checksum = flipped.len() - 6;
        flipped[checksum] ^= 1;
        let (_, offset, _) = error(&flipped, &labels(3));
        assert_eq!(
            offset,
            images(3).len(),
            "the checksum is compared after the data"
        );
    }

    #[test]
    fn the_header_cannot_ask_for_memory() {
        let mut huge = images(1);
        huge[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        let (_, offset, text) = error(&huge, &labels(1));
        assert_eq!(offset, 4);
        assert!(text.contains("4294967295"), "{text}");

        // A stream that decompresses to far more than any valid file is read only to the limit.
        let limit = 100;
        let bomb = gzip(&vec![0; 1 << 20]);
        assert_eq!(read_all(&bomb[..], limit).unwrap().len(), limit + 1);
    }

    #[test]
    fn other_sizes_trailing_data_and_foreign_labels_are_errors() {
        let mut wide = images(2);
        wide[15] = 32;
        let (_, offset, text) = error(&wide, &labels(2));
        assert_eq!(offset, 8);
        assert!(text.contains("28 × 32"), "{text}");

        let mut longer = labels(2);
        longer.push(0);
        let (file, offset, text) = error(&images(2), &longer);
        assert_eq!((file.as_str(), offset), ("lbl", 10));
        assert!(text.contains("more data follow"), "{text}");

        let mut foreign = labels(5);
        foreign[8 + 3] = 10;
        let (file, offset, text) = error(&images(5), &foreign);
        assert_eq!((file.as_str(), offset), ("lbl", 11));
        assert!(text.contains("label 10"), "{text}");
    }

    #[test]
    fn images_and_labels_must_be_as_many() {
        let (file, offset, text) = error(&images(3), &labels(4));
        assert_eq!((file.as_str(), offset), ("lbl", 4));
        assert!(
            text.contains("4 labels") && text.contains("3 images"),
            "{text}"
        );
    }
}
