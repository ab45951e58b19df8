//! The idx format of MNIST and Fashion-MNIST, plain or gzip-compressed.
//!
//! Big-endian: a magic number, the number of items, for images height and width, then one byte a
//! pixel or a label. No size in a header is trusted: a file is read at most to the length that the
//! largest valid file has, and its header is then held against what is there.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use thiserror::Error;

use super::ImageDataset;

const IMAGES_MAGIC: u32 = 0x0803;
const LABELS_MAGIC: u32 = 0x0801;
const IMAGES_HEADER: usize = 16;
const LABELS_HEADER: usize = 8;
const SIDE: usize = 28;
const CLASSES: u8 = 10;
/// The most items that a file may hold, which is what the training set holds.
const MAX_ITEMS: usize = 60_000;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A file in the idx format that cannot be used.
///
/// Offsets count the bytes of the idx data, that is, after decompression.
#[derive(Debug, Error)]
#[error("{path}, at byte {offset}: {problem}")]
pub struct IdxError {
    /// The file.
    pub path: PathBuf,
    /// Where in the idx data.
    pub offset: usize,
    /// What is wrong there.
    pub problem: IdxProblem,
}

/// What is wrong in an idx file.
#[derive(Debug, Error)]
pub enum IdxProblem {
    /// Reading or decompressing failed.
    #[error("cannot read on: {0}")]
    Read(#[from] std::io::Error),
    /// The file has another type.
    #[error("the magic number is {found:#010x}; a file of {kind} starts with {wanted:#010x}")]
    Magic {
        /// `images` or `labels`.
        kind: &'static str,
        /// The number wanted.
        wanted: u32,
        /// The number found.
        found: u32,
    },
    /// The images have another size.
    #[error("the images are {height} × {width}; MNIST and Fashion-MNIST are 28 × 28")]
    Size {
        /// Rows.
        height: u32,
        /// Columns.
        width: u32,
    },
    /// The header counts more items than any of these datasets has.
    #[error("the header counts {0} items; these datasets have at most 60000")]
    Count(u32),
    /// The data end too early.
    #[error("the file ends here, but {0}; it is truncated, fetch it again")]
    Truncated(String),
    /// There are data after the last item.
    #[error("the {0} items of the header end here, but more data follow")]
    Trailing(usize),
    /// The label names no class.
    #[error("label {0} is not a class; labels are 0 to 9")]
    Label(u8),
    /// Images and labels do not belong together.
    #[error("the file counts {labels} labels, but {images_path} counts {images} images")]
    CountMismatch {
        /// The number of labels.
        labels: usize,
        /// The number of images.
        images: usize,
        /// The file of the images.
        images_path: PathBuf,
    },
}

/// Reads a pair of files.
pub(super) fn read_pair(images: &Path, labels: &Path) -> Result<ImageDataset, IdxError> {
    let open = |path: &Path| {
        File::open(path).map_err(|error| IdxError {
            path: path.into(),
            offset: 0,
            problem: error.into(),
        })
    };
    parse_pair((images, open(images)?), (labels, open(labels)?))
}

/// Reads a pair of data streams, which the errors call by the paths.
pub(super) fn parse_pair(
    (images, images_data): (&Path, impl Read),
    (labels, labels_data): (&Path, impl Read),
) -> Result<ImageDataset, IdxError> {
    let pixels = parse_images(images, images_data)?;
    let classes = parse_labels(labels, labels_data)?;
    let count = pixels.len() / (SIDE * SIDE);
    if count != classes.len() {
        let problem = IdxProblem::CountMismatch {
            labels: classes.len(),
            images: count,
            images_path: images.into(),
        };
        return Err(IdxError {
            path: labels.into(),
            offset: 4,
            problem,
        });
    }
    Ok(ImageDataset::new(pixels, classes, [1, SIDE, SIDE]))
}

/// The pixels of all images, `[N, 28, 28]`.
fn parse_images(path: &Path, data: impl Read) -> Result<Vec<u8>, IdxError> {
    let fail = |(offset, problem)| IdxError {
        path: path.into(),
        offset,
        problem,
    };
    let data = read_all(data, IMAGES_HEADER + MAX_ITEMS * SIDE * SIDE).map_err(fail)?;
    let count = header(&data, "images", IMAGES_MAGIC).map_err(fail)?;
    let (height, width) = word(&data, 8)
        .and_then(|rows| Ok((rows, word(&data, 12)?)))
        .map_err(fail)?;
    if (height, width) != (SIDE as u32, SIDE as u32) {
        return Err(fail((8, IdxProblem::Size { height, width })));
    }
    items(data, IMAGES_HEADER, count, SIDE * SIDE).map_err(fail)
}

/// The classes, `[N]`.
fn parse_labels(path: &Path, data: impl Read) -> Result<Vec<u8>, IdxError> {
    let fail = |(offset, problem)| IdxError {
        path: path.into(),
        offset,
        problem,
    };
    let data = read_all(data, LABELS_HEADER + MAX_ITEMS).map_err(fail)?;
    let count = header(&data, "labels", LABELS_MAGIC).map_err(fail)?;
    let labels = items(data, LABELS_HEADER, count, 1).map_err(fail)?;
    match labels.iter().position(|&label| label >= CLASSES) {
        Some(index) => Err(fail((
            LABELS_HEADER + index,
            IdxProblem::Label(labels[index]),
        ))),
        None => Ok(labels),
    }
}

/// An offset and what is wrong there.
type Failure = (usize, IdxProblem);

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
        Err(error) => Err((data.len(), error.into())),
    }
}

/// Checks the magic number, and returns the number of items.
fn header(data: &[u8], kind: &'static str, wanted: u32) -> Result<usize, Failure> {
    let found = word(data, 0)?;
    if found != wanted {
        return Err((
            0,
            IdxProblem::Magic {
                kind,
                wanted,
                found,
            },
        ));
    }
    let count = word(data, 4)?;
    match usize::try_from(count) {
        Ok(items) if items <= MAX_ITEMS => Ok(items),
        _ => Err((4, IdxProblem::Count(count))),
    }
}

fn word(data: &[u8], offset: usize) -> Result<u32, Failure> {
    data.get(offset..)
        .and_then(|rest| rest.first_chunk())
        .map(|bytes| u32::from_be_bytes(*bytes))
        .ok_or_else(|| {
            (
                data.len(),
                IdxProblem::Truncated("the header is longer".into()),
            )
        })
}

/// The bytes after the header, which must be `count` items of `size` bytes.
fn items(mut data: Vec<u8>, start: usize, count: usize, size: usize) -> Result<Vec<u8>, Failure> {
    let end = start + count * size;
    if data.len() < end {
        let whole = (data.len() - start) / size;
        let problem = IdxProblem::Truncated(format!(
            "its header counts {count} items and {whole} are whole"
        ));
        return Err((data.len(), problem));
    }
    if data.len() > end {
        return Err((end, IdxProblem::Trailing(count)));
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
    fn read(images: &[u8], labels: &[u8]) -> Result<ImageDataset, IdxError> {
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
        (file, error.offset, error.problem.to_string())
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
