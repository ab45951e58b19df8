//! Files that are whole at any moment.
//!
//! A file is written beside its destination, synchronised to disk, and then renamed over it. After
//! a crash, at whatever moment, the destination holds the last good model.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::store::RecordError;
use thiserror::Error;

/// The extension of model files: Burn's own record format, burnpack.
pub const EXTENSION: &str = "bpk";

/// Why a model file could not be written or read.
#[derive(Debug, Error)]
pub enum StorageError {
    /// The file system refused.
    #[error("cannot write {path}: {source}; the file that was there before is unchanged")]
    Write {
        /// The destination.
        path: PathBuf,
        /// The file system's error.
        source: io::Error,
    },
    /// A file that is written line by line.
    #[error("cannot write {path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// The file system's error.
        source: io::Error,
    },
    /// A file that another program is writing.
    #[error("{path} is being written by another program, which trains the same model")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A file that cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The file system's error.
        source: io::Error,
    },
    /// A file that is not as this program writes it.
    #[error(
        "{path} is damaged or no checkpoint of this version: {reason}; train anew with --restart"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that cannot be removed.
    #[error("cannot remove {path}: {source}")]
    Remove {
        /// The file.
        path: PathBuf,
        /// The file system's error.
        source: io::Error,
    },
    /// The model cannot be turned into a record.
    #[error("cannot record the model for {path}: {source}")]
    Record {
        /// The destination.
        path: PathBuf,
        /// Burn's error.
        source: RecordError,
    },
}

/// Writes the parameters of a module to a file in Burn's burnpack format, which
/// [`load_weights`](crate::weights::load_weights) reads.
///
/// The folder is made if it is missing. The old file stays until the new one is whole on disk.
///
/// # Errors
///
/// [`StorageError`]; an old file is then unchanged.
pub fn save_module<M: Module>(module: M, path: impl AsRef<Path>) -> Result<(), StorageError> {
    let path = path.as_ref();
    let bytes = module
        .into_record()
        .into_bytes()
        .map_err(|source| StorageError::Record {
            path: path.into(),
            source,
        })?;
    write_bytes(path, &bytes)
}

/// Writes a file of the given content, as [`write_atomically`] does.
///
/// # Errors
///
/// [`StorageError::Write`]; an old file is then unchanged.
pub fn write_bytes(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), StorageError> {
    write_atomically(path, |file| file.write_all(bytes))
}

/// Removes a file, if it is there.
///
/// # Errors
///
/// If the file system refuses.
pub fn remove(path: impl AsRef<Path>) -> Result<(), StorageError> {
    let path = path.as_ref();
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StorageError::Remove {
            path: path.into(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Writes a file so that its path never names a partial one.
///
/// What an earlier crash left behind for the same destination is removed, so that no litter
/// gathers. Two programs that write one destination at once do not mix their bytes: one of them
/// gets an error.
///
/// # Errors
///
/// [`StorageError::Write`], also if `write` fails; an old file is then unchanged.
pub fn write_atomically(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), StorageError> {
    let path = path.as_ref();
    replace(path, write).map_err(|source| StorageError::Write {
        path: path.into(),
        source,
    })
}

fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?
        .to_string_lossy();
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let prefix = format!(".{name}.");
    std::fs::create_dir_all(folder)?;
    remove_leftovers(folder, &prefix)?;

    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(SUFFIX);
    // Temporary files are private by default; a model file is an ordinary one.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder.tempfile_in(folder)?;
    write(temporary.as_file_mut())?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Marks a file that is being written.
const SUFFIX: &str = ".tmp";

fn remove_leftovers(folder: &Path, prefix: &str) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(prefix) && name.ends_with(SUFFIX) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A rename is durable once its folder is on disk.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened as a file; the file itself was synchronised.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::models::{Cnn2LayerConfig, Model, ModelConfig};
    use crate::weights::load_weights;
    use burn::tensor::{Device, Tensor, TensorData};

    fn config() -> ModelConfig {
        ModelConfig::Cnn2Layer(Cnn2LayerConfig::new(1, 8, 1).with_linear_size(4))
    }

    fn model() -> Model {
        config().init(&Device::flex())
    }

    fn loaded(path: &Path) -> Model {
        load_weights(&config(), &Device::flex(), path).unwrap()
    }

    fn output(model: &Model) -> TensorData {
        model
            .forward(Tensor::ones([1, 1, 8, 8], &Device::flex()))
            .into_data()
    }

    fn files(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_model_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/folder/model.bpk");
        let saved = model();
        save_module(saved.clone(), &path).unwrap();
        assert_ne!(output(&model()), output(&saved));
        assert_eq!(output(&loaded(&path)), output(&saved));
        assert_eq!(files(path.parent().unwrap()), ["model.bpk"]);
    }

    #[test]
    fn a_crash_in_the_middle_leaves_the_last_good_model() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.bpk");
        let old = model();
        save_module(old.clone(), &path).unwrap();

        // What a kill in the middle of a write leaves: a partial file under the temporary name.
        let whole = std::fs::read(&path).unwrap();
        let partial = folder.path().join(format!(".model.bpk.x1y2z3{SUFFIX}"));
        std::fs::write(&partial, &whole[..whole.len() / 2]).unwrap();
        assert_eq!(output(&loaded(&path)), output(&old));

        let new = model();
        save_module(new.clone(), &path).unwrap();
        assert_eq!(output(&loaded(&path)), output(&new));
        assert_eq!(files(folder.path()), ["model.bpk"]);
    }

    #[test]
    fn a_failing_writer_leaves_the_old_file_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.bpk");
        let old = model();
        save_module(old.clone(), &path).unwrap();

        let error = write_atomically(&path, |file| {
            file.write_all(b"half a model")?;
            Err(io::Error::new(io::ErrorKind::StorageFull, "disk full"))
        })
        .unwrap_err();
        assert!(error.to_string().contains("disk full"), "{error}");
        assert!(error.to_string().contains("model.bpk"), "{error}");
        assert_eq!(output(&loaded(&path)), output(&old));
        assert_eq!(files(folder.path()), ["model.bpk"]);
    }

    #[test]
    fn a_panicking_writer_leaves_the_old_file_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.bpk");
        write_atomically(&path, |file| file.write_all(b"good")).unwrap();
        let panicked = std::panic::catch_unwind(|| {
            write_atomically(&path, |file| {
                file.write_all(b"ba").unwrap();
                panic!("a crash in the writer")
            })
        });
        assert!(panicked.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"good");
        assert_eq!(files(folder.path()), ["model.bpk"]);
    }

    #[test]
    fn other_files_in_the_folder_stay() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".other.bpk.abc.tmp", "model.bpk.tmp", "model_best.bpk"] {
            std::fs::write(folder.path().join(name), b"keep").unwrap();
        }
        write_atomically(folder.path().join("model.bpk"), |file| file.write_all(b"x")).unwrap();
        assert_eq!(
            files(folder.path()),
            [
                ".other.bpk.abc.tmp",
                "model.bpk",
                "model.bpk.tmp",
                "model_best.bpk"
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_model_file_has_ordinary_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ordinary, ours) = (folder.path().join("ordinary"), folder.path().join("ours"));
        std::fs::write(&ordinary, b"x").unwrap();
        write_atomically(&ours, |file| file.write_all(b"x")).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&ordinary));
    }
}
