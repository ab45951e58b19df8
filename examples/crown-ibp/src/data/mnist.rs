//! MNIST and Fashion-MNIST: idx files in a folder, or Burn's MNIST mirror through a cache.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::source::missing;
use super::{DataError, DataSource, DatasetName, ImageDataset, Split, download, idx};
use crate::storage::write_atomically;

/// Loads a part of a dataset in the idx format.
pub(super) fn load(
    source: &DataSource,
    dataset: DatasetName,
    split: Split,
) -> Result<ImageDataset, DataError> {
    let mut looked_for = Vec::new();
    let not_found = |reason, looked_for| {
        Err(DataError::NotFound {
            dataset,
            split,
            reason,
            looked_for,
        })
    };
    if let Some(folder) = source.folder() {
        // The folder below comes first, so that a folder with the files of one dataset, and
        // another dataset below it, gives each under its own name.
        let folders = [folder.join(dataset.as_str()), folder.to_path_buf()];
        if let Some((images, labels)) = find_pair(&folders, split, &mut looked_for) {
            return Ok(idx::read_pair(&images, &labels)?);
        }
        return not_found(missing(Some(folder)).into(), looked_for);
    }
    if dataset != DatasetName::Mnist {
        let folders = [Path::new("<data folder>").join(dataset.as_str())];
        find_pair(&folders, split, &mut looked_for);
        return not_found(missing(None).into(), looked_for);
    }
    let Some(cache) = source.cache() else {
        let reason = "there is no folder to download them to; name a folder that holds them with \
                      --data-dir or BURN_CROWN_DATA, or set XDG_CACHE_HOME"
            .into();
        return not_found(reason, looked_for);
    };
    let folders = [cache.join(dataset.as_str())];
    if let Some((images, labels)) = find_pair(&folders, split, &mut looked_for) {
        return Ok(idx::read_pair(&images, &labels)?);
    }
    match download_pair(source.mirror(), &folders[0], split) {
        Ok(images) => Ok(images),
        Err(reason) => {
            let reason = format!(
                "they are not in the cache, and {reason}; name a folder that holds them with \
                 --data-dir or BURN_CROWN_DATA"
            );
            not_found(reason, looked_for)
        }
    }
}

/// Downloads a pair of files, reads it, and keeps it in a folder.
fn download_pair(mirror: &str, folder: &Path, split: Split) -> Result<ImageDataset, String> {
    let fetch = |[name, _]: [&str; 2]| {
        let name = format!("{name}.gz");
        let bytes = download::download(&format!("{mirror}{name}"), &name)?;
        Ok::<_, String>((folder.join(name), bytes))
    };
    let [images, labels] = names(split);
    let (images, labels) = (fetch(images)?, fetch(labels)?);
    // Read before anything is kept: what a server sends may be a page that reports an error.
    let dataset = idx::parse_pair((&images.0, &images.1[..]), (&labels.0, &labels.1[..]))
        .map_err(|error| format!("what was downloaded is no dataset ({error})"))?;
    for (path, bytes) in [images, labels] {
        write_atomically(&path, |file| file.write_all(&bytes))
            .map_err(|error| error.to_string())?;
    }
    Ok(dataset)
}

/// The two spellings in use of the names of the images and of the labels.
fn names(split: Split) -> [[&'static str; 2]; 2] {
    match split {
        Split::Train => [
            ["train-images-idx3-ubyte", "train-images.idx3-ubyte"],
            ["train-labels-idx1-ubyte", "train-labels.idx1-ubyte"],
        ],
        Split::Test => [
            ["t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"],
            ["t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"],
        ],
    }
}

/// Images and labels from the first folder that holds both.
fn find_pair(
    folders: &[PathBuf],
    split: Split,
    looked_for: &mut Vec<PathBuf>,
) -> Option<(PathBuf, PathBuf)> {
    folders.iter().find_map(|folder| {
        let [images, labels] = names(split).map(|spellings| {
            let candidates: Vec<_> = spellings
                .iter()
                .flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))])
                .collect();
            let found = candidates.iter().find(|path| path.is_file()).cloned();
            looked_for.extend(candidates);
            found
        });
        Some((images?, labels?))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::idx::tests::{gzip, images, labels};
    use super::super::load;
    use super::*;
    use burn::data::dataset::Dataset;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    fn offline(folder: Option<&Path>) -> DataSource {
        DataSource::new(None)
            .with_folder(folder.map(PathBuf::from))
            .with_cache(None)
    }

    fn put(folder: &Path, name: &str, data: &[u8]) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(name), data).unwrap();
    }

    #[test]
    fn both_spellings_plain_or_compressed_are_found_in_the_folder_or_below_it() {
        for below in ["", "fashion-mnist"] {
            for spelling in 0..2 {
                for compressed in [false, true] {
                    let root = tempfile::tempdir().unwrap();
                    let folder = root.path().join(below);
                    let [images_name, labels_name] = names(Split::Test).map(|both| both[spelling]);
                    let (suffix, data) = match compressed {
                        true => (".gz", [gzip(&images(4)), gzip(&labels(4))]),
                        false => ("", [images(4), labels(4)]),
                    };
                    put(&folder, &format!("{images_name}{suffix}"), &data[0]);
                    put(&folder, &format!("{labels_name}{suffix}"), &data[1]);
                    let source = offline(Some(root.path()));
                    let found = load(DatasetName::FashionMnist, Split::Test, &source).unwrap();
                    assert_eq!(found.len(), 4);
                    let absent = load(DatasetName::FashionMnist, Split::Train, &source);
                    assert!(matches!(absent, Err(DataError::NotFound { .. })));
                }
            }
        }
    }

    #[test]
    fn a_folder_below_with_the_name_of_the_dataset_comes_first() {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), "t10k-images-idx3-ubyte", &images(2));
        put(root.path(), "t10k-labels-idx1-ubyte", &labels(2));
        put(
            &root.path().join("mnist"),
            "t10k-images-idx3-ubyte",
            &images(5),
        );
        put(
            &root.path().join("mnist"),
            "t10k-labels-idx1-ubyte",
            &labels(5),
        );
        let source = offline(Some(root.path()));
        assert_eq!(
            load(DatasetName::Mnist, Split::Test, &source)
                .unwrap()
                .len(),
            5
        );
        assert_eq!(
            load(DatasetName::FashionMnist, Split::Test, &source)
                .unwrap()
                .len(),
            2
        );
    }

    #[test]
    fn missing_files_are_listed_with_their_folders() {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), "train-images-idx3-ubyte", &images(2));
        let text = load(
            DatasetName::Mnist,
            Split::Train,
            &offline(Some(root.path())),
        )
        .unwrap_err()
        .to_string();
        for part in [
            "no train images and labels of mnist".to_string(),
            "--data-dir".to_string(),
            root.path()
                .join("train-labels-idx1-ubyte")
                .display()
                .to_string(),
            root.path()
                .join("mnist/train-labels.idx1-ubyte.gz")
                .display()
                .to_string(),
        ] {
            assert!(text.contains(&part), "no {part:?} in {text}");
        }
    }

    #[test]
    fn without_a_folder_fashion_mnist_says_that_one_is_needed() {
        let text = load(DatasetName::FashionMnist, Split::Test, &offline(None))
            .unwrap_err()
            .to_string();
        assert!(text.contains("not downloaded; name a folder"), "{text}");
        assert!(
            text.contains("fashion-mnist/t10k-labels-idx1-ubyte.gz"),
            "{text}"
        );
    }

    #[test]
    fn digits_need_no_folder() {
        assert_eq!(
            load(DatasetName::Digits, Split::Test, &offline(None))
                .unwrap()
                .len(),
            1000
        );
    }

    /// Serves `answers` in turn over HTTP, and returns the address and the paths asked for.
    fn serve(answers: Vec<(u16, Vec<u8>)>) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/files/", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let mut asked = Vec::new();
            for (status, body) in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut lines = BufReader::new(&stream).lines().map(Result::unwrap);
                let request = lines.next().unwrap();
                asked.push(request.split(' ').nth(1).unwrap().to_string());
                lines.find(String::is_empty).unwrap();
                let head = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                (&stream).write_all(head.as_bytes()).unwrap();
                (&stream).write_all(&body).unwrap();
            }
            asked
        });
        (address, server)
    }

    fn online(cache: &Path, mirror: &str) -> DataSource {
        DataSource::new(None)
            .with_folder(None)
            .with_cache(Some(cache.into()))
            .with_mirror(mirror)
    }

    #[test]
    fn mnist_is_downloaded_once() {
        let cache = tempfile::tempdir().unwrap();
        let (mirror, server) = serve(vec![(200, gzip(&images(6))), (200, gzip(&labels(6)))]);
        let source = online(cache.path(), &mirror);
        let first = load(DatasetName::Mnist, Split::Train, &source).unwrap();
        assert_eq!(first.len(), 6);
        let asked = server.join().unwrap();
        assert_eq!(
            asked,
            [
                "/files/train-images-idx3-ubyte.gz",
                "/files/train-labels-idx1-ubyte.gz"
            ]
        );
        // The server is gone: this comes from the cache.
        assert_eq!(
            load(DatasetName::Mnist, Split::Train, &source).unwrap(),
            first
        );
    }

    #[test]
    fn a_failed_download_is_an_error_that_says_what_to_do() {
        let cache = tempfile::tempdir().unwrap();
        // Nothing listens on a port that was bound and freed.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let source = online(cache.path(), &format!("http://127.0.0.1:{port}/"));
        let text = load(DatasetName::Mnist, Split::Test, &source)
            .unwrap_err()
            .to_string();
        for part in [
            "t10k-images-idx3-ubyte.gz failed",
            "--data-dir",
            "looked for",
        ] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
    }

    #[test]
    fn a_page_in_place_of_a_file_is_refused_and_not_kept() {
        let cache = tempfile::tempdir().unwrap();
        let page = (404, b"<html>no such file</html>".to_vec());
        let (mirror, server) = serve(vec![page.clone(), page]);
        let source = online(cache.path(), &mirror);
        let text = load(DatasetName::Mnist, Split::Test, &source)
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("no dataset") && text.contains("magic number"),
            "{text}"
        );
        server.join().unwrap();
        assert!(!cache.path().join("mnist").exists());
    }
}
