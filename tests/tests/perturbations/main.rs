//! Regions beyond one ball around one input: word substitutions, and several inputs at once.
#![allow(clippy::unwrap_used)]

mod embeddings;
mod holds;
mod layers;
mod masks;
mod several;
mod words;
mod words_errors;
mod words_exact;
mod words_gradients;
mod words_intervals;
mod words_sound;
