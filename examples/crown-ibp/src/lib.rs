//! Trains and certifies image classifiers with CROWN-IBP, from one experiment file.
//!
//! The library part of the program: what the binary, the tests, the benchmarks and programs with
//! models and datasets of their own share. The package's README shows such a program.
//!
//! | module | holds |
//! | --- | --- |
//! | [`config`] | experiment files: the JSON format of the reference CROWN-IBP program, checked |
//! | [`data`] | the datasets: MNIST, Fashion-MNIST, CIFAR-10, SVHN, and the embedded digits |
//! | [`models`] | the reference program's architectures |
//! | [`region`] | the set around an image, in pixel units, for normalised images |
//! | [`storage`] | files that survive a crash in the middle of a write |
//! | [`weights`] | weights of PyTorch and safetensors files, and back |
//! | [`training`] | one model of an experiment through Burn's training loop, and resuming it |
//! | [`evaluation`] | clean and verified errors of a model |
//! | [`precision`] | models in double precision, and what is done about rounding |
//! | [`certificates`] | files of certificates, and checking them |
//! | [`device`] | the devices that the command line names |
//! | [`learning_rate`] | the learning rate, epoch by epoch |
//! | [`memory`] | what the allocator does with memory that is given back |
//! | [`progress`], [`report`], [`terminal`] | what the user sees |
//! | [`program`] | the sub-commands `train`, `eval`, `verify-certificate` and `export` |

pub mod certificates;
pub mod config;
pub mod data;
pub mod device;
pub mod evaluation;
pub mod learning_rate;
pub mod memory;
pub mod models;
pub mod precision;
pub mod program;
pub mod progress;
pub mod quiet;
pub mod region;
pub mod report;
pub mod storage;
pub mod terminal;
pub mod training;
pub mod weights;

/// The page about models and datasets of other programs, whose code must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
