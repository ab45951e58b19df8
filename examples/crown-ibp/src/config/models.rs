//! The `models` section.

use serde_json::{Map, Value};

use super::keys::nearest_word;
use super::params::positive;
use super::section::{Problems, Section};
use super::value::shown;
use crate::data::DatasetName;
use crate::models::{
    CLASSES, Cnn2LayerConfig, Cnn3LayerFixedConfig, Cnn4LayerConfig, MlpAnyConfig, ModelConfig,
};

/// Classes of the reference program that this version has, and those that it has not.
const SUPPORTED: &[&str] = &[
    "model_mlp_any",
    "model_cnn_2layer",
    "model_cnn_3layer_fixed",
    "model_cnn_4layer",
];
const LATER: &[&str] = &[
    "model_mlp_uniform",
    "model_cnn_1layer",
    "model_cnn_10layer",
    "IBP_large",
    "IBP_debug",
];

/// An element of `models`, one for each repeat.
pub(super) struct Element {
    /// The path, with the element's number in the file.
    pub(super) path: String,
    /// The content.
    pub(super) values: Map<String, Value>,
}

/// The elements to use: without the ignored ones, and with all repeats.
///
/// In the texts of a repeated element, `@@` stands for the number of the repeat, from 1; a text
/// `##` is replaced by the number itself.
pub(super) fn elements(file: &Map<String, Value>, problems: &Problems) -> Vec<Element> {
    let Some(Value::Array(models)) = file.get("models") else {
        let message = match file.get("models") {
            None => "is missing; it lists the models".into(),
            Some(other) => format!("is {}; it must be a list of models", shown(other)),
        };
        problems.add("models".into(), message);
        return Vec::new();
    };
    let mut elements = Vec::new();
    for (index, model) in models.iter().enumerate() {
        let path = format!("models:{index}");
        let Value::Object(values) = model else {
            problems.add(
                path,
                format!("is {}; it must be a section in braces", shown(model)),
            );
            continue;
        };
        let section = Section::new(&path, values, None, problems);
        let ignore = section.get_or("ignore", false);
        let repeats = values.get("repeats").map(|_| positive(&section, "repeats"));
        match (ignore, repeats) {
            (Some(false), None) => elements.push(Element {
                path,
                values: values.clone(),
            }),
            (Some(false), Some(Some(times))) => {
                elements.extend((1..=times).map(|repeat| Element {
                    path: path.clone(),
                    values: repeated(values, repeat),
                }))
            }
            _ => {}
        }
    }
    if models.is_empty() {
        problems.add("models".into(), "is empty; it lists the models".into());
    }
    elements
}

fn repeated(values: &Map<String, Value>, repeat: usize) -> Map<String, Value> {
    let number = |value: &Value| match value {
        Value::String(text) if text == "##" => repeat.into(),
        Value::String(text) => text.replace("@@", &repeat.to_string()).into(),
        other => other.clone(),
    };
    values
        .iter()
        .map(|(key, value)| (key.clone(), number(value)))
        .collect()
}

/// The name of a model, which becomes the name of its files.
pub(super) fn read_id(section: &Section<'_>) -> Option<String> {
    section.get_if(
        "model_id",
        "must be a file name without folders",
        |id: &String| !id.is_empty() && !id.starts_with('.') && !id.contains(['/', '\\', '\0']),
    )
}

/// The architecture of a model for images of a dataset.
pub(super) fn read_model(
    section: &Section<'_>,
    dataset: Option<DatasetName>,
) -> Option<ModelConfig> {
    let class: String = section.get("model_class")?;
    let params = section.section("model_params");
    let size = |key| positive(&params, key);
    match class.as_str() {
        "model_mlp_any" => {
            params.allow(&["in_dim", "neurons", "out_dim"]);
            let in_dim = image_size(&params, "in_dim", dataset, |shape| shape.iter().product());
            let words = "must list at least one layer, and no layer of 0 neurons";
            let neurons = params.get_if("neurons", words, |neurons: &Vec<usize>| {
                !neurons.is_empty() && !neurons.contains(&0)
            });
            if params.raw("out_dim").is_some() {
                params.get_if(
                    "out_dim",
                    "must be 10: the datasets have ten classes",
                    |&out: &usize| out == CLASSES,
                );
            }
            Some(ModelConfig::MlpAny(MlpAnyConfig::new(in_dim?, neurons?)))
        }
        "model_cnn_2layer" => {
            params.allow(&["in_ch", "in_dim", "width", "linear_size"]);
            let (in_ch, in_dim) = image_sizes(&params, dataset);
            let width = size("width");
            let hidden = or_default(&params, "linear_size");
            let mut config = Cnn2LayerConfig::new(in_ch?, in_dim?, width?);
            if let Some(hidden) = hidden? {
                config = config.with_linear_size(hidden);
            }
            Some(ModelConfig::Cnn2Layer(config))
        }
        "model_cnn_3layer_fixed" => {
            params.allow(&["in_ch", "in_dim", "kernel_size", "width", "linear_size"]);
            let (in_ch, in_dim) = image_sizes(&params, dataset);
            let kernel_size = params.get_if("kernel_size", "must be 3 or 5", |kernel: &usize| {
                [3, 5].contains(kernel)
            });
            let width = size("width");
            let hidden = or_default(&params, "linear_size");
            let config = Cnn3LayerFixedConfig::new(in_ch?, in_dim?, kernel_size?, width?)
                .with_linear_size(hidden?);
            Some(ModelConfig::Cnn3LayerFixed(config))
        }
        "model_cnn_4layer" => {
            params.allow(&["in_ch", "in_dim", "width", "linear_size"]);
            let (in_ch, in_dim) = image_sizes(&params, dataset);
            let (width, hidden) = (size("width"), size("linear_size"));
            let config = Cnn4LayerConfig::new(in_ch?, in_dim?, width?, hidden?);
            Some(ModelConfig::Cnn4Layer(config))
        }
        other => {
            section.problem("model_class", unknown_class(other));
            None
        }
    }
}

fn unknown_class(class: &str) -> String {
    if LATER.contains(&class) {
        let have = SUPPORTED.join(", ");
        return format!("is {class:?}; it is not yet supported by this version, which has {have}");
    }
    let nearest = nearest_word(class, &[SUPPORTED, LATER].concat()).unwrap_or_default();
    format!("is {class:?}, which is no known class; the nearest is {nearest:?}")
}

/// A size that must be positive if it is given; `Some(None)` if it is not.
fn or_default(params: &Section<'_>, key: &str) -> Option<Option<usize>> {
    match params.get_or(key, None)? {
        Some(0) => {
            params.ensure(key, "must be at least 1", false);
            None
        }
        size => Some(size),
    }
}

/// `in_ch` and `in_dim` of a convolutional model.
fn image_sizes(
    params: &Section<'_>,
    dataset: Option<DatasetName>,
) -> (Option<usize>, Option<usize>) {
    (
        image_size(params, "in_ch", dataset, |[channels, _, _]| channels),
        image_size(params, "in_dim", dataset, |[_, height, _]| height),
    )
}

/// A size of the model that the images of the dataset determine.
fn image_size(
    params: &Section<'_>,
    key: &str,
    dataset: Option<DatasetName>,
    wanted: impl Fn([usize; 3]) -> usize,
) -> Option<usize> {
    let found = positive(params, key)?;
    let Some(dataset) = dataset else {
        return Some(found);
    };
    let [channels, height, width] = dataset.shape();
    let wanted = wanted(dataset.shape());
    let words =
        format!("must be {wanted}: the images of {dataset} are {channels} × {height} × {width}");
    params.ensure(key, &words, found == wanted).then_some(found)
}
