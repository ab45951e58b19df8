//! The program as a user runs it.
#![allow(clippy::unwrap_used)]

#[path = "../support/images.rs"]
mod images;
#[cfg(feature = "flex")]
mod long_runs;
#[cfg(feature = "flex")]
#[path = "../support/parameters.rs"]
mod parameters;
mod runs;
#[path = "../support/program.rs"]
mod support;
mod workspace;

use std::path::PathBuf;

use support::assert_says;
use workspace::{Workspace, line};

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
    assert_says(&refused, &["first", "train", "out/tiny/first.bpk", ".pth"]);

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
    assert_says(&trained, &["minimum", "median", "mean", "maximum"]);
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
    let misspelt = workspace.refused(&with("training_params:method_params:bound_type=crown"));
    assert_says(
        &misspelt,
        &["training_params:method_params:bound_type", "crown-full"],
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
        "dataset=digits",
    ]);
    assert_says(&output, &["images of digits", "epoch   1/1"]);
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

#[test]
fn what_is_wrong_for_every_model_is_said_once() {
    let workspace = Workspace::new();
    std::fs::write(workspace.path().join("one.pth"), b"weights").unwrap();
    let eval = ["eval", "--config", "tiny.json", "--weights", "one.pth"];
    let refused = workspace.refused(&eval);
    assert_says(&refused, &["one.pth", "2 models", "--model-subset"]);
    assert_eq!(refused.matches("one.pth").count(), 1, "{refused}");
}

#[test]
fn the_table_names_the_norm_of_the_radius() {
    let workspace = Workspace::new();
    let output = workspace.accepted(&[
        "train",
        "--config",
        "tiny.json",
        "--model-subset",
        "0",
        "training_params:epochs=1",
        "eval_params:norm=2",
        "eval_params:method_params:bounded_input=false",
    ]);
    assert_says(&output, &["IBP, L2 ε 0.02"]);
}
