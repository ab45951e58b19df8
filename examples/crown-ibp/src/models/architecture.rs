//! What an experiment file can name as `model_class`.

use std::fmt::{Debug, Display};

use burn::tensor::Device;
use burn_crown::Bounded;
use serde::Serialize;

use super::{Model, ModelConfig};
use crate::config::ModelSource;

/// The model classes that experiment files can name, with their parameters.
///
/// [`ModelConfig`] has the classes of the reference program. A program of your own implements this
/// trait for the `Config` of its own module; the package's README shows one.
pub trait Architecture: Clone + Debug + PartialEq + Serialize + Send + 'static {
    /// The module: images `[B, C, H, W]` to logits `[B, classes]`.
    type Model: Bounded + Display;

    /// Reads `model_class` and `model_params`; `None` after the source was told what is wrong.
    fn read(source: &ModelSource<'_>) -> Option<Self>;

    /// Builds the model with random weights.
    fn init(&self, device: &Device) -> Self::Model;

    /// The name of the class in experiment files.
    fn class(&self) -> &str;

    /// The position of each layer in a PyTorch `Sequential`, and its path in the model: files of
    /// weights may name the layers by these numbers. Without any, they name them as the model does.
    fn sequential_layers(_model: &Self::Model) -> Vec<(usize, String)> {
        Vec::new()
    }
}

impl Architecture for ModelConfig {
    type Model = Model;

    fn read(source: &ModelSource<'_>) -> Option<Self> {
        source.reference_model()
    }

    fn init(&self, device: &Device) -> Model {
        self.init(device)
    }

    fn class(&self) -> &str {
        self.class()
    }

    fn sequential_layers(model: &Model) -> Vec<(usize, String)> {
        model.sequential_layers()
    }
}
