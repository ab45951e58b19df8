//! Safetensors files written by hand, so that the tests do not trust the store that they test.

use std::io::Write;

use burn::module::Module;
use crown_ibp::models::{Cnn2LayerConfig, Model, ModelConfig};
use crown_ibp::weights::{WeightsError, load_weights};

use super::{loaded, mlp, numbers, test_device};

/// A tensor's key, its shape and its numbers.
type ByHand<'a> = (&'a str, &'a [usize], Vec<f32>);

pub(crate) fn write_file(tensors: &[ByHand<'_>]) -> tempfile::NamedTempFile {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (key, shape, values) in tensors {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "{key}");
        let start = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        header.insert(
            key.to_string(),
            serde_json::json!({
                "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()],
            }),
        );
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes())
        .unwrap();
    file.write_all(&header).unwrap();
    file.write_all(&data).unwrap();
    file
}

pub(crate) fn mlp_file() -> tempfile::NamedTempFile {
    write_file(&[
        // PyTorch's layout of a linear layer: `[out, in]`.
        (
            "1.weight",
            &[2, 4],
            vec![1., 2., 3., 4., -1., -2., -3., -4.],
        ),
        ("1.bias", &[2], vec![0.5, 0.25]),
        ("3.weight", &[3, 2], vec![1., 0., 0., 1., 2., 3.]),
        ("3.bias", &[3], vec![0., 10., 20.]),
    ])
}

#[test]
fn safetensors_hold_what_pytorch_files_hold() {
    let model = load_weights(&mlp(), &test_device(), mlp_file().path()).unwrap();
    assert_eq!(numbers(&model), numbers(&loaded("state_dict.pth")));
}

#[test]
fn a_convolution_keeps_its_layout_and_a_linear_layer_is_turned() {
    let ramp = |count: usize| (0..count).map(|i| i as f32).collect::<Vec<_>>();
    let file = write_file(&[
        ("0.weight", &[4, 1, 4, 4], ramp(64)),
        ("0.bias", &[4], ramp(4)),
        ("2.weight", &[8, 4, 4, 4], ramp(512)),
        ("2.bias", &[8], ramp(8)),
        ("5.weight", &[3, 32], ramp(96)),
        ("5.bias", &[3], ramp(3)),
        ("7.weight", &[10, 3], ramp(30)),
        ("7.bias", &[10], ramp(10)),
    ]);
    let config = ModelConfig::Cnn2Layer(Cnn2LayerConfig::new(1, 8, 1).with_linear_size(3));
    let Model::Cnn2Layer(model) = load_weights(&config, &test_device(), file.path()).unwrap()
    else {
        unreachable!()
    };
    let kernel = model.conv2.weight.val().into_data();
    assert_eq!(kernel.try_to_vec::<f32>().unwrap(), ramp(512));
    let matrix = model.fc2.weight.val().transpose().into_data();
    assert_eq!(matrix.try_to_vec::<f32>().unwrap(), ramp(30));
    assert_eq!(
        Module::num_params(&model),
        64 + 4 + 512 + 8 + 96 + 3 + 30 + 10
    );
}

#[test]
fn every_tensor_that_does_not_fit_is_named() {
    let file = write_file(&[
        ("1.weight", &[2, 5], vec![0.; 10]),
        ("1.bias", &[2], vec![0.; 2]),
        ("3.bias", &[3], vec![0.; 3]),
        ("5.bias", &[3], vec![0.; 3]),
    ]);
    let error = load_weights(&mlp(), &test_device(), file.path()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("check its model_class and model_params"),
        "{text}"
    );
    let WeightsError::Mismatch { problems, .. } = error else {
        panic!("not a mismatch: {text}")
    };
    assert_eq!(
        problems,
        [
            "`1.weight` (the model's `layers.0.weight`): the model wants [2, 4], the file has [2, 5]",
            "`3.weight` (the model's `layers.1.weight`): the model wants [3, 2], the file has no such tensor",
            "`5.bias` [3] is not a parameter of the model",
        ]
    );
}

#[test]
fn of_a_file_with_hundreds_of_foreign_tensors_the_first_are_named() {
    let keys: Vec<String> = (0..100)
        .map(|index| format!("encoder.{index:02}.bias"))
        .collect();
    let tensors: Vec<ByHand<'_>> = keys
        .iter()
        .map(|key| (key.as_str(), &[1][..], vec![0.]))
        .collect();
    let file = write_file(&tensors);
    let error = load_weights(&mlp(), &test_device(), file.path()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("`1.weight`") && text.contains("encoder.00"),
        "{text}"
    );
    assert!(!text.contains("encoder.99"), "{text}");
    // The model's four parameters, and sixteen of the file's hundred tensors.
    assert!(text.ends_with("and 84 more"), "{text}");
}
