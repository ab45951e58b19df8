//! What an entry gives for bad input.

use std::any::type_name;
use std::error::Error;
use std::fmt;

/// An entry, and what is wrong with what it is given.
pub(crate) struct Row {
    pub(crate) entry: &'static str,
    pub(crate) input: &'static str,
    pub(crate) run: fn() -> Outcome,
}

/// What came of it.
pub(crate) enum Outcome {
    /// A typed error: its kind, and what it says.
    Refused(String, String),
    /// Something with a meaning, which was checked.
    Defined(&'static str),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(kind, message) => write!(f, "`{kind}`: {message}"),
            Self::Defined(meaning) => f.write_str(meaning),
        }
    }
}

/// An error, of which the first sentence is kept.
pub(crate) fn refused<E: Error>(error: &E) -> Outcome {
    refused_in(error, "")
}

/// [`refused`], for an error that names the folder in which the test works.
pub(crate) fn refused_in<E: Error>(error: &E, folder: &str) -> Outcome {
    let kind = type_name::<E>().rsplit("::").next().unwrap_or_default();
    let debug = format!("{error:?}");
    let end = debug.find(|c: char| !c.is_alphanumeric());
    let variant = &debug[..end.unwrap_or(debug.len())];
    let mut text = error.to_string();
    if !folder.is_empty() {
        text = text.replace(folder, "FOLDER");
    }
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let text = lines.join(" ");
    // What the error of a forward pass that panicked adds to every message.
    let text = text
        .split(" If it runs otherwise")
        .next()
        .unwrap_or_default();
    let sentence = text.split(". ").next().unwrap_or_default();
    let kind = match variant == kind {
        true => kind.to_string(),
        false => format!("{kind}::{variant}"),
    };
    Outcome::Refused(kind, sentence.replace('|', "/"))
}

/// The error of something that must not be accepted.
pub(crate) fn must_refuse<T, E: Error>(result: Result<T, E>) -> Outcome {
    match result {
        Ok(_) => panic!("accepted"),
        Err(error) => refused(&error),
    }
}

/// The one thing that several tries come to.
pub(crate) fn all(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    let mut outcomes = outcomes.into_iter();
    let first = outcomes.next().expect("at least one try");
    for outcome in outcomes {
        assert_eq!(first.to_string(), outcome.to_string());
    }
    first
}

/// The first of several errors of one kind, whose messages name what was given.
pub(crate) fn same_kind(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    let mut outcomes = outcomes.into_iter();
    let first = outcomes.next().expect("at least one try");
    for outcome in outcomes {
        match (&first, &outcome) {
            (Outcome::Refused(first, _), Outcome::Refused(kind, _)) => assert_eq!(first, kind),
            _ => panic!("{first}, {outcome}"),
        }
    }
    first
}
