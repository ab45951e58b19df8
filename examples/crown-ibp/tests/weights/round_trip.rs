//! There and back: what is loaded, saved and loaded again is the same, bit for bit.

use burn::tensor::Device;
use crown_ibp::models::{
    Cnn1LayerConfig, Cnn2LayerConfig, Cnn3LayerFixedConfig, Cnn4LayerConfig, Cnn10LayerConfig,
    IbpDebugConfig, IbpLargeConfig, MlpUniformConfig, ModelConfig,
};
use crown_ibp::weights::{WeightsForm, load_weights, save_weights};

use super::{loaded, mlp, numbers, test_device};

/// One small model of each class, with the positions of its layers in the reference's
/// `Sequential`.
fn models() -> Vec<(ModelConfig, &'static [usize])> {
    vec![
        (mlp(), &[1, 3]),
        (
            ModelConfig::MlpUniform(MlpUniformConfig::new(16, 3, 5)),
            &[1, 3, 5],
        ),
        (
            ModelConfig::Cnn1Layer(Cnn1LayerConfig::new(1, 8, 1)),
            &[0, 3],
        ),
        (
            ModelConfig::Cnn2Layer(Cnn2LayerConfig::new(1, 8, 1).with_linear_size(3)),
            &[0, 2, 5, 7],
        ),
        (
            ModelConfig::Cnn3LayerFixed(Cnn3LayerFixedConfig::new(3, 8, 3, 1)),
            &[0, 2, 4, 7, 9],
        ),
        (
            ModelConfig::Cnn4Layer(Cnn4LayerConfig::new(1, 8, 1, 6)),
            &[0, 2, 4, 6, 9, 11, 13],
        ),
        (
            ModelConfig::Cnn10Layer(Cnn10LayerConfig::new(1, 16, 1)),
            &[0, 2, 4, 6, 8, 10, 12, 14, 17],
        ),
        (
            ModelConfig::IbpLarge(IbpLargeConfig::new(1, 8).with_linear_size(4)),
            &[0, 2, 4, 6, 8, 11, 13],
        ),
        (ModelConfig::IbpDebug(IbpDebugConfig::new(8)), &[0, 2, 5]),
    ]
}

#[test]
fn every_class_comes_back_bit_for_bit_under_the_reference_keys() {
    let folder = tempfile::tempdir().unwrap();
    for (config, positions) in models() {
        let name = config.class();
        let model = config.init(&test_device());
        let path = folder.path().join("new/model.safetensors");
        save_weights::<ModelConfig>(&model, &path).unwrap();
        assert_eq!(WeightsForm::of(&path).unwrap(), WeightsForm::Safetensors);
        let again = load_weights(&config, &test_device(), &path).unwrap();
        assert_eq!(numbers(&again), numbers(&model), "{name}");

        let mut keys: Vec<String> = positions
            .iter()
            .flat_map(|position| [format!("{position}.bias"), format!("{position}.weight")])
            .collect();
        keys.sort();
        assert_eq!(header_keys(&path), keys, "{name}");
        let first = std::fs::read(&path).unwrap();
        save_weights::<ModelConfig>(&again, &path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first, "{name}");
    }
}

/// The keys in the header of a safetensors file, read without the store.
fn header_keys(path: &std::path::Path) -> Vec<String> {
    let bytes = std::fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    assert_eq!(header["__metadata__"]["format"], "pt");
    let mut keys: Vec<String> = header
        .keys()
        .filter(|key| *key != "__metadata__")
        .cloned()
        .collect();
    keys.sort();
    keys
}

#[test]
fn a_linear_layer_is_saved_as_pytorch_stores_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    save_weights::<ModelConfig>(&loaded("checkpoint.pth"), file.path()).unwrap();
    let bytes = std::fs::read(file.path()).unwrap();
    let weight = [1_f32, 2., 3., 4., -1., -2., -3., -4.].map(f32::to_le_bytes);
    let weight = weight.concat();
    assert!(bytes.windows(weight.len()).any(|window| window == weight));
}

#[test]
fn a_model_in_training_is_saved_as_it_is() {
    let device: Device = test_device().autodiff();
    let model = load_weights(&mlp(), &device, super::fixture("checkpoint.pth")).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    save_weights::<ModelConfig>(&model, file.path()).unwrap();
    let again = load_weights(&mlp(), &test_device(), file.path()).unwrap();
    assert_eq!(numbers(&again), numbers(&loaded("checkpoint.pth")));
}

#[test]
fn an_unwritable_destination_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let below = file.path().join("model.safetensors");
    let error = save_weights::<ModelConfig>(&loaded("checkpoint.pth"), &below).unwrap_err();
    assert!(error.to_string().contains("model.safetensors"), "{error}");
}
