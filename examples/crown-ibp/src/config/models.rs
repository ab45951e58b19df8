//! The `models` section.

use serde_json::{Map, Value};

use super::section::{Problems, Section};
use super::value::shown;

/// An element of `models`, one for each repeat.
pub(super) struct Element {
    /// The path, with the element's number in the file.
    pub(super) path: String,
    /// The content.
    pub(super) values: Map<String, Value>,
}

/// The most repeats of an element.
const MOST_REPEATS: usize = 1000;

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
        let repeats = values
            .get("repeats")
            .map(|_| section.count("repeats", MOST_REPEATS));
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
