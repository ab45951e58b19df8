//! Writing weights for PyTorch.

use std::path::Path;

use burn::store::{BurnToPyTorchAdapter, ModuleSnapshot, SafetensorsStore};

use super::WeightsError;
use crate::models::Architecture;
use crate::storage::write_bytes;

/// Writes a model as a safetensors file with the keys and layouts of the reference program's
/// `Sequential`; with the module's own names where it has no positions in one.
///
/// PyTorch reads it with `model.load_state_dict(safetensors.torch.load_file(path))`, and
/// [`load_weights`](super::load_weights) gives the same numbers back, bit for bit. An old file
/// stays until the new one is whole on disk.
///
/// # Errors
///
/// [`WeightsError::Encode`] and [`WeightsError::Write`].
pub fn save_weights<A: Architecture>(
    model: &A::Model,
    path: impl AsRef<Path>,
) -> Result<(), WeightsError> {
    let path = path.as_ref();
    let encode = |error: burn::store::SafetensorsStoreError| WeightsError::Encode {
        path: path.into(),
        message: error.to_string(),
    };
    let mut store = SafetensorsStore::from_bytes(None)
        .skip_enum_variants(true)
        .with_to_adapter(BurnToPyTorchAdapter)
        .clear_metadata()
        // What PyTorch's own writer says: the layouts are PyTorch's.
        .metadata("format", "pt");
    for (position, layer) in A::sequential_layers(model) {
        let layer = layer.replace('.', r"\.");
        store = store.with_key_remapping(format!(r"^{layer}\."), format!("{position}."));
    }
    model.save_into(&mut store).map_err(encode)?;
    let bytes = store.get_bytes().map_err(encode)?;
    Ok(write_bytes(path, &bytes)?)
}
