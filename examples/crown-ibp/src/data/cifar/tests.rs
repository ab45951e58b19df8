#![allow(clippy::unwrap_used)]

use super::super::idx::tests::gzip;
use super::super::{DataSource, load, load_first};
use super::*;
use burn::data::dataset::Dataset;

/// A whole file: of image `i` the label is `i % 10`, and each byte `i % 251`, the last one 7.
fn batch() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(RECORDS * RECORD);
    for index in 0..RECORDS {
        bytes.push((index % 10) as u8);
        bytes.resize((index + 1) * RECORD - 1, (index % 251) as u8);
        bytes.push(7);
    }
    bytes
}

fn error(bytes: &[u8]) -> (u64, String) {
    let path = Path::new("data_batch_1.bin");
    let mut records = Records::default();
    let error = records.read(path, bytes).unwrap_err();
    assert_eq!(error.path, path);
    (error.offset, error.to_string())
}

fn put(folder: &Path, names: &[&str]) {
    std::fs::create_dir_all(folder).unwrap();
    for name in names {
        std::fs::write(folder.join(name), batch()).unwrap();
    }
}

fn source(folder: &Path) -> DataSource {
    DataSource::new(Some(folder.into()))
}

/// The archive with these files in it.
fn archive(names: &[&str], content: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for name in names {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let path = format!("{FOLDER}/{name}");
        builder.append_data(&mut header, path, content).unwrap();
    }
    gzip(&builder.into_inner().unwrap())
}

#[test]
fn a_file_is_read_image_by_image() {
    let mut records = Records::default();
    records.read(Path::new("x"), &batch()[..]).unwrap();
    assert_eq!(records.labels.len(), RECORDS);
    assert_eq!(records.labels[..11], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
    let image = &records.pixels[300 * IMAGE..301 * IMAGE];
    assert_eq!((image[0], image[IMAGE - 2], image[IMAGE - 1]), (49, 49, 7));
}

#[test]
fn truncation_anywhere_is_an_error_with_the_offset() {
    let whole = batch();
    let last = whole.len() - 1;
    for length in [
        0,
        1,
        RECORD - 1,
        RECORD,
        9_999 * RECORD,
        9_999 * RECORD + 1,
        last,
    ] {
        let (offset, words) = error(&whole[..length]);
        assert_eq!(offset, length as u64);
        let images = format!("and {} are whole", length / RECORD);
        for part in ["data_batch_1.bin", "truncated", &images] {
            assert!(words.contains(part), "no {part:?} in {words}");
        }
    }
}

#[test]
fn longer_files_and_foreign_labels_are_errors() {
    let mut longer = batch();
    longer.push(0);
    let (offset, words) = error(&longer);
    assert_eq!(offset, 30_730_000);
    assert!(words.contains("more data follow"), "{words}");

    let mut foreign = batch();
    foreign[77 * RECORD] = 10;
    let (offset, words) = error(&foreign);
    assert_eq!(offset, 77 * 3073);
    assert!(
        words.contains("label 10, of image 77, is none of CIFAR-10"),
        "{words}"
    );
}

#[test]
fn files_are_found_in_the_folder_or_below_it() {
    for below in [
        "",
        FOLDER,
        "cifar",
        "cifar-10",
        "cifar/cifar-10-batches-bin",
    ] {
        let root = tempfile::tempdir().unwrap();
        put(&root.path().join(below), &TEST);
        let test = load(DatasetName::Cifar, Split::Test, &source(root.path())).unwrap();
        assert_eq!((test.len(), test.shape()), (RECORDS, [3, 32, 32]));
        assert_ne!(test.augmentation(), Default::default());
        assert!(!test.normalized(true).normalization().is_identity());
    }
}

#[test]
fn training_data_are_whole_or_as_many_as_were_asked_for() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), &TRAIN[..2]);
    let first = |count| {
        load_first(
            DatasetName::Cifar,
            Split::Train,
            count,
            &source(root.path()),
        )
    };
    assert_eq!(first(Some(0)).unwrap().len(), 0);
    assert_eq!(first(Some(1)).unwrap().len(), 1);
    assert_eq!(first(Some(20_000)).unwrap().len(), 20_000);
    for count in [Some(20_001), None] {
        let words = first(count).unwrap_err().to_string();
        for part in [
            "holds data_batch_1.bin, data_batch_2.bin, but not data_batch_3.bin",
            "training_params:loader_params:num_examples=20000",
        ] {
            assert!(words.contains(part), "no {part:?} in {words}");
        }
    }
    // A gap ends what can be used.
    std::fs::remove_file(root.path().join(TRAIN[0])).unwrap();
    let words = first(None).unwrap_err().to_string();
    assert!(words.contains(ADDRESS), "{words}");
}

#[test]
fn what_is_missing_is_told_and_the_python_version_recognised() {
    let root = tempfile::tempdir().unwrap();
    let words = |source: &DataSource| {
        load(DatasetName::Cifar, Split::Test, source)
            .unwrap_err()
            .to_string()
    };
    let found = words(&source(root.path()));
    for part in ["--data-dir", ADDRESS, "cifar/test_batch.bin", ARCHIVE] {
        assert!(found.contains(part), "no {part:?} in {found}");
    }
    assert!(!found.contains("Python"), "{found}");
    std::fs::create_dir(root.path().join("cifar-10-batches-py")).unwrap();
    assert!(words(&source(root.path())).contains("is the Python version"));
    let nowhere = DataSource::new(None).with_folder(None);
    assert!(words(&nowhere).contains("name a folder"));
}

#[test]
fn the_archive_is_read_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let all = [&["readme.html"], &TRAIN[1..], &TRAIN[..1]].concat();
    std::fs::write(root.path().join(ARCHIVE), archive(&all, &batch())).unwrap();
    let train = load(DatasetName::Cifar, Split::Train, &source(root.path())).unwrap();
    assert_eq!(train.len(), 50_000);
    assert_eq!(train.labels()[..3], [0, 1, 2]);
    let error = load(DatasetName::Cifar, Split::Test, &source(root.path())).unwrap_err();
    assert!(
        error.to_string().contains("holds no test_batch.bin"),
        "{error}"
    );
}

#[test]
fn a_damaged_archive_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join(ARCHIVE);
    let test = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        let error = load(DatasetName::Cifar, Split::Test, &source(root.path())).unwrap_err();
        error.to_string()
    };
    let short = archive(&TEST, &batch()[..5000]);
    let words = test(&short);
    assert!(
        words.contains("cifar-10-binary.tar.gz/cifar-10-batches-bin/test_batch.bin, at byte 5000"),
        "{words}"
    );
    for length in [0, 5, short.len() / 2, short.len() - 1] {
        let words = test(&short[..length]);
        assert!(words.contains(ARCHIVE), "{length} bytes: {words}");
    }
    assert!(test(b"<html>no such file</html>").contains("cannot read on"));
}
