//! Residual, recurrent and attention networks of Burn's stock modules, trained and certified on the
//! embedded digits.
//!
//! The library part of the programs `resnet`, `lstm`, `transformer` and `mixture`: what they and
//! their tests share.
//!
//! | module | holds |
//! | --- | --- |
//! | [`resnet`] | a residual network with batch normalisation and pooling |
//! | [`lstm`] | a recurrent network that reads an image from top to bottom |
//! | [`transformer`] | an encoder that attends to the patches of an image |
//! | [`mixture`] | convolution, recurrence, attention and a layer of one's own, with two inputs |
//! | [`training`], [`schedule`] | certified training in a loop of one's own |
//! | [`certificate`] | clean and verified errors, bounds of outputs |
//! | [`experiment`] | the settings of an example, and what it finds |
//! | [`program`], [`progress`], [`table`] | what the user sees |
//! | [`error`] | what can go wrong |

pub mod certificate;
pub mod classifier;
pub mod error;
pub mod experiment;
pub mod lstm;
pub mod mixture;
pub mod program;
pub mod progress;
pub mod resnet;
pub mod schedule;
pub mod table;
pub mod training;
pub mod transformer;
