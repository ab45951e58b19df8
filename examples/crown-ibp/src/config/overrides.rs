//! Overrides of the command line, such as `training_params:epsilon=0.4`.

use std::str::FromStr;

use serde_json::{Map, Value};
use thiserror::Error;

use super::ConfigError;

/// A value for a key of an experiment file.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    path: Vec<String>,
    value: Value,
}

/// More names than the path of any key has.
const DEEPEST: usize = 16;

/// Why a text is no override.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no override; write section:key=value, such as training_params:epsilon=0.4")]
pub struct OverrideError(String);

impl FromStr for Override {
    type Err = OverrideError;

    /// Reads `section:key=value`. The value is JSON, or else a text.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || OverrideError(text.into());
        let (path, value) = text.trim().split_once('=').ok_or_else(refused)?;
        let path: Vec<_> = path.split(':').map(|key| key.trim().to_string()).collect();
        // No section lies deeper; one for each of many names would be too deep to be let go of.
        if path.iter().any(String::is_empty) || path.len() > DEEPEST {
            return Err(refused());
        }
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.into()));
        Ok(Self { path, value })
    }
}

impl Override {
    /// Puts the value into a file's content. Sections that the file lacks are made.
    pub(super) fn apply(&self, file: &mut Map<String, Value>) -> Result<(), ConfigError> {
        let mut section = file;
        let (key, sections) = match self.path.split_last() {
            Some(split) => split,
            None => return Ok(()),
        };
        for (depth, name) in sections.iter().enumerate() {
            let inner = section
                .entry(name)
                .or_insert_with(|| Value::Object(Map::new()));
            section = match inner {
                Value::Object(inner) => inner,
                Value::Array(_) => return Err(self.refused(depth, "a list, not a section")),
                _ => return Err(self.refused(depth, "a value, not a section")),
            };
        }
        merge(section, key, &self.value);
        Ok(())
    }

    fn refused(&self, depth: usize, what: &str) -> ConfigError {
        ConfigError::Override {
            name: self.path.join(":"),
            reason: format!("{} is {what}", self.path[..=depth].join(":")),
        }
    }
}

/// Sets a key; of a section given as JSON, only the keys that it names.
fn merge(section: &mut Map<String, Value>, key: &str, value: &Value) {
    match (section.get_mut(key), value) {
        (Some(Value::Object(old)), Value::Object(new)) => {
            for (key, value) in new {
                merge(old, key, value);
            }
        }
        _ => {
            section.insert(key.into(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use serde_json::json;

    fn applied(file: Value, overrides: &[&str]) -> Result<Value, ConfigError> {
        let Value::Object(mut file) = file else {
            unreachable!()
        };
        for text in overrides {
            text.parse::<Override>().unwrap().apply(&mut file)?;
        }
        Ok(Value::Object(file))
    }

    #[test]
    fn values_are_json_or_text() {
        let overrides = [
            "a:number=0.4",
            "a:whole=11",
            "a:flag=true",
            "a:none=null",
            "a:list=[130, 190]",
            "a:text=crown-full",
            "a:norm=inf",
            "a:equation=x=y",
            "top={\"b\": 1}",
        ];
        assert_eq!(
            applied(json!({"top": {"a": 0, "b": 0}}), &overrides).unwrap(),
            json!({
                "a": {
                    "number": 0.4, "whole": 11, "flag": true, "none": null, "list": [130, 190],
                    "text": "crown-full", "norm": "inf", "equation": "x=y",
                },
                "top": {"a": 0, "b": 1},
            })
        );
    }

    #[test]
    fn the_last_override_of_a_key_wins_and_its_neighbours_stay() {
        let file = json!({"p": {"m": {"x": 1, "y": 2}}});
        assert_eq!(
            applied(file, &["p:m:x=5", "p:m:x=6", "p:m:opts:same-slope=true"]).unwrap(),
            json!({"p": {"m": {"x": 6, "y": 2, "opts": {"same-slope": true}}}})
        );
    }

    #[test]
    fn what_is_no_override_is_refused() {
        let deep = format!("{}b=1", "a:".repeat(DEEPEST));
        for text in ["training_params:epsilon", "=3", "a::b=3", ":a=1", &deep] {
            let error = text.parse::<Override>().unwrap_err().to_string();
            assert!(
                error.contains(text) && error.contains("key=value"),
                "{error}"
            );
        }
        let error = applied(json!({"p": {"x": 1}}), &["p:x:y=2"])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("p:x:y") && error.contains("p:x is a value"),
            "{error}"
        );
        let error = applied(json!({"models": []}), &["models:0:x=2"])
            .unwrap_err()
            .to_string();
        assert!(error.contains("models is a list"), "{error}");
    }
}
