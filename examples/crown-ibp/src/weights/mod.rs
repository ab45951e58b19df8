//! Weights from PyTorch, and back.
//!
//! [`load_weights`] reads what the reference program wrote, plain state dicts, safetensors, and
//! this program's own model files; it knows them by content. [`save_weights`] writes safetensors
//! that PyTorch reads.
//!
//! # What a file may hold
//!
//! | | accepted |
//! | --- | --- |
//! | forms | `torch.save`, of today and before PyTorch 1.6 (the reference's own), safetensors, burnpack |
//! | around the tensors | nothing, `state_dict`, a list in `state_dict` (its first), `model_state_dict`, `model`; what lies beside them, such as `epoch` and an optimizer, is ignored |
//! | keys | the numbers of the reference's `Sequential` (`0.weight`), or the model's own names (`conv1.weight`), with or without the `module.` of `DataParallel`; a part named `prev` is ignored, as the reference does |
//! | layouts | PyTorch's, whatever the keys are; Burn's own in burnpack |
//! | numbers | f32; f16 and bf16, which f32 holds exactly; f64, which is rounded to the nearest f32 |
//!
//! A certificate is about the network that runs: with f64 weights, that is the rounded one. A
//! number that f32 cannot hold is refused.

mod error;
mod find;
mod form;
mod keys;
mod load;
mod save;
mod unpacked;

pub use error::WeightsError;
pub use find::{Choice, find_weights};
pub use form::WeightsForm;
pub use load::load_weights;
pub use save::save_weights;
