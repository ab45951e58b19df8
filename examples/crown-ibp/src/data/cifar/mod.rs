//! CIFAR-10 in its official binary layout.
//!
//! A file holds 10,000 records: one byte for the class, then 1,024 bytes for each of the colours
//! red, green and blue, row by row. There are five such files to train on and one to test on, in a
//! folder or in the archive in which they are distributed.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::error::{Failure, FileError, FileProblem};
use super::source::missing;
use super::{DataError, DatasetName, ImageDataset, Split};

const IMAGE: usize = 3 * 32 * 32;
const RECORD: usize = 1 + IMAGE;
const RECORDS: usize = 10_000;
const CLASSES: u8 = 10;
const FOLDER: &str = "cifar-10-batches-bin";
const ARCHIVE: &str = "cifar-10-binary.tar.gz";
/// Where the layout is distributed.
const ADDRESS: &str = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";
/// More bytes than the archive unpacks to.
const ARCHIVE_LIMIT: u64 = 10 * (RECORD * RECORDS) as u64;

const TRAIN: [&str; 5] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
];
const TEST: [&str; 1] = ["test_batch.bin"];

/// Loads a part, or at least its first `count` images, from a data folder or from folders below it.
pub(super) fn load(
    data_folder: Option<&Path>,
    split: Split,
    count: Option<usize>,
) -> Result<ImageDataset, DataError> {
    let all: &[&str] = match split {
        Split::Train => &TRAIN,
        Split::Test => &TEST,
    };
    let files = count.map_or(all.len(), |count| count.div_ceil(RECORDS).min(all.len()));
    let wanted = &all[..files];

    let folders = folders(data_folder.unwrap_or(Path::new("<data folder>")));
    let holds = |folder: &&PathBuf| wanted.iter().all(|name| folder.join(name).is_file());
    let mut records = Records::default();
    if let Some(folder) = folders.iter().find(holds) {
        for name in wanted {
            let path = folder.join(name);
            let file = File::open(&path).map_err(|error| unreadable(&path, error))?;
            records.read(&path, file)?;
        }
    } else if let Some(archive) = find(&folders, ARCHIVE) {
        records = read_archive(&archive, wanted)?;
    } else {
        return Err(not_found(data_folder, &folders, split, wanted));
    }
    Ok(ImageDataset::new(
        records.pixels,
        records.labels,
        DatasetName::Cifar.shape(),
    ))
}

/// The folders in which the files may be, below a data folder.
fn folders(data_folder: &Path) -> Vec<PathBuf> {
    let named = ["cifar", "cifar-10"].map(|name| data_folder.join(name));
    let around = named.iter().map(PathBuf::as_path).chain([data_folder]);
    around
        .flat_map(|folder| [folder.join(FOLDER), folder.to_path_buf()])
        .collect()
}

fn find(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    let mut paths = folders.iter().map(|folder| folder.join(name));
    paths.find(|path| path.exists())
}

/// Images and labels, as they are read.
#[derive(Debug, Default, PartialEq)]
struct Records {
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Records {
    /// Adds the records of a file, which the errors call by the path.
    fn read(&mut self, path: &Path, data: impl Read) -> Result<(), FileError> {
        self.add(data)
            .map_err(|failure| FileError::new(path, failure))
    }

    fn add(&mut self, data: impl Read) -> Result<(), Failure> {
        let whole = RECORDS * RECORD;
        let mut file = Vec::new();
        // One byte more tells a longer file; no more than that is ever held.
        let outcome = data.take(whole as u64 + 1).read_to_end(&mut file);
        let length = file.len();
        outcome.map_err(|error| (length as u64, error.into()))?;
        if length < whole {
            let problem = FileProblem::Truncated(format!(
                "a file of CIFAR-10 holds {RECORDS} images of {RECORD} bytes, and {} are whole",
                length / RECORD
            ));
            return Err((length as u64, problem));
        }
        if length > whole {
            let problem = FileProblem::Trailing(format!("the {RECORDS} images of CIFAR-10"));
            return Err((whole as u64, problem));
        }
        self.pixels.reserve(RECORDS * IMAGE);
        for (index, record) in file.chunks_exact(RECORD).enumerate() {
            let (label, pixels) = (record[0], &record[1..]);
            if label >= CLASSES {
                let problem = FileProblem::Label {
                    label,
                    image: index,
                    dataset: "CIFAR-10",
                    labels: "0 to 9",
                };
                return Err(((index * RECORD) as u64, problem));
            }
            self.labels.push(label);
            self.pixels.extend_from_slice(pixels);
        }
        Ok(())
    }
}

/// Reads files out of the archive.
fn read_archive(path: &Path, wanted: &[&str]) -> Result<Records, FileError> {
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    let mut archive = tar::Archive::new(GzDecoder::new(file).take(ARCHIVE_LIMIT));
    let mut found: Vec<Option<Records>> = wanted.iter().map(|_| None).collect();
    let damaged = |error: io::Error| unreadable(path, error);
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let inside = entry.path().map_err(damaged)?.into_owned();
        let name = inside.file_name().unwrap_or_default();
        if let Some(index) = wanted.iter().position(|wanted| name == *wanted) {
            let mut records = Records::default();
            records.read(&path.join(&inside), entry)?;
            found[index] = Some(records);
        }
        if found.iter().all(Option::is_some) {
            break;
        }
    }
    let mut all = Records::default();
    for (name, records) in wanted.iter().zip(found) {
        let Some(records) = records else {
            let problem = FileProblem::Format(format!("the archive holds no {name}"));
            return Err(FileError::new(path, (0, problem)));
        };
        all.pixels.extend(records.pixels);
        all.labels.extend(records.labels);
    }
    Ok(all)
}

fn unreadable(path: &Path, error: io::Error) -> FileError {
    FileError::new(path, (0, error.into()))
}

/// What is missing, and what to do.
fn not_found(
    data_folder: Option<&Path>,
    folders: &[PathBuf],
    split: Split,
    wanted: &[&str],
) -> DataError {
    let there = |folder: &PathBuf| {
        let there = wanted.iter().take_while(|name| folder.join(name).is_file());
        (there.count(), folder.clone())
    };
    let most = folders.iter().map(there).max_by_key(|(count, _)| *count);
    let (folders, missing_files, reason) = match &most {
        Some((count @ 1.., folder)) => {
            let images = count * RECORDS;
            let reason = format!(
                "{} holds {}, but not {}; fetch the rest, or use the first {images} images only: \
                 training_params:loader_params:num_examples={images}",
                folder.display(),
                wanted[..*count].join(", "),
                wanted[*count..].join(", "),
            );
            (std::slice::from_ref(folder), &wanted[*count..], reason)
        }
        _ => {
            let python = find(folders, "cifar-10-batches-py")
                .or_else(|| find(folders, "cifar-10-python.tar.gz"));
            let python = python.map_or_else(String::new, |path| {
                format!("{} is the Python version of the dataset; ", path.display())
            });
            let reason = format!(
                "{}; {python}fetch the binary version, {ADDRESS}, and put it there, packed or \
                 unpacked",
                missing(data_folder)
            );
            (folders, wanted, reason)
        }
    };
    let looked_for = folders
        .iter()
        .flat_map(|folder| {
            missing_files
                .iter()
                .chain([&ARCHIVE])
                .map(|name| folder.join(name))
        })
        .collect();
    DataError::NotFound {
        dataset: DatasetName::Cifar,
        split,
        reason,
        looked_for,
    }
}

#[cfg(test)]
mod tests;
