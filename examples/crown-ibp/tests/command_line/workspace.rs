//! A folder with an experiment, and the program in it.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::write_images;

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

pub(super) struct Workspace {
    folder: TempDir,
}

impl Workspace {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tiny.json"), TINY).unwrap();
        std::fs::create_dir(folder.path().join(IMAGES)).unwrap();
        write_images(&folder.path().join(IMAGES), 100, 1);
        Self { folder }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crown-ibp"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("BURN_CROWN_DATA", self.path().join(IMAGES))
            // No test may reach for the network or for what an earlier run cached.
            .env("XDG_CACHE_HOME", self.path().join("cache"));
        command
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that has to fail, and gives what it says.
    pub(super) fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{arguments:?} succeeded: {text}");
        assert!(!text.contains("panicked"), "{text}");
        text
    }

    /// Runs a command that has to succeed, and gives what it prints.
    pub(super) fn accepted(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The table's line of a model.
pub(super) fn line<'a>(output: &'a str, model: &str) -> &'a str {
    output
        .lines()
        .rfind(|line| line.contains(model) && line.contains("ε 0.02"))
        .unwrap_or_else(|| panic!("no line of {model} in:\n{output}"))
}
