//! A folder with an experiment, and the program in it.

use std::path::Path;
use std::process::{Command, Output};

use crate::images::write_images;
use crate::support;

/// The folder of the images.
const IMAGES: &str = "images";

/// An experiment that takes a moment: small networks on a few images, which are noise.
const TINY: &str = r#"{
    "dataset": "mnist",
    "models_path": "tiny",
    "training_params": {
        "method": "robust",
        "epochs": 2,
        "lr": 1e-3,
        "lr_decay_step": 10,
        "lr_decay_factor": 0.5,
        "optimizer": "adam",
        "starting_epsilon": 0.0,
        "epsilon": 0.02,
        "schedule_start": 0,
        "schedule_length": 2,
        "loader_params": {"batch_size": 32, "test_batch_size": 50},
        "method_params": {"bounded_input": true, "bound_type": "crown-interval"}
    },
    "eval_params": {
        "method": "robust",
        "epsilon": 0.02,
        "loader_params": {"batch_size": 50, "test_batch_size": 50},
        "method_params": {"bounded_input": true, "bound_type": "interval"}
    },
    "models": [
        {
            "model_id": "first",
            "model_class": "model_mlp_any",
            "model_params": {"in_dim": 784, "neurons": [16]}
        },
        {
            "model_id": "second",
            "model_class": "model_mlp_any",
            "model_params": {"in_dim": 784, "neurons": [8, 8]}
        }
    ]
}"#;

pub(super) struct Workspace(support::Workspace);

impl Workspace {
    pub(super) fn new() -> Self {
        let workspace = support::Workspace::with("tiny.json", TINY);
        std::fs::create_dir(workspace.path().join(IMAGES)).unwrap();
        write_images(&workspace.path().join(IMAGES), 100, 1);
        Self(workspace)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.0.command(arguments);
        command
            .env("BURN_CROWN_DATA", self.path().join(IMAGES))
            // No test may reach for the network or for what an earlier run cached.
            .env("XDG_CACHE_HOME", self.path().join("cache"));
        command
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(super) fn refused(&self, arguments: &[&str]) -> String {
        support::refused(&mut self.command(arguments))
    }

    pub(super) fn accepted(&self, arguments: &[&str]) -> String {
        support::accepted(&mut self.command(arguments))
    }
}

/// The table's line of a model.
pub(super) fn line<'a>(output: &'a str, model: &str) -> &'a str {
    output
        .lines()
        .rfind(|line| line.contains(model) && line.contains("ε 0.02"))
        .unwrap_or_else(|| panic!("no line of {model} in:\n{output}"))
}
