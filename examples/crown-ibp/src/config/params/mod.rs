//! How to train and how to evaluate: the typed sections of an experiment file.

mod attack;
mod evaluation;
mod loader;
mod method;
mod training;

pub use attack::AttackParams;
pub use evaluation::EvalParams;
pub use loader::LoaderParams;
pub use method::{BoundOpts, MethodParams};
pub use training::TrainingParams;
