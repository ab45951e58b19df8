//! Weights of the reference program, from safetensors files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::store::{
    BurnToPyTorchAdapter, ModuleSnapshot, ModuleStore, PyTorchToBurnAdapter, SafetensorsStore,
};
use burn::tensor::DType;
use thiserror::Error;

use super::Model;

/// Why weights could not be imported. The model is then as it was.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file is missing, or is not a whole safetensors file.
    #[error("cannot read {path} as safetensors: {message}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        message: String,
    },
    /// The file holds the weights of another model.
    #[error(
        "{path} does not fit the model; check its model_class and model_params:\n  {}",
        .problems.join("\n  ")
    )]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// One line for each tensor that does not fit, with the file's own names and shapes.
        problems: Vec<String>,
    },
}

/// Loads the weights of the reference program's `Sequential` into a model.
///
/// The file holds float32 tensors in PyTorch's layouts under the keys `0.weight`, `0.bias`,
/// `2.weight` and so on. Every parameter of the model must be there with its shape, and nothing
/// else.
///
/// # Errors
///
/// [`ImportError`]; the model is then unchanged.
pub fn import_safetensors(model: &mut Model, path: impl AsRef<Path>) -> Result<(), ImportError> {
    let path = path.as_ref();
    let read = |message: String| ImportError::Read {
        path: path.into(),
        message,
    };
    let layers = model.sequential_layers();

    let problems = mismatches(model, &layers, path).map_err(read)?;
    if !problems.is_empty() {
        return Err(ImportError::Mismatch {
            path: path.into(),
            problems,
        });
    }

    let mut store = SafetensorsStore::from_file(path)
        .skip_enum_variants(true)
        .with_from_adapter(PyTorchToBurnAdapter);
    for (position, layer) in &layers {
        store = store.with_key_remapping(format!(r"^{position}\."), format!("{layer}."));
    }
    let mut loaded = model.clone();
    store
        .apply_to(&mut loaded)
        .map_err(|error| read(error.to_string()))?;
    *model = loaded;
    Ok(())
}

/// One line for every tensor of the file that does not fit the model, and for every parameter of
/// the model that the file does not hold.
fn mismatches(
    model: &Model,
    layers: &[(usize, String)],
    path: &Path,
) -> Result<Vec<String>, String> {
    let mut file = SafetensorsStore::from_file(path);
    let found = file.get_all_tensors().map_err(|error| error.to_string())?;
    let mut wanted: BTreeMap<String, Vec<usize>> = model
        .collect(None, Some(Box::new(BurnToPyTorchAdapter)), true)
        .into_iter()
        .map(|tensor| (file_key(&tensor.name, layers), tensor.shape.to_vec()))
        .collect();

    let mut problems = Vec::new();
    for (key, tensor) in found {
        let shape = tensor.shape.to_vec();
        match wanted.remove(key) {
            None => problems.push(format!("`{key}` {shape:?} is not a parameter of the model")),
            Some(wanted) if wanted != shape => {
                problems.push(format!(
                    "`{key}`: the model wants {wanted:?}, the file has {shape:?}"
                ));
            }
            Some(_) if tensor.dtype != DType::F32 => problems.push(format!(
                "`{key}`: the model wants float32, the file has {:?}",
                tensor.dtype
            )),
            Some(_) => {}
        }
    }
    problems.extend(wanted.iter().map(|(key, shape)| {
        format!("`{key}`: the model wants {shape:?}, the file has no such tensor")
    }));
    Ok(problems)
}

/// The key in the reference's files of a parameter such as `conv1.weight`.
fn file_key(parameter: &str, layers: &[(usize, String)]) -> String {
    layers
        .iter()
        .find_map(|(position, layer)| {
            let rest = parameter.strip_prefix(layer.as_str())?.strip_prefix('.')?;
            Some(format!("{position}.{rest}"))
        })
        .unwrap_or_else(|| parameter.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::models::{Cnn2LayerConfig, MlpAnyConfig, ModelConfig};
    use burn::tensor::{Device, Tensor, Tolerance};
    use std::io::Write;

    /// A safetensors file written by hand, so that the test does not trust the store that it
    /// tests.
    fn write_file(tensors: &[(&str, &[usize], Vec<f32>)]) -> tempfile::NamedTempFile {
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

    fn mlp() -> Model {
        ModelConfig::MlpAny(MlpAnyConfig::new(4, vec![2]).with_out_dim(3)).init(&Device::flex())
    }

    fn mlp_file() -> tempfile::NamedTempFile {
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
    fn a_linear_network_computes_as_in_the_file() {
        let mut model = mlp();
        import_safetensors(&mut model, mlp_file().path()).unwrap();
        let images = Tensor::<4>::from_data([[[[1., 0.], [0., 2.]]]], &Device::flex());
        // Hidden: relu(1 + 8 + 0.5) = 9.5 and relu(-1 - 8 + 0.25) = 0.
        let expected = Tensor::<2>::from_data([[9.5, 10., 39.]], &Device::flex());
        model
            .forward(images)
            .into_data()
            .assert_approx_eq::<f32>(&expected.into_data(), Tolerance::default());
    }

    #[test]
    fn a_convolution_keeps_its_layout() {
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
        let config = Cnn2LayerConfig::new(1, 8, 1).with_linear_size(3);
        let mut model = ModelConfig::Cnn2Layer(config).init(&Device::flex());
        import_safetensors(&mut model, file.path()).unwrap();
        let Model::Cnn2Layer(model) = model else {
            unreachable!()
        };
        assert_eq!(
            model
                .conv2
                .weight
                .val()
                .into_data()
                .try_to_vec::<f32>()
                .unwrap(),
            ramp(512)
        );
        let fc2 = model.fc2.weight.val().transpose();
        assert_eq!(fc2.into_data().try_to_vec::<f32>().unwrap(), ramp(30));
    }

    #[test]
    fn every_tensor_that_does_not_fit_is_named_and_the_model_is_unchanged() {
        let file = write_file(&[
            ("1.weight", &[2, 5], vec![0.; 10]),
            ("1.bias", &[2], vec![0.; 2]),
            ("3.bias", &[3], vec![0.; 3]),
            ("5.bias", &[3], vec![0.; 3]),
        ]);
        let mut model = mlp();
        let images = || Tensor::<4>::ones([1, 1, 2, 2], &Device::flex());
        let before = model.forward(images()).into_data();
        let ImportError::Mismatch { problems, .. } =
            import_safetensors(&mut model, file.path()).unwrap_err()
        else {
            panic!("not a mismatch")
        };
        assert_eq!(
            problems,
            [
                "`1.weight`: the model wants [2, 4], the file has [2, 5]",
                "`5.bias` [3] is not a parameter of the model",
                "`3.weight`: the model wants [3, 2], the file has no such tensor",
            ]
        );
        assert_eq!(model.forward(images()).into_data(), before);
    }

    #[test]
    fn missing_and_broken_files_are_errors() {
        let mut model = mlp();
        let error = import_safetensors(&mut model, "/no/such.safetensors").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot read /no/such.safetensors"),
            "{error}"
        );

        let whole = std::fs::read(mlp_file().path()).unwrap();
        for length in [0, 7, 40, whole.len() - 1] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&whole[..length]).unwrap();
            let error = import_safetensors(&mut model, file.path()).unwrap_err();
            assert!(
                matches!(error, ImportError::Read { .. }),
                "{length} bytes: {error}"
            );
        }
    }
}
