//! The whole experiment file.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use super::defaults::defaults;
use super::error::ConfigError;
use super::keys;
use super::models::{elements, read_id, read_model};
use super::overrides::Override;
use super::params::{AttackParams, EvalParams, TrainingParams};
use super::section::{Problems, Section};
use crate::data::DatasetName;
use crate::models::ModelConfig;
use crate::storage;

/// An experiment: a dataset, and the models to train and to evaluate on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExperimentConfig {
    /// The file that it was read from.
    pub file: PathBuf,
    /// The dataset.
    pub dataset: DatasetName,
    /// The folder before `models_path`.
    pub path_prefix: PathBuf,
    /// The folder of models and logs.
    pub models_path: PathBuf,
    /// The models, without the ignored ones and with all repeats.
    pub models: Vec<ModelEntry>,
    /// The attack, if the file has one.
    pub attack_params: Option<AttackParams>,
}

/// A model of an experiment, with its own parameters already merged over the common ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelEntry {
    /// The name, unique in the file.
    pub model_id: String,
    /// The architecture.
    pub model: ModelConfig,
    /// How to train it.
    pub training_params: TrainingParams,
    /// How to evaluate it.
    pub eval_params: EvalParams,
}

/// Where the files of a model are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
    /// The model after the last epoch.
    pub last: PathBuf,
    /// The model with the smallest verified error since the end of the ramp.
    pub best: PathBuf,
    /// The log of training.
    pub train_log: PathBuf,
    /// The log of evaluation.
    pub eval_log: PathBuf,
}

impl ExperimentConfig {
    /// Reads and checks an experiment file.
    ///
    /// The overrides are applied in their order, before anything is checked.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]; all wrong keys and values are reported together.
    pub fn load(path: impl AsRef<Path>, overrides: &[Override]) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.into(),
            source,
        })?;
        Self::parse(&text, path, overrides)
    }

    /// Checks the text of an experiment file, which errors call by the path.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), without those of reading.
    pub fn parse(
        text: &str,
        path: impl AsRef<Path>,
        overrides: &[Override],
    ) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let mut file: Map<String, Value> =
            serde_json::from_str(text).map_err(|source| ConfigError::Json {
                path: path.into(),
                source,
            })?;
        for change in overrides {
            change.apply(&mut file)?;
        }
        let problems = Problems::default();
        let experiment = read(path, &file, &problems);
        match (experiment, problems.into_vec()) {
            (Some(experiment), problems) if problems.is_empty() => Ok(experiment),
            (_, problems) => Err(ConfigError::Problems {
                path: path.into(),
                problems,
            }),
        }
    }

    /// Keeps the models of these numbers, in this order; numbers count from 0, without the ignored
    /// models and with all repeats.
    ///
    /// # Errors
    ///
    /// [`ConfigError::ModelSubset`] for a number that is out of range.
    pub fn select_models(mut self, subset: &[usize]) -> Result<Self, ConfigError> {
        let count = self.models.len();
        self.models = subset
            .iter()
            .map(|&index| {
                self.models
                    .get(index)
                    .cloned()
                    .ok_or_else(|| ConfigError::ModelSubset {
                        path: self.file.clone(),
                        index,
                        count,
                    })
            })
            .collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// Sets the folder before `models_path`.
    #[must_use]
    pub fn with_path_prefix(mut self, path_prefix: impl Into<PathBuf>) -> Self {
        self.path_prefix = path_prefix.into();
        self
    }

    /// Where the files of a model are: below `path_prefix/models_path`, with the model's name.
    pub fn files(&self, model: &ModelEntry) -> ModelFiles {
        let folder = self.path_prefix.join(&self.models_path);
        let file = |suffix: &str| folder.join(format!("{}{suffix}", model.model_id));
        ModelFiles {
            last: file(&format!(".{}", storage::EXTENSION)),
            best: file(&format!("_best.{}", storage::EXTENSION)),
            train_log: file(".log"),
            eval_log: file("_test.log"),
        }
    }
}

fn read(path: &Path, file: &Map<String, Value>, problems: &Problems) -> Option<ExperimentConfig> {
    let defaults = defaults();
    let top = Section::new("", file, Some(&defaults), problems);
    top.allow(keys::TOP);
    let dataset = top.get("dataset");
    let path_prefix = top.get::<String>("path_prefix");
    let models_path = top.get::<String>("models_path");
    // What only the reference's own Python needs is accepted, so that its files work unchanged.
    for unused in ["model_def", "alpha_path"] {
        top.get_or(unused, String::new());
    }
    top.section("cert_params").allow(keys::CERT);
    let attack_params = file
        .contains_key("attack_params")
        .then(|| AttackParams::read(&top.section("attack_params")));

    let elements = elements(file, problems);
    let mut ids = HashSet::new();
    let models: Vec<_> = elements
        .iter()
        .map(|element| {
            let section = Section::new(&element.path, &element.values, None, problems);
            section.allow(keys::MODEL);
            let over = |key| top.section(key).under(section.section(key));
            let model_id = read_id(&section);
            if let Some(id) = &model_id
                && !ids.insert(id.clone())
            {
                let words = "is the name of two models; give each its own, for repeats with @@, \
                             which stands for the number of the repeat";
                section.problem("model_id", words);
            }
            let model = read_model(&section, dataset);
            let training_params = TrainingParams::read(&over("training_params"));
            let eval_params = EvalParams::read(&over("eval_params"));
            Some(ModelEntry {
                model_id: model_id?,
                model: model?,
                training_params: training_params?,
                eval_params: eval_params?,
            })
        })
        .collect();
    Some(ExperimentConfig {
        file: path.into(),
        dataset: dataset?,
        path_prefix: path_prefix?.into(),
        models_path: models_path?.into(),
        models: models.into_iter().collect::<Option<_>>()?,
        attack_params: match attack_params {
            Some(attack_params) => Some(attack_params?),
            None => None,
        },
    })
}
