//! Experiment files: the JSON format of the reference CROWN-IBP program.
//!
//! A file names a dataset, the models, and how to train and to evaluate them. Values come from
//! these places, the first that has one wins:
//!
//! 1. the model's own `training_params` and `eval_params`,
//! 2. the overrides of the command line,
//! 3. the sections of the same names at the top of the file,
//! 4. the reference program's defaults.
//!
//! Everything is checked before anything runs. Unknown keys, values of the wrong type and impossible
//! values are all reported at once, each by its full path, such as
//! `training_params:method_params:bound_type`.

mod choices;
mod defaults;
mod error;
mod experiment;
mod keys;
mod model_source;
mod models;
mod overrides;
mod params;
mod reference_models;
mod section;
mod value;

pub use choices::{BoundType, Initialization, LossBound, Optimizer, ScheduleType, TrainingMethod};
pub use error::{ConfigError, Problem};
pub use experiment::{ExperimentConfig, ModelEntry, ModelFiles};
pub use model_source::ModelSource;
pub use overrides::{Override, OverrideError};
pub use params::{AttackParams, BoundOpts, EvalParams, LoaderParams, MethodParams, TrainingParams};

#[cfg(test)]
mod tests;
