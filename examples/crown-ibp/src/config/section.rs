//! Reading a section of an experiment file, layer by layer.

use std::cell::RefCell;
use std::collections::HashSet;

use serde_json::{Map, Value};

use super::error::Problem;
use super::keys::nearest_key;
use super::value::{FromJson, shown};

/// Gathers all that is wrong, so that one run reports everything.
#[derive(Default)]
pub(super) struct Problems(RefCell<Known>);

#[derive(Default)]
struct Known {
    problems: Vec<Problem>,
    /// The same once more: a file may have a hundred thousand wrong keys.
    set: HashSet<Problem>,
}

impl Problems {
    /// Adds a problem, unless it is known: models share the top-level sections.
    pub(super) fn add(&self, key: String, message: String) {
        let problem = Problem { key, message };
        let mut known = self.0.borrow_mut();
        if known.set.insert(problem.clone()) {
            known.problems.push(problem);
        }
    }

    pub(super) fn into_vec(self) -> Vec<Problem> {
        self.0.into_inner().problems
    }
}

/// The values of one section from one place.
#[derive(Clone)]
struct Layer<'a> {
    /// The section's path in the file, as problems name it.
    path: String,
    values: &'a Map<String, Value>,
    /// Whether the user wrote it.
    written: bool,
}

/// A section: its layers, the one that wins first.
///
/// Every getter reports what is wrong and then returns `None`, so that a reader of many values
/// asks for all of them before it gives up.
#[derive(Clone)]
pub(super) struct Section<'a> {
    layers: Vec<Layer<'a>>,
    problems: &'a Problems,
}

impl<'a> Section<'a> {
    /// A section of the file over its defaults.
    pub(super) fn new(
        path: &str,
        written: &'a Map<String, Value>,
        defaults: Option<&'a Map<String, Value>>,
        problems: &'a Problems,
    ) -> Self {
        let layer = |values, written| Layer {
            path: path.into(),
            values,
            written,
        };
        let layers = std::iter::once(layer(written, true))
            .chain(defaults.map(|defaults| layer(defaults, false)))
            .collect();
        Self { layers, problems }
    }

    /// The section with another one's layers before its own.
    pub(super) fn under(mut self, over: Section<'a>) -> Self {
        self.layers.splice(0..0, over.layers);
        self
    }

    /// The full path of a key, in the layer that gives its value.
    pub(super) fn path(&self, key: &str) -> String {
        let layer = self
            .layers
            .iter()
            .find(|layer| layer.values.contains_key(key))
            .or_else(|| self.layers.last());
        match layer.map(|layer| layer.path.as_str()) {
            None | Some("") => key.into(),
            Some(path) => format!("{path}:{key}"),
        }
    }

    /// Reports a problem with a key's value.
    pub(super) fn problem(&self, key: &str, message: impl Into<String>) {
        self.problems.add(self.path(key), message.into());
    }

    /// The JSON value of a key.
    pub(super) fn raw(&self, key: &str) -> Option<&'a Value> {
        self.layers.iter().find_map(|layer| layer.values.get(key))
    }

    /// Reports the keys that the user wrote and the format does not have.
    pub(super) fn allow(&self, known: &[&str]) {
        for layer in self.layers.iter().filter(|layer| layer.written) {
            for key in layer
                .values
                .keys()
                .filter(|key| !known.contains(&key.as_str()))
            {
                let path = match layer.path.as_str() {
                    "" => key.clone(),
                    path => format!("{path}:{key}"),
                };
                let message = match nearest_key(&layer.path, key, known) {
                    Some(near) => format!("unknown key; the nearest known one is {near}"),
                    None => "unknown key; none is known here".into(),
                };
                self.problems.add(path, message);
            }
        }
    }

    /// The value of a key that must be there.
    pub(super) fn get<T: FromJson>(&self, key: &str) -> Option<T> {
        self.get_by(key, T::from_json)
    }

    /// The value of a key that must be there, read in a way of its own.
    pub(super) fn get_by<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        match self.raw(key) {
            None => self.problem(key, MISSING),
            Some(value) => match read(value) {
                Ok(value) => return Some(value),
                Err(wanted) => self.problem(key, format!("is {}; it {wanted}", shown(value))),
            },
        }
        None
    }

    /// The value of a key, or the one given where there is none.
    pub(super) fn get_or<T: FromJson>(&self, key: &str, default: T) -> Option<T> {
        match self.raw(key) {
            None => Some(default),
            Some(_) => self.get(key),
        }
    }

    /// The value of a key that must be there and hold a condition, which the words tell.
    pub(super) fn get_if<T: FromJson>(
        &self,
        key: &str,
        words: &str,
        condition: impl Fn(&T) -> bool,
    ) -> Option<T> {
        let value = self.get(key)?;
        self.ensure(key, words, condition(&value)).then_some(value)
    }

    /// The number of a key that must be there and above 0.
    pub(super) fn positive(&self, key: &str) -> Option<usize> {
        self.get_if(key, "must be at least 1", |&number: &usize| number >= 1)
    }

    /// The number of a key that must be there, from 1 to a limit. What a file counts is made: without
    /// a limit, a line of it could take all memory.
    pub(super) fn count(&self, key: &str, most: usize) -> Option<usize> {
        let number = self.positive(key)?;
        let words = format!("must be at most {most}");
        self.ensure(key, &words, number <= most).then_some(number)
    }

    /// The number of a key, above 0; `Some(None)` where it is null or there is none.
    pub(super) fn positive_or_null(&self, key: &str) -> Option<Option<usize>> {
        let number = self.get_or(key, None)?;
        self.ensure(key, "must be at least 1, or null", number != Some(0))
            .then_some(number)
    }

    /// The number of a key that must be there and not below 0.
    pub(super) fn not_negative(&self, key: &str) -> Option<f64> {
        self.get_if(key, "must not be negative", |&number: &f64| number >= 0.0)
    }

    /// The number of a key, not below 0; 0 where there is none.
    pub(super) fn not_negative_or_zero(&self, key: &str) -> Option<f64> {
        match self.raw(key) {
            Some(_) => self.not_negative(key),
            None => Some(0.0),
        }
    }

    /// Reports a value that does not hold a condition; whether it does.
    pub(super) fn ensure(&self, key: &str, words: &str, holds: bool) -> bool {
        if !holds {
            let value = self
                .raw(key)
                .map(|value| format!("is {}; it ", shown(value)));
            self.problem(key, format!("{}{words}", value.unwrap_or_default()));
        }
        holds
    }

    /// A section in this one. Where no layer has it, it is empty.
    pub(super) fn section(&self, key: &str) -> Self {
        let mut layers = Vec::new();
        for layer in &self.layers {
            let path = match layer.path.as_str() {
                "" => key.to_string(),
                path => format!("{path}:{key}"),
            };
            match layer.values.get(key) {
                None => {}
                Some(Value::Object(values)) => {
                    layers.push(Layer {
                        path,
                        values,
                        written: layer.written,
                    });
                }
                Some(other) => {
                    let message = format!("is {}; it must be a section in braces", shown(other));
                    self.problems.add(path, message);
                }
            }
        }
        if layers.is_empty() {
            // An empty section still knows its place, for problems with what it lacks.
            layers.push(Layer {
                path: self.path(key),
                values: empty(),
                written: true,
            });
        }
        Self {
            layers,
            problems: self.problems,
        }
    }
}

/// What is said of a key that must be there.
const MISSING: &str = "is missing, and has no default";

fn empty() -> &'static Map<String, Value> {
    static EMPTY: std::sync::OnceLock<Map<String, Value>> = std::sync::OnceLock::new();
    EMPTY.get_or_init(Map::new)
}
