//! Wrong and damaged files: each is refused with a message that says what to do, and none panics.

use std::fs::File;
use std::path::Path;

use crown_ibp::storage::save_module;
use crown_ibp::weights::{WeightsError, load_weights};

use super::by_hand::mlp_file;
use super::{fixture, loaded, mlp, refused, test_device};

fn load(path: &Path) -> Result<(), WeightsError> {
    load_weights(&mlp(), &test_device(), path).map(|_| ())
}

/// The same weights in every form, as the bytes of files.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let burnpack = tempfile::NamedTempFile::new().unwrap();
    save_module(loaded("state_dict.pth"), burnpack.path()).unwrap();
    let read = |path: &Path| std::fs::read(path).unwrap();
    vec![
        ("PyTorch", read(&fixture("state_dict.pth"))),
        ("old PyTorch", read(&fixture("legacy.pth"))),
        ("safetensors", read(mlp_file().path())),
        ("burnpack", read(burnpack.path())),
    ]
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("part");
    for (form, whole) in files() {
        std::fs::write(&part, &whole).unwrap();
        load(&part).unwrap();
        let file = File::options().write(true).open(&part).unwrap();
        for length in (0..whole.len()).rev() {
            file.set_len(length as u64).unwrap();
            let Err(error) = load(&part) else {
                panic!("{length} bytes of {form} were accepted")
            };
            assert!(
                matches!(
                    error,
                    WeightsError::Read { .. } | WeightsError::Unknown { .. }
                ),
                "{length} bytes of {form}: {error}"
            );
        }
    }
}

#[test]
fn a_damaged_number_in_a_pytorch_file_is_noticed() {
    let mut bytes = std::fs::read(fixture("state_dict.pth")).unwrap();
    let bias = 20_f32.to_le_bytes();
    let at = bytes.windows(4).position(|window| window == bias).unwrap();
    bytes[at] ^= 1;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let message = load(file.path()).unwrap_err().to_string();
    for word in ["`3.bias`", "checksum", "damaged"] {
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn other_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    for (content, words) in [
        (&b""[..], "it is empty"),
        (b"<!DOCTYPE html><p>404 Not Found", "it is a text"),
        (b"\x89PNG\r\n\x1a\n", "none of the known files"),
    ] {
        let path = folder.path().join("file.pth");
        std::fs::write(&path, content).unwrap();
        let message = load(&path).unwrap_err().to_string();
        assert!(
            message.contains(words) && message.contains("a safetensors file"),
            "{message}"
        );
        assert!(message.contains("file.pth"), "{message}");
    }
    let message = refused("not_weights.zip");
    assert!(
        message.contains("data.pkl") && message.contains("a PyTorch file"),
        "{message}"
    );
}

#[test]
fn a_missing_file_and_a_folder_are_told() {
    let error = load(Path::new("/no/such.pth")).unwrap_err();
    assert!(matches!(error, WeightsError::Open { .. }), "{error}");
    assert!(error.to_string().contains("/no/such.pth"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(error.to_string().contains("it is a folder"), "{error}");
}

#[test]
fn a_model_file_of_another_class_is_a_mismatch() {
    use crown_ibp::models::{Cnn1LayerConfig, ModelConfig};
    let other = ModelConfig::Cnn1Layer(Cnn1LayerConfig::new(1, 4, 1));
    let file = tempfile::NamedTempFile::new().unwrap();
    save_module(other.init(&test_device()), file.path()).unwrap();
    let error = load(file.path()).unwrap_err();
    let WeightsError::Mismatch { problems, .. } = &error else {
        panic!("not a mismatch: {error}")
    };
    assert!(
        problems[0].contains("layers.0.weight") && problems[0].contains("[4, 2]"),
        "{problems:?}"
    );
}
