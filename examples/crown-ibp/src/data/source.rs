//! Where the files of datasets come from.

use std::path::{Path, PathBuf};

/// The environment variable that names the data folder.
const FOLDER_VARIABLE: &str = "BURN_CROWN_DATA";
/// The mirror from which Burn's own MNIST dataset comes.
const MIRROR: &str = "https://storage.googleapis.com/cvdf-datasets/mnist/";

/// Where to look for datasets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSource {
    folder: Option<PathBuf>,
    cache: Option<PathBuf>,
    mirror: String,
}

impl DataSource {
    /// The folder given, or else the one that the environment variable `BURN_CROWN_DATA` names.
    ///
    /// Without either, MNIST is downloaded once into `$XDG_CACHE_HOME/burn-crown`, or
    /// `~/.cache/burn-crown`.
    pub fn new(folder: Option<PathBuf>) -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let cache = variable("XDG_CACHE_HOME")
            .map(PathBuf::from)
            // A relative path is invalid there, says the XDG specification.
            .filter(|path| path.is_absolute())
            .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
            .map(|cache| cache.join("burn-crown"));
        Self {
            folder: folder.or_else(|| variable(FOLDER_VARIABLE).map(PathBuf::from)),
            cache,
            mirror: MIRROR.into(),
        }
    }

    /// Sets the data folder, or with `None` does without one, whatever the environment says.
    #[must_use]
    pub fn with_folder(mut self, folder: Option<PathBuf>) -> Self {
        self.folder = folder;
        self
    }

    /// Sets the folder for downloads, or with `None` forbids them.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<PathBuf>) -> Self {
        self.cache = cache;
        self
    }

    /// Sets the address from which MNIST's four `.gz` files are downloaded; it ends in `/`.
    #[must_use]
    pub fn with_mirror(mut self, mirror: impl Into<String>) -> Self {
        self.mirror = mirror.into();
        self
    }

    /// The data folder.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The folder for downloads.
    pub(super) fn cache(&self) -> Option<&Path> {
        self.cache.as_deref()
    }

    /// The address from which MNIST is downloaded.
    pub(super) fn mirror(&self) -> &str {
        &self.mirror
    }
}

/// Why files were not found, in a data folder or for want of one.
pub(super) fn missing(data_folder: Option<&Path>) -> &'static str {
    match data_folder {
        Some(_) => "they are not in the data folder (--data-dir or BURN_CROWN_DATA)",
        None => {
            "they are not downloaded; name a folder that holds them with --data-dir or \
             BURN_CROWN_DATA"
        }
    }
}
