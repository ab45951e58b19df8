//! Finding a model's file of weights in a folder.

use std::path::{Path, PathBuf};

use super::WeightsError;

/// What files of weights end in, ours first.
const EXTENSIONS: [&str; 4] = ["bpk", "safetensors", "pth", "pt"];

/// Which model of a run is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// That of the best epoch, as the reference program does; where none is best, the last.
    Best,
    /// That of the last epoch.
    Last,
}

/// The file with a model's weights in the first of the folders that has one.
///
/// In a folder, `.bpk` comes before `.safetensors`, `.pth` and `.pt`, so that a run of this program
/// is never mistaken for what lies beside it. The best model is named `<model>_best`, the last one
/// `<model>`, as the reference program names them.
///
/// # Errors
///
/// [`WeightsError::NotFound`], with the folders.
pub fn find_weights(
    folders: &[PathBuf],
    model: &str,
    choice: Choice,
) -> Result<PathBuf, WeightsError> {
    folders
        .iter()
        .find_map(|folder| in_folder(folder, model, choice))
        .ok_or_else(|| WeightsError::NotFound {
            model: model.into(),
            folders: folders.into(),
        })
}

fn in_folder(folder: &Path, model: &str, choice: Choice) -> Option<PathBuf> {
    let suffixes: &[&str] = match choice {
        Choice::Best => &["_best", ""],
        Choice::Last => &[""],
    };
    EXTENSIONS
        .iter()
        .flat_map(|extension| {
            suffixes
                .iter()
                .map(move |suffix| format!("{model}{suffix}.{extension}"))
        })
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(folder.path().join(file), b"x").unwrap();
        }
        folder
    }

    fn found(files: &[&str]) -> Option<String> {
        chosen(files, Choice::Best)
    }

    fn chosen(files: &[&str], choice: Choice) -> Option<String> {
        let folder = folder(files);
        let path = find_weights(&[folder.path().into()], "cnn", choice).ok()?;
        Some(path.file_name()?.to_str()?.to_string())
    }

    #[test]
    fn the_reference_files_are_found_the_best_one_first() {
        assert_eq!(found(&["cnn.pth"]).as_deref(), Some("cnn.pth"));
        assert_eq!(
            found(&["cnn.pth", "cnn_best.pth", "cnn.log"]).as_deref(),
            Some("cnn_best.pth")
        );
    }

    #[test]
    fn our_own_form_comes_before_an_export_beside_it() {
        assert_eq!(
            found(&["cnn.safetensors", "cnn.bpk", "cnn.pth"]).as_deref(),
            Some("cnn.bpk")
        );
        assert_eq!(
            found(&["cnn.bpk", "cnn_best.safetensors", "cnn_best.pth"]).as_deref(),
            Some("cnn.bpk")
        );
    }

    #[test]
    fn the_last_model_is_found_where_it_is_asked_for() {
        let files = ["cnn.pth", "cnn_best.pth"];
        assert_eq!(chosen(&files, Choice::Last).as_deref(), Some("cnn.pth"));
        assert_eq!(chosen(&["cnn_best.pth"], Choice::Last), None);
    }

    #[test]
    fn a_model_with_a_longer_name_is_another_model() {
        assert_eq!(found(&["cnn_width_8.pth", "cnn_width_8_best.pth"]), None);
    }

    #[test]
    fn the_folders_are_tried_in_turn_and_all_are_named() {
        let (empty, full) = (folder(&[]), folder(&["cnn.pt"]));
        let folders = [empty.path().to_path_buf(), full.path().to_path_buf()];
        assert_eq!(
            find_weights(&folders, "cnn", Choice::Best).unwrap(),
            full.path().join("cnn.pt")
        );
        let error = find_weights(&folders, "mlp", Choice::Best)
            .unwrap_err()
            .to_string();
        for word in [
            "mlp_best",
            empty.path().to_str().unwrap(),
            full.path().to_str().unwrap(),
        ] {
            assert!(error.contains(word), "{error}");
        }
    }
}
