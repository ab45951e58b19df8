//! The cropped digits of SVHN, as MATLAB files.
//!
//! A file holds an array `X` of 32 × 32 × 3 × N bytes, the rows fastest, and the labels `y`, where
//! 10 stands for the digit 0.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::error::{Failure, FileError, FileProblem};
use super::mat::{self, Array};
use super::source::missing;
use super::{DataError, DatasetName, ImageDataset, Split};

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const IMAGE: usize = 3 * PLANE;
/// The most images that a file may hold, which is what the training set holds.
const MAX_IMAGES: usize = 73_257;
/// Where the files are distributed.
const ADDRESS: &str = "http://ufldl.stanford.edu/housenumbers/";

/// Loads a part from a data folder or from the folder `svhn` below it.
pub(super) fn load(data_folder: Option<&Path>, split: Split) -> Result<ImageDataset, DataError> {
    let name = match split {
        Split::Train => "train_32x32.mat",
        Split::Test => "test_32x32.mat",
    };
    let folder = data_folder.unwrap_or(Path::new("<data folder>"));
    let candidates = [
        folder.join(DatasetName::Svhn.as_str()),
        folder.to_path_buf(),
    ]
    .map(|folder| folder.join(name));
    let Some(path) = candidates.iter().find(|path| path.is_file()) else {
        return Err(DataError::NotFound {
            dataset: DatasetName::Svhn,
            split,
            reason: format!(
                "{}; fetch {ADDRESS}{name}, and put it there",
                missing(data_folder)
            ),
            looked_for: Vec::from(candidates),
        });
    };
    let file = File::open(path).map_err(|error| FileError::new(path, (0, error.into())))?;
    Ok(parse(path, BufReader::new(file))?)
}

/// Reads a file, which the errors call by the path.
fn parse(path: &Path, data: impl Read) -> Result<ImageDataset, FileError> {
    let [x, y] = mat::read_pair(path, data, ["X", "y"], MAX_IMAGES * IMAGE)?;
    let fail = |offset, problem| Err(FileError::new(path, (offset, problem)));
    let images = match x.dimensions[..] {
        // MATLAB drops a last dimension of 1.
        [SIDE, SIDE, 3] => 1,
        [SIDE, SIDE, 3, images] => images,
        _ => {
            let words = format!(
                "`X` is of dimensions {:?}; images of SVHN are [32, 32, 3, N]",
                x.dimensions
            );
            return fail(x.offset, FileProblem::Format(words));
        }
    };
    if y.values.len() != images {
        let words = format!("there are {images} images and {} labels", y.values.len());
        return fail(y.offset, FileProblem::Format(words));
    }
    let labels = classes(&y).map_err(|failure| FileError::new(path, failure))?;
    let mut pixels = x.values;
    for plane in pixels.chunks_exact_mut(PLANE) {
        transpose(plane);
    }
    Ok(ImageDataset::new(pixels, labels, [3, SIDE, SIDE]))
}

/// The classes of the labels, or the offset of a wrong label and what is wrong.
fn classes(y: &Array) -> Result<Vec<u8>, Failure> {
    let class = |(index, label): (usize, &u8)| match *label {
        1..=9 => Ok(*label),
        10 => Ok(0),
        _ => {
            let problem = FileProblem::Label {
                label: *label,
                image: index,
                dataset: "SVHN",
                labels: "1 to 10, with 10 for the digit 0",
            };
            Err((y.offset, problem))
        }
    };
    y.values.iter().enumerate().map(class).collect()
}

/// Exchanges rows and columns.
fn transpose(plane: &mut [u8]) {
    for row in 0..SIDE {
        for column in 0..row {
            plane.swap(row * SIDE + column, column * SIDE + row);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::mat::tests::{array, compressed, file};
    use super::super::{DataSource, load};
    use super::*;
    use burn::data::dataset::Dataset;

    /// Five images and their labels, as `make_svhn.py` beside the files writes them with SciPy: the
    /// byte of image `k` at row `r`, column `c` and colour `h` is `2 r + 16 k + h`, and on green 64
    /// more for every 8 columns.
    const PLAIN: &[u8] = include_bytes!("../../tests/fixtures/svhn_plain.mat");
    const COMPRESSED: &[u8] = include_bytes!("../../tests/fixtures/svhn_compressed.mat");

    fn path() -> &'static Path {
        Path::new("train_32x32.mat")
    }

    /// A file with so many images, all of one byte, and these labels.
    fn written(images: u32, labels: &[u8]) -> Vec<u8> {
        let x = array("X", &[32, 32, 3, images], &vec![9; IMAGE * images as usize]);
        let y = array("y", &[labels.len() as u32, 1], labels);
        file(&[compressed(&x), compressed(&y)])
    }

    fn error(data: &[u8]) -> (u64, String) {
        let error = parse(path(), data).unwrap_err();
        assert_eq!(error.path, path());
        (error.offset, error.to_string())
    }

    #[test]
    fn files_of_another_writer_are_read_image_by_image_and_row_by_row() {
        for data in [PLAIN, COMPRESSED] {
            let images = parse(path(), data).unwrap();
            assert_eq!(images.shape(), [3, 32, 32]);
            assert_eq!(images.labels(), [0, 1, 9, 0, 5]);
            for image in 0..5 {
                for (at, &found) in images.image(image).iter().enumerate() {
                    let (colour, row, column) = (at / 1024, at / 32 % 32, at % 32);
                    let green = if colour == 1 { column / 8 * 64 } else { 0 };
                    let expected = (2 * row + green + 16 * image + colour) % 256;
                    assert_eq!(usize::from(found), expected, "byte {at} of image {image}");
                }
            }
        }
    }

    #[test]
    fn files_of_another_writer_cut_anywhere_are_refused() {
        for data in [PLAIN, COMPRESSED] {
            for length in (0..data.len()).step_by(61).chain([data.len() - 1]) {
                let (offset, words) = error(&data[..length]);
                assert_eq!(offset, length as u64);
                assert!(words.contains("train_32x32.mat"), "{words}");
            }
        }
    }

    #[test]
    fn a_single_image_has_no_fourth_dimension() {
        let x = array("X", &[32, 32, 3], &[1; IMAGE]);
        let data = file(&[x, array("y", &[1, 1], &[3])]);
        assert_eq!(parse(path(), &data[..]).unwrap().labels(), [3]);
    }

    #[test]
    fn wrong_labels_and_shapes_are_named() {
        assert_eq!(
            parse(path(), &written(2, &[10, 9])[..]).unwrap().labels(),
            [0, 9]
        );
        for wrong in [0, 11, 255] {
            let (offset, words) = error(&written(3, &[1, 2, wrong]));
            assert!(offset > 128, "the second array");
            let expected = format!("label {wrong}, of image 2, is none of SVHN");
            assert!(words.contains(&expected), "{words}");
        }
        let (_, words) = error(&written(3, &[1, 2]));
        assert!(words.contains("3 images and 2 labels"), "{words}");

        let y = array("y", &[1, 1], &[3]);
        let grey = array("X", &[32, 32, 1, 3], &[0; 3 * PLANE]);
        let (offset, words) = error(&file(&[compressed(&grey), y]));
        assert_eq!(offset, 128);
        assert!(words.contains("[32, 32, 1, 3]"), "{words}");
    }

    #[test]
    fn both_parts_are_found_in_the_folder_or_below_it() {
        for below in ["", "svhn"] {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join(below);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("test_32x32.mat"), written(4, &[1, 2, 3, 4])).unwrap();
            let source = DataSource::new(Some(root.path().into()));
            let test = load(DatasetName::Svhn, Split::Test, &source).unwrap();
            assert_eq!(test.len(), 4);
            assert!(!test.normalized(true).normalization().is_identity());
            let absent = load(DatasetName::Svhn, Split::Train, &source).unwrap_err();
            let words = absent.to_string();
            for part in [
                "no train images",
                "--data-dir",
                ADDRESS,
                "svhn/train_32x32.mat",
            ] {
                assert!(words.contains(part), "no {part:?} in {words}");
            }
        }
    }
}
