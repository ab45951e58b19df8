//! `eval --weights`, `train --weights` and `export` as a user runs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{self, assert_says};

/// Two small networks on few images.
const EXPERIMENT: &str = r#"{
    "dataset": "digits",
    "models_path": "tiny",
    "training_params": {
        "method": "robust", "epochs": 1, "lr": 1e-3, "lr_decay_step": 10, "lr_decay_factor": 0.5,
        "optimizer": "adam", "starting_epsilon": 0.0, "epsilon": 0.002, "schedule_start": 0,
        "schedule_length": 1,
        "loader_params": {"batch_size": 32, "test_batch_size": 50, "num_examples": 64},
        "method_params": {"bounded_input": true, "bound_type": "interval"}
    },
    "eval_params": {
        "method": "robust", "epsilon": 0.002,
        "loader_params": {"batch_size": 50, "test_batch_size": 50, "num_examples": 50},
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

struct Workspace(support::Workspace);

impl Workspace {
    fn new() -> Self {
        Self(support::Workspace::with("tiny.json", EXPERIMENT))
    }

    /// With both models trained below the folder `out`.
    fn trained() -> Self {
        let workspace = Self::new();
        workspace.accepted("train --path-prefix out");
        workspace
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn copy(&self, from: &str, to: &str) {
        let to = self.path(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(self.path(from), to).unwrap();
    }

    fn command(&self, arguments: &str) -> Command {
        let (command, rest) = arguments.split_once(' ').unwrap_or((arguments, ""));
        let mut command = self.0.command(&[command, "--config", "tiny.json"]);
        command.args(rest.split_whitespace());
        command
    }

    fn accepted(&self, arguments: &str) -> String {
        support::accepted(&mut self.command(arguments))
    }

    fn refused(&self, arguments: &str) -> String {
        support::refused(&mut self.command(arguments))
    }
}

/// A model's line of the table without its file, which is the last column.
fn errors(output: &str, model: &str) -> Vec<String> {
    let line = output
        .lines()
        .find(|line| line.contains(model) && line.contains("ε 0.002"))
        .unwrap_or_else(|| panic!("no line of {model} in:\n{output}"));
    let cells: Vec<&str> = line.trim_matches('│').split_whitespace().collect();
    let (_file, errors) = cells.split_last().unwrap();
    errors.iter().map(|cell| cell.to_string()).collect()
}

#[test]
fn an_export_in_a_form_that_is_not_written_is_refused() {
    let workspace = Workspace::new();
    let errors = workspace.refused("export --output model.pth");
    assert!(errors.contains("only .safetensors"), "{errors}");
    assert!(!workspace.path("model.pth").exists());
}

#[test]
fn an_export_is_evaluated_like_the_trained_models() {
    let workspace = Workspace::trained();
    let trained = workspace.accepted("eval --path-prefix out");
    let said = workspace.accepted("export --path-prefix out --output exported");
    assert_says(
        &said,
        &["out/tiny/first.bpk", "exported/second.safetensors"],
    );
    let exported = workspace.accepted("eval --weights exported");
    for model in ["first", "second"] {
        assert_eq!(errors(&exported, model), errors(&trained, model));
        assert_says(&exported, &[&format!("{model}.safetensors")]);
    }

    // One model, one file; back from an export, the file is the same.
    workspace.accepted("export --path-prefix out --model-subset 1 --output one.safetensors");
    let one = std::fs::read(workspace.path("one.safetensors")).unwrap();
    let of_folder = std::fs::read(workspace.path("exported/second.safetensors")).unwrap();
    assert_eq!(one, of_folder);
    workspace
        .accepted("export --model-subset 1 --weights one.safetensors --output two.safetensors");
    assert_eq!(
        std::fs::read(workspace.path("two.safetensors")).unwrap(),
        one
    );
    let only = workspace.accepted("eval --model-subset 1 --weights one.safetensors");
    assert_eq!(errors(&only, "second"), errors(&trained, "second"));
}

#[test]
fn a_folder_of_the_reference_program_is_found_as_it_is() {
    let workspace = Workspace::trained();
    workspace.accepted("export --path-prefix out --output exported");
    // A file is known by content, so exports can stand for checkpoints.
    for (from, to) in [
        ("first", "first_best"),
        ("second", "first"),
        ("second", "second"),
    ] {
        let (from, to) = (
            format!("exported/{from}.safetensors"),
            format!("reference/tiny/{to}.pth"),
        );
        workspace.copy(&from, &to);
    }
    let trained = workspace.accepted("eval --path-prefix out");
    let reference = workspace.accepted("eval --path_prefix reference");
    for model in ["first", "second"] {
        assert_eq!(errors(&reference, model), errors(&trained, model));
    }
    assert_says(&reference, &["first_best.pth", "second.pth"]);
    // The last model's file is that of another network here.
    let last = workspace.refused("eval --path_prefix reference --last");
    assert_says(&last, &["first.pth", "`1.weight`", "[16, 784]", "[8, 784]"]);
}

#[test]
fn training_beside_the_files_of_another_program_is_refused() {
    let workspace = Workspace::trained();
    workspace.accepted("export --path-prefix out --output exported");
    workspace.copy(
        "exported/first.safetensors",
        "reference/tiny/first_best.pth",
    );
    for resume in ["", " --resume"] {
        let refused = workspace.refused(&format!("train --path-prefix reference{resume}"));
        let words = [
            "first_best.pth",
            "tiny/first.bpk",
            "--restart",
            "--path-prefix",
        ];
        assert_says(&refused, &words);
    }
    assert!(!workspace.path("reference/tiny/first.bpk").exists());
    workspace.accepted("train --path-prefix reference --restart");
    assert!(workspace.path("reference/tiny/first.bpk").exists());
    assert!(workspace.path("reference/tiny/first_best.pth").exists());
    let resumed = workspace.accepted("train --path-prefix reference --resume");
    assert_says(&resumed, &["is trained already"]);
}

#[test]
fn training_begins_from_the_weights() {
    let workspace = Workspace::trained();
    workspace.accepted("export --path-prefix out --output exported");
    let first = |folder: &str| {
        let path = workspace.path(folder).join("first.safetensors");
        std::fs::read(path).unwrap()
    };
    // With a learning rate that is lost in rounding, what training begins from is what it ends at.
    workspace.accepted("train --path-prefix again --weights exported training_params:lr=1e-30");
    workspace.accepted("export --path-prefix again --output unchanged");
    assert_eq!(first("unchanged"), first("exported"));
    workspace.accepted("train --path-prefix further --weights exported");
    workspace.accepted("export --path-prefix further --output changed");
    assert_ne!(first("changed"), first("exported"));
}

#[test]
fn one_file_is_not_enough_for_two_models() {
    let workspace = Workspace::new();
    std::fs::write(workspace.path("file.pth"), b"x").unwrap();
    for arguments in [
        "eval --weights file.pth",
        "train --weights file.pth",
        "export --weights file.pth --output folder",
    ] {
        let words = ["file.pth", "2 models", "--model-subset"];
        assert_says(&workspace.refused(arguments), &words);
    }
    let refused = workspace.refused("export --output one.safetensors");
    assert_says(&refused, &["one.safetensors", "2 models", "--model-subset"]);
}

#[test]
fn what_is_missing_or_no_weights_is_told() {
    let workspace = Workspace::new();
    std::fs::create_dir(workspace.path("empty")).unwrap();
    for command in ["eval", "train"] {
        let refused = workspace.refused(&format!("{command} --weights empty"));
        assert_says(&refused, &["first", "first_best", "empty", ".pth"]);
    }
    assert!(!Path::new(&workspace.path("tiny")).exists());
    let refused = workspace.refused("export --output exported");
    assert_says(&refused, &["first", "train", "tiny/first.bpk"]);
    assert!(!workspace.path("exported").exists());

    std::fs::write(workspace.path("page.pth"), b"<html>not found</html>").unwrap();
    let refused = workspace.refused("eval --model-subset 0 --weights page.pth");
    assert_says(&refused, &["page.pth", "it is a text", "safetensors"]);
    let refused = workspace.refused("eval --model-subset 0 --weights none.pth");
    assert_says(&refused, &["cannot open", "none.pth"]);
}
