//! Times training steps and verification, and compares them as ratios.
//!
//! The library part of the program `bench-step`; `benches/README.md` shows how it is used.
//!
//! | module | holds |
//! | --- | --- |
//! | [`case`] | what is timed: the cases and their networks |
//! | [`measure`] | timing one case in this process |
//! | [`run`] | timing cases, each in a process of its own |
//! | [`record`] | the line of JSON that a case gives |
//! | [`ratio`] | which record a record is compared with |
//! | [`target`], [`table`] | the targets, and the figures beside them |
//! | [`check`] | the regression check |
//! | [`program`], [`arguments`], [`error`] | the command line |

pub mod arguments;
pub mod case;
pub mod check;
pub mod error;
pub mod measure;
pub mod program;
pub mod ratio;
pub mod record;
pub mod run;
pub mod table;
pub mod target;
