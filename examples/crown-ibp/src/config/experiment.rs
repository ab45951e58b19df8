//! The whole experiment file.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use burn::tensor::Device;
use serde::Serialize;
use serde_json::{Map, Value};

use super::choices::{Initialization, choose_dataset};
use super::defaults::defaults;
use super::error::ConfigError;
use super::keys;
use super::model_source::ModelSource;
use super::models::{elements, read_id};
use super::overrides::Override;
use super::params::{AttackParams, EvalParams, TrainingParams};
use super::section::{Problems, Section};
use crate::data::{CustomDataset, DatasetName};
use crate::models::{Architecture, ModelConfig, ibp_initialization};
use crate::storage;

/// An experiment: a dataset, and the models to train and to evaluate on it.
///
/// The classes of its models are those of the reference program, or of another [`Architecture`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExperimentConfig<A = ModelConfig> {
    /// The file that it was read from.
    pub file: PathBuf,
    /// The dataset.
    pub dataset: DatasetName,
    /// The folder before `models_path`.
    pub path_prefix: PathBuf,
    /// The folder of models and logs.
    pub models_path: PathBuf,
    /// The models, without the ignored ones and with all repeats.
    pub models: Vec<ModelEntry<A>>,
    /// The attack, if the file has one.
    pub attack_params: Option<AttackParams>,
}

/// A model of an experiment, with its own parameters already merged over the common ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelEntry<A = ModelConfig> {
    /// The name, unique in the file.
    pub model_id: String,
    /// The architecture.
    pub model: A,
    /// How to train it.
    pub training_params: TrainingParams,
    /// How to evaluate it.
    pub eval_params: EvalParams,
}

impl<A: Architecture> ModelEntry<A> {
    /// Builds the model with random weights, drawn as its training parameters say.
    pub fn init(&self, device: &Device) -> A::Model {
        let model = self.model.init(device);
        match self.training_params.init {
            Initialization::Default => model,
            Initialization::Ibp => ibp_initialization(model),
        }
    }
}

/// Where the files of a model are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
    /// The model after the last epoch.
    pub last: PathBuf,
    /// The model with the smallest verified error since the end of the ramp.
    pub best: PathBuf,
    /// The state of training after the last epoch.
    pub checkpoint: PathBuf,
    /// The log of training.
    pub train_log: PathBuf,
    /// The log of evaluation.
    pub eval_log: PathBuf,
}

impl ModelFiles {
    /// The files of the model of this name in a folder.
    pub fn of(folder: impl AsRef<Path>, name: &str) -> Self {
        let file = |suffix: &str| folder.as_ref().join(format!("{name}{suffix}"));
        Self {
            last: file(&format!(".{}", storage::EXTENSION)),
            best: file(&format!("_best.{}", storage::EXTENSION)),
            checkpoint: file(".checkpoint"),
            train_log: file(".log"),
            eval_log: file("_test.log"),
        }
    }
}

impl<A: Architecture> ExperimentConfig<A> {
    /// Reads and checks an experiment file.
    ///
    /// The overrides are applied in their order, before anything is checked.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]; all wrong keys and values are reported together.
    pub fn load(path: impl AsRef<Path>, overrides: &[Override]) -> Result<Self, ConfigError> {
        Self::load_with(path, overrides, &[])
    }

    /// Reads and checks an experiment file that may name custom datasets.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_with(
        path: impl AsRef<Path>,
        overrides: &[Override],
        datasets: &'static [CustomDataset],
    ) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.into(),
            source,
        })?;
        Self::parse_with(&text, path, overrides, datasets)
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
        Self::parse_with(text, path, overrides, &[])
    }

    fn parse_with(
        text: &str,
        path: impl AsRef<Path>,
        overrides: &[Override],
        datasets: &'static [CustomDataset],
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
        let experiment = read(path, &file, datasets, &problems);
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
    pub fn files(&self, model: &ModelEntry<A>) -> ModelFiles {
        ModelFiles::of(self.path_prefix.join(&self.models_path), &model.model_id)
    }
}

fn read<A: Architecture>(
    path: &Path,
    file: &Map<String, Value>,
    datasets: &'static [CustomDataset],
    problems: &Problems,
) -> Option<ExperimentConfig<A>> {
    let defaults = defaults();
    let top = Section::new("", file, Some(&defaults), problems);
    top.allow(keys::TOP);
    let dataset = top.get_by("dataset", |value| choose_dataset(value, datasets));
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
            let model = A::read(&ModelSource::new(section.clone(), dataset));
            let training_params = TrainingParams::read(&over("training_params"), dataset);
            let eval_params = EvalParams::read(&over("eval_params"), dataset);
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
        // The reference's files say `./name/`.
        models_path: Path::new(&models_path?)
            .components()
            .filter(|part| *part != Component::CurDir)
            .collect(),
        models: models.into_iter().collect::<Option<_>>()?,
        attack_params: match attack_params {
            Some(attack_params) => Some(attack_params?),
            None => None,
        },
    })
}
