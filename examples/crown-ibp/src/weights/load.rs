//! Reading weights into a model.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::store::bridge;
use burn::store::burn_pack::Tensor as StoredTensor;
use burn::tensor::{DType, Device, TensorData};

use super::keys::{self, Keys};
use super::{WeightsError, WeightsForm};
use crate::models::Architecture;

/// Loads the weights of a model, from any [`WeightsForm`].
///
/// Every parameter of the model must be in the file with its shape, and nothing else: see the
/// [module's documentation](super) for the keys, layouts and numbers that are accepted.
///
/// # Errors
///
/// [`WeightsError`].
pub fn load_weights<A: Architecture>(
    architecture: &A,
    device: &Device,
    path: impl AsRef<Path>,
) -> Result<A::Model, WeightsError> {
    let model = architecture.init(device);
    let layers = A::sequential_layers(&model);
    load_module(model, &layers, path.as_ref())
}

/// Loads weights into a module whose layers have these positions in a `Sequential`.
fn load_module<M: Module>(
    mut module: M,
    layers: &[(usize, String)],
    path: &Path,
) -> Result<M, WeightsError> {
    let form = WeightsForm::of(path)?;
    let read = |message: String| WeightsError::Read {
        path: path.into(),
        form,
        message,
    };
    let file = form.tensors(path).map_err(read)?;
    let parameters = form.parameters(&module);
    let found = matched(&parameters, layers, file).map_err(|problems| WeightsError::Mismatch {
        path: path.into(),
        problems,
    })?;
    let mut tensors = Vec::new();
    for (parameter, (key, tensor)) in parameters.into_iter().zip(found) {
        let id = tensor.param_id;
        let (found, wanted) = (tensor.dtype, parameter.dtype);
        let data = bridge::into_data(tensor)
            .map_err(|error| error.to_string())
            .and_then(|data| converted(data, wanted))
            .map_err(|message| read(format!("`{key}`: {message}")))?
            .ok_or_else(|| WeightsError::TooLarge {
                path: path.into(),
                key,
                found: found.name(),
                wanted: wanted.name(),
            })?;
        tensors.push(bridge::from_data(data, parameter.name, id));
    }
    let applied = form.apply(&mut module, tensors);
    // What was checked above leaves nothing that could fail; a model that is half loaded must not
    // be taken for the file's all the same.
    if applied.errors.is_empty() && applied.missing.is_empty() && applied.unused.is_empty() {
        Ok(module)
    } else {
        Err(read(applied.to_string()))
    }
}

/// The file's tensor of each parameter, with its key.
///
/// # Errors
///
/// Everything that does not fit, a line each.
fn matched(
    parameters: &[StoredTensor],
    layers: &[(usize, String)],
    mut file: BTreeMap<String, StoredTensor>,
) -> Result<Vec<(String, StoredTensor)>, Vec<String>> {
    let names = keys::names(parameters.iter().map(|tensor| tensor.name.as_str()), layers);
    let found = keys::assign(&names, &file.keys().cloned().collect()).map_err(|several| {
        vec![format!(
            "the file holds several state dicts: {}; keep one of them",
            several.join(", ")
        )]
    })?;
    let problems = problems(parameters, &found, &file);
    if !problems.is_empty() {
        return Err(problems);
    }
    let entries = found.wanted.iter().filter_map(|key| file.remove_entry(key));
    Ok(entries.collect())
}

/// One line for each parameter that the file does not hold as the model wants it, and for each
/// tensor that is no parameter.
fn problems(
    wanted: &[StoredTensor],
    found: &Keys,
    file: &BTreeMap<String, StoredTensor>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (parameter, key) in wanted.iter().zip(&found.wanted) {
        let layer = described(key, &parameter.name);
        let shape = parameter.shape.to_vec();
        match file.get(key) {
            None => problems.push(format!(
                "{layer}: the model wants {shape:?}, the file has no such tensor"
            )),
            Some(tensor) if tensor.shape != parameter.shape => problems.push(format!(
                "{layer}: the model wants {shape:?}, the file has {:?}",
                tensor.shape.to_vec()
            )),
            Some(tensor) if !tensor.dtype.is_float() => problems.push(format!(
                "{layer}: the model wants {}, the file has {}",
                parameter.dtype.name(),
                tensor.dtype.name()
            )),
            Some(_) => {}
        }
    }
    for key in &found.extra {
        let shape = file.get(key).map(|tensor| tensor.shape.to_vec());
        problems.push(format!(
            "`{key}` {:?} is not a parameter of the model",
            shape.unwrap_or_default()
        ));
    }
    problems
}

/// A key of the file, with the model's own name where that is another.
fn described(key: &str, own: &str) -> String {
    if key == own {
        format!("`{key}`")
    } else {
        format!("`{key}` (the model's `{own}`)")
    }
}

/// Numbers in the model's type; none if some of them would become infinite.
fn converted(data: TensorData, wanted: DType) -> Result<Option<TensorData>, String> {
    if data.dtype() == wanted {
        return Ok(Some(data));
    }
    let before = finite(&data);
    let data = data.try_cast(wanted).map_err(|error| error.to_string())?;
    Ok((finite(&data) == before).then_some(data))
}

fn finite(data: &TensorData) -> usize {
    data.iter::<f64>().filter(|value| value.is_finite()).count()
}
