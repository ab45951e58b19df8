//! The files of an input.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

thread_local! {
    static FOLDER: TempDir = tempfile::tempdir().unwrap();
}

/// The folder of this thread's files.
pub(super) fn folder() -> PathBuf {
    FOLDER.with(|folder| folder.path().into())
}

/// Writes a file in place, below [`folder`]: ones that are made anew wait for the disk.
pub(crate) fn put(path: impl AsRef<Path>, bytes: &[u8]) -> PathBuf {
    let path = folder().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    let mut file = options.open(&path).unwrap();
    file.write_all(bytes).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    path
}

/// Two parts in one input: the length of the first as four bytes in little-endian order, and both.
pub(crate) fn joined(first: &[u8], second: &[u8]) -> Vec<u8> {
    let length = u32::try_from(first.len()).unwrap();
    [&length.to_le_bytes(), first, second].concat()
}

/// The two parts of an input.
pub(super) fn parts(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return (bytes, &[]);
    };
    rest.split_at(rest.len().min(u32::from_le_bytes(*length) as usize))
}
