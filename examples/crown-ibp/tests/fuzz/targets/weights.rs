//! Files of weights, of every form.

use burn::tensor::Device;
use crown_ibp::models::{MlpAnyConfig, ModelConfig};
use crown_ibp::weights::{WeightsError, load_weights};

use super::Outcome;
use super::files::put;

/// The model of the fixtures: 4 inputs, 2 hidden neurons, 3 outputs.
pub(crate) fn mlp() -> ModelConfig {
    ModelConfig::MlpAny(MlpAnyConfig::new(4, vec![2]).with_out_dim(3))
}

/// A file of weights for [`mlp`].
pub(crate) fn weights(bytes: &[u8]) -> Outcome {
    let path = put("weights", bytes);
    load_weights(&mlp(), &Device::flex(), &path)
        .map(|_| ())
        .map_err(|error| {
            let of_content = matches!(
                error,
                WeightsError::Unknown { .. }
                    | WeightsError::Read { .. }
                    | WeightsError::Mismatch { .. }
                    | WeightsError::TooLarge { .. }
            );
            assert!(of_content, "another error: {error}");
            let words = error.to_string();
            let name = path.to_string_lossy();
            assert!(words.contains(&*name), "names no file: {words}");
            words
        })
}
