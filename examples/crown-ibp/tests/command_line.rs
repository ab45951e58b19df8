//! The program as a user runs it.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// An experiment that takes seconds: a small network on few images.
const TINY: &str = r#"{
    "dataset": "digits",
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
        "loader_params": {"batch_size": 32, "test_batch_size": 50, "num_examples": 100},
        "method_params": {"bounded_input": true, "bound_type": "crown-interval"}
    },
    "eval_params": {
        "method": "robust",
        "epsilon": 0.02,
        "loader_params": {"batch_size": 50, "test_batch_size": 50, "num_examples": 100},
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

struct Workspace {
    folder: TempDir,
}

impl Workspace {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tiny.json"), TINY).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_crown-ibp"))
            .args(arguments)
            .current_dir(self.path())
            .env_remove("BURN_CROWN_DATA")
            // No test may reach for the network or for what an earlier run cached.
            .env("XDG_CACHE_HOME", self.path().join("cache"))
            .output()
            .unwrap()
    }

    /// Runs a command that has to fail, and gives what it says.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{arguments:?} succeeded: {text}");
        assert!(!text.contains("panicked"), "{text}");
        text
    }

    /// Runs a command that has to succeed, and gives what it prints.
    fn accepted(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn assert_says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is missing in:\n{text}");
    }
}

/// The table's line of a model.
fn line<'a>(output: &'a str, model: &str) -> &'a str {
    output
        .lines()
        .rfind(|line| line.contains(model) && line.contains("ε 0.02"))
        .unwrap_or_else(|| panic!("no line of {model} in:\n{output}"))
}

#[test]
fn help_teaches_the_sub_commands() {
    let workspace = Workspace::new();
    assert_says(
        &workspace.accepted(&["--help"]),
        &["train", "eval", "configs/digits_crown.json"],
    );
    let help = workspace.accepted(&["train", "--help"]);
    let options = [
        "--config",
        "--model-subset",
        "--path-prefix",
        "--seed",
        "--device",
        "--data-dir",
    ];
    assert_says(&help, &options);
    assert_says(&help, &["training_params:epsilon=0.4", "BURN_CROWN_DATA"]);
    assert_says(
        &workspace.accepted(&["eval", "--help"]),
        &["--method", "crown-ibp"],
    );
}

#[test]
fn training_saves_models_that_evaluation_finds() {
    let workspace = Workspace::new();
    let arguments = ["--config", "tiny.json", "--path-prefix", "out"];
    let refused = workspace.refused(&[&["eval"], arguments.as_slice()].concat());
    assert_says(&refused, &["first", "train", "out/tiny/first.bpk"]);

    let trained = workspace.accepted(&[&["train"], arguments.as_slice()].concat());
    assert_says(
        &trained,
        &[
            "epoch   2/2",
            "clean error",
            "verified error",
            "IBP, ε 0.02",
        ],
    );
    assert_says(&trained, &["minimum", "median", "maximum"]);
    assert!(workspace.path().join("out/tiny/first.bpk").exists());

    let evaluated = workspace.accepted(&[&["eval"], arguments.as_slice()].concat());
    for model in ["first", "second"] {
        assert_eq!(line(&trained, model), line(&evaluated, model));
    }
    let by_crown =
        workspace.accepted(&[&["eval"], arguments.as_slice(), &["--method", "crown"]].concat());
    assert_says(&by_crown, &["CROWN, ε 0.02"]);
    let one =
        workspace.accepted(&[&["eval"], arguments.as_slice(), &["--model-subset", "1"]].concat());
    assert!(one.contains("second") && !one.contains("first"), "{one}");
}

#[cfg(feature = "flex")]
#[test]
fn a_seed_reproduces_a_model() {
    let workspace = Workspace::new();
    let train = |seed: &str, prefix: &str| {
        let output = workspace.accepted(&[
            "train",
            "--config",
            "tiny.json",
            "--path-prefix",
            prefix,
            "--seed",
            seed,
            "--device",
            "flex",
            "--model-subset",
            "0",
        ]);
        let loss = |line: &str| {
            line.split("loss ")
                .nth(1)
                .and_then(|rest| rest.split(' ').next())
                .map(str::to_string)
        };
        output.lines().filter_map(loss).collect::<Vec<_>>()
    };
    let first = train("1", "a");
    assert_eq!(first.len(), 2);
    assert_eq!(first, train("1", "b"));
    assert_ne!(first, train("2", "c"));
}

#[test]
fn overrides_replace_values_and_are_checked() {
    let workspace = Workspace::new();
    let train = ["train", "--config", "tiny.json"];
    let with = |change: &'static str| [train.as_slice(), &[change]].concat();
    let unknown = workspace.refused(&with("training_params:epsillon=0.4"));
    assert_says(
        &unknown,
        &["training_params:epsillon", "training_params:epsilon"],
    );
    let wrong_type = workspace.refused(&with("training_params:epochs=many"));
    assert_says(&wrong_type, &["training_params:epochs", "many"]);
    let impossible = workspace.refused(&with("training_params:epsilon=-0.1"));
    assert_says(&impossible, &["training_params:epsilon", "-0.1"]);
    let later = workspace.refused(&with("training_params:method_params:bound_type=convex-adv"));
    assert_says(
        &later,
        &[
            "training_params:method_params:bound_type",
            "not yet supported",
        ],
    );
    let no_override = workspace.refused(&with("epsilon"));
    assert_says(&no_override, &["section:key=value"]);
    let output = workspace.accepted(&[
        "train",
        "--config",
        "tiny.json",
        "--model-subset",
        "0",
        "training_params:epochs=1",
    ]);
    assert_says(&output, &["epoch   1/1"]);
}

#[test]
fn what_is_missing_is_named() {
    let workspace = Workspace::new();
    assert_says(
        &workspace.refused(&["train", "--config", "none.json"]),
        &["none.json"],
    );
    let subset = ["train", "--config", "tiny.json", "--model-subset", "7"];
    assert_says(&workspace.refused(&subset), &["no model 7", "2 models"]);
    let device = ["train", "--config", "tiny.json", "--device", "abacus"];
    assert_says(&workspace.refused(&device), &["abacus", "flex"]);
    let folder = PathBuf::from("data");
    std::fs::create_dir(workspace.path().join(&folder)).unwrap();
    let missing = workspace.refused(&[
        "train",
        "--config",
        "tiny.json",
        "--data-dir",
        "data",
        "dataset=mnist",
    ]);
    assert_says(&missing, &["train-images-idx3-ubyte", "data"]);
}

#[test]
fn a_damaged_model_file_is_refused() {
    let workspace = Workspace::new();
    std::fs::create_dir_all(workspace.path().join("tiny")).unwrap();
    std::fs::write(workspace.path().join("tiny/first.bpk"), b"no model").unwrap();
    let eval = ["eval", "--config", "tiny.json", "--model-subset", "0"];
    assert_says(&workspace.refused(&eval), &["first.bpk"]);
}
