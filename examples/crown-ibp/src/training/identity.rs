//! What makes a training run the run that it is.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Everything that the result of a training run depends on, by name.
///
/// A run may be resumed with the same only. The number of epochs is no part of it: neither the
/// learning rate nor ε depends on when training ends, so a run can be made longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunIdentity(Map<String, Value>);

/// What differs between two runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The path of the key, such as `training_params:epsilon`.
    pub key: String,
    /// The value of the run that is on disk, if it has one.
    pub then: Option<Value>,
    /// The value that is asked for now, if there is one.
    pub now: Option<Value>,
}

/// The keys that a resumed run may change.
const FREE: &[&str] = &["training_params:epochs"];

impl RunIdentity {
    /// The identity of a run that depends on the given parts.
    pub fn from_parts<const N: usize>(parts: [(&str, impl Into<Value>); N]) -> Self {
        let parts = parts.map(|(name, part)| (name.to_string(), part.into()));
        Self(parts.into_iter().collect())
    }

    /// What differs between the run on disk, `self`, and the one that is asked for `now`.
    pub fn differences(&self, now: &Self) -> Vec<Difference> {
        let (then, now) = (self.leaves(), now.leaves());
        let keys = then
            .keys()
            .chain(now.keys().filter(|key| !then.contains_key(*key)));
        keys.filter(|key| !FREE.contains(&key.as_str()))
            .filter(|key| then.get(*key) != now.get(*key))
            .map(|key| Difference {
                key: key.clone(),
                then: then.get(key).cloned(),
                now: now.get(key).cloned(),
            })
            .collect()
    }

    /// The values below all sections, by path.
    fn leaves(&self) -> BTreeMap<String, Value> {
        fn collect(path: &str, section: &Map<String, Value>, leaves: &mut BTreeMap<String, Value>) {
            for (key, value) in section {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}:{key}")
                };
                match value {
                    Value::Object(section) => collect(&path, section, leaves),
                    value => {
                        leaves.insert(path, as_read_back(value));
                    }
                }
            }
        }
        let mut leaves = BTreeMap::new();
        collect("", &self.0, &mut leaves);
        leaves
    }
}

/// The value as it comes back from a file, where the last bit of a number may differ.
fn as_read_back(value: &Value) -> Value {
    serde_json::from_str(&value.to_string()).unwrap_or_else(|_| value.clone())
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| match value {
            Some(value) => value.to_string(),
            None => "not set".into(),
        };
        let (then, now) = (shown(&self.then), shown(&self.now));
        write!(f, "{}: {then} in the run, {now} now", self.key)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use serde_json::json;

    fn run(training: Value) -> RunIdentity {
        RunIdentity::from_parts([("training_params", training), ("seed", json!(2019))])
    }

    #[test]
    fn differences_are_named_by_their_path() {
        let then = run(json!({"epsilon": 0.3, "lr": 1e-3, "loader_params": {"batch_size": 8}}));
        let now = run(json!({"epsilon": 0.3, "loader_params": {"batch_size": 9}, "norm": "2"}));
        let differences: Vec<_> = then
            .differences(&now)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            differences,
            [
                "training_params:loader_params:batch_size: 8 in the run, 9 now",
                "training_params:lr: 0.001 in the run, not set now",
                "training_params:norm: not set in the run, \"2\" now",
            ]
        );
    }

    #[test]
    fn a_run_is_the_same_after_a_file_and_with_more_epochs() {
        // A number whose last bit a quick parser gets wrong.
        let number = 0.034_510_000_000_000_004_f64;
        let now = run(json!({"epochs": 10, "epsilon": number}));
        let text = serde_json::to_string(&now).unwrap();
        let then: RunIdentity = serde_json::from_str(&text).unwrap();
        assert_eq!(then.differences(&now), []);
        assert_eq!(
            then.differences(&run(json!({"epochs": 20, "epsilon": number}))),
            []
        );
    }
}
