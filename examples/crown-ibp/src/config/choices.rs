//! Values that are one of a few words.

use burn_crown::Method;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::keys::nearest_word;
use super::value::FromJson;
use crate::data::DatasetName;

/// The value of a word, where `later` are words that the format has and this version refuses.
fn choose<T: Copy>(value: &Value, words: &[(&str, T)], later: &[&str]) -> Result<T, String> {
    let listed = || {
        let quoted: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        quoted.join(", ")
    };
    let Some(text) = value.as_str() else {
        return Err(format!("must be one of {}", listed()));
    };
    if let Some((_, found)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*found);
    }
    if later.contains(&text) {
        return Err(format!(
            "is not yet supported by this version, which has {}",
            listed()
        ));
    }
    let all: Vec<_> = words
        .iter()
        .map(|(word, _)| *word)
        .chain(later.iter().copied())
        .collect();
    match nearest_word(text, &all) {
        Some(near) => Err(format!(
            "must be one of {}; the nearest is {near:?}",
            listed()
        )),
        None => Err(format!("must be one of {}", listed())),
    }
}

macro_rules! choices {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }
        later: [$($later:literal),*]
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// The word in experiment files.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl FromJson for $name {
            fn from_json(value: &Value) -> Result<Self, String> {
                choose(value, &[$(($word, Self::$variant)),+], &[$($later),*])
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

choices! {
    /// The loss: `method`.
    TrainingMethod {
        /// Cross-entropy of the outputs.
        Natural = "natural",
        /// Cross-entropy of the margins' lower bounds.
        Robust = "robust",
        /// Both, mixed by κ.
        RobustNatural = "robust_natural",
    }
    later: ["robust_activity"]
}

choices! {
    /// The bound method: `bound_type`.
    BoundType {
        /// Interval bound propagation.
        Interval = "interval",
        /// CROWN-IBP, mixed with intervals by β.
        CrownInterval = "crown-interval",
        /// CROWN.
        CrownFull = "crown-full",
    }
    later: ["convex-adv"]
}

impl BoundType {
    /// The method of the library.
    pub fn method(self) -> Method {
        match self {
            Self::Interval => Method::Interval,
            Self::CrownInterval => Method::CrownIbp,
            Self::CrownFull => Method::Crown,
        }
    }
}

choices! {
    /// The optimizer: `optimizer`.
    Optimizer {
        /// Adam.
        Adam = "adam",
        /// Stochastic gradient descent with Nesterov momentum 0.9.
        Sgd = "sgd",
    }
    later: []
}

choices! {
    /// The shape of the ε ramp: `schedule_type`.
    ScheduleType {
        /// A straight line.
        Linear = "linear",
        /// A power at first, then a straight line.
        Smoothed = "smoothed",
    }
    later: []
}

impl FromJson for DatasetName {
    fn from_json(value: &Value) -> Result<Self, String> {
        let words =
            [Self::Mnist, Self::FashionMnist, Self::Digits].map(|name| (name.as_str(), name));
        choose(value, &words, &["cifar", "svhn"])
    }
}
