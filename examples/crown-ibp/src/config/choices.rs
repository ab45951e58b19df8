//! Values that are one of a few words.

use burn_crown::Method;
use burn_crown::train::RobustLoss;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::keys::nearest_word;
use super::value::FromJson;
use crate::data::{CustomDataset, DatasetName};

/// The value of a word.
fn choose<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, String> {
    let quoted: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
    let listed = format!("must be one of {}", quoted.join(", "));
    let Some(text) = value.as_str() else {
        return Err(listed);
    };
    if let Some((_, found)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*found);
    }
    let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    match nearest_word(text, &all) {
        Some(near) => Err(format!("{listed}; the nearest is {near:?}")),
        None => Err(listed),
    }
}

macro_rules! choices {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }
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
                choose(value, &[$(($word, Self::$variant)),+])
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
        /// The robust one, with a penalty on the activity of the rectifiers.
        RobustActivity = "robust_activity",
    }
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
        /// The convex adversarial polytope, or Fast-Lin.
        ConvexAdv = "convex-adv",
        /// Forward-mode linear bounds.
        Forward = "forward",
        /// Forward-mode linear bounds, then one backward pass.
        ForwardBackward = "forward-backward",
    }
}

impl BoundType {
    /// The method of the library.
    pub fn method(self) -> Method {
        match self {
            Self::Interval => Method::Interval,
            Self::CrownInterval => Method::CrownIbp,
            Self::CrownFull => Method::Crown,
            Self::ConvexAdv => Method::ConvexAdversarial,
            Self::Forward => Method::Forward,
            Self::ForwardBackward => Method::ForwardBackward,
        }
    }
}

choices! {
    /// How the robust loss is bounded: `loss`.
    LossBound {
        /// By the bound of each margin.
        Margins = "margins",
        /// By one bound of the sum of exponentials.
        Fused = "fused",
    }
}

impl LossBound {
    /// The loss of the library.
    pub fn loss(self) -> RobustLoss {
        match self {
            Self::Margins => RobustLoss::Margins,
            Self::Fused => RobustLoss::Fused,
        }
    }
}

choices! {
    /// How weights start: `init`.
    Initialization {
        /// Uniform in `±1/sqrt(fan_in)`, as in PyTorch.
        Default = "default",
        /// Normal with standard deviation `sqrt(2π)/fan_in`, so that intervals do not grow from
        /// layer to layer (Shi et al. 2021, arXiv 2103.17268).
        Ibp = "ibp",
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
}

choices! {
    /// The shape of the ε ramp: `schedule_type`.
    ScheduleType {
        /// A straight line.
        Linear = "linear",
        /// A power at first, then a straight line.
        Smoothed = "smoothed",
    }
}

/// The dataset of a name: one of this program's, or a custom one.
pub(super) fn choose_dataset(
    value: &Value,
    custom: &'static [CustomDataset],
) -> Result<DatasetName, String> {
    let known = DatasetName::ALL.into_iter();
    let all = known.chain(custom.iter().map(DatasetName::Custom));
    let words: Vec<_> = all.map(|name| (name.as_str(), name)).collect();
    choose(value, &words)
}
