//! Trains and certifies image classifiers with CROWN-IBP, from one experiment file.
//!
//! The library part of the program: what the binary, the tests and the benchmarks share.
//!
//! | module | holds |
//! | --- | --- |
//! | [`config`] | experiment files: the JSON format of the reference CROWN-IBP program, checked |
//! | [`data`] | the datasets: idx files, Burn's MNIST download, and the embedded digits |
//! | [`models`] | the reference program's architectures, and import of its weights |
//! | [`storage`] | model files that survive a crash in the middle of a write |
//! | [`training`] | one model of an experiment through Burn's training loop |
//! | [`evaluation`] | clean and verified errors of a model |
//! | [`program`] | the sub-commands `train` and `eval` |

pub mod config;
pub mod data;
pub mod device;
pub mod evaluation;
pub mod learning_rate;
pub mod models;
pub mod program;
pub mod progress;
pub mod report;
pub mod storage;
pub mod training;
