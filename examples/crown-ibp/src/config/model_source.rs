//! What an experiment file says of one model's architecture.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::keys::nearest_word;
use super::section::Section;
use crate::data::DatasetName;

/// The `model_class` and the `model_params` of a model in an experiment file.
///
/// Its methods return `None` after they have noted what is wrong: the errors of the whole file are
/// reported together.
pub struct ModelSource<'a> {
    /// The element of `models`.
    model: Section<'a>,
    /// The section `model_params` in it.
    pub(super) params: Section<'a>,
    /// The dataset of the file, if it is a known one.
    pub(super) dataset: Option<DatasetName>,
}

impl<'a> ModelSource<'a> {
    pub(super) fn new(model: Section<'a>, dataset: Option<DatasetName>) -> Self {
        let params = model.section("model_params");
        Self {
            model,
            params,
            dataset,
        }
    }

    /// The class, which must be one of these.
    pub fn class<'k>(&self, known: &[&'k str]) -> Option<&'k str> {
        let class: String = self.model.get("model_class")?;
        if let Some(known) = known.iter().copied().find(|known| *known == class) {
            return Some(known);
        }
        let nearest = match nearest_word(&class, known) {
            Some(near) => format!("the nearest is {near:?}"),
            None => "this program has none".into(),
        };
        let message = format!("is {class:?}, which is no known class; {nearest}");
        self.model.problem("model_class", message);
        None
    }

    /// The parameters as a `Config`, whose fields are the keys.
    ///
    /// Only keys of `Option` fields may be missing: a `Config` has no other defaults when it is
    /// read. A type that derives serde's own `Deserialize` may have them.
    pub fn params<T: Serialize + DeserializeOwned>(&self) -> Option<T> {
        let empty = || Value::Object(Default::default());
        let values = self.model.raw("model_params").cloned();
        let params: T = serde_json::from_value(values.unwrap_or_else(empty))
            .map_err(|error| self.problem("model_params", &format!("cannot be read: {error}")))
            .ok()?;
        // Serde skips keys that it does not know, so a misspelt optional one would have no effect.
        if let Ok(Value::Object(known)) = serde_json::to_value(&params) {
            let known: Vec<_> = known.keys().map(String::as_str).collect();
            self.params.allow(&known);
        }
        Some(params)
    }

    /// Channels, height and width of the dataset's images; `None` if the file names no known
    /// dataset.
    pub fn image_shape(&self) -> Option<[usize; 3]> {
        self.dataset.map(DatasetName::shape)
    }

    /// Notes a problem with a key of the model, such as `model_params`.
    pub fn problem(&self, key: &str, message: &str) {
        self.model.problem(key, message);
    }
}
