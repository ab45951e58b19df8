//! `--devices`: the same models on several devices as on one.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

/// A batch size that neither the images nor the devices divide.
const EXPERIMENT: &str = r#"{
    "dataset": "digits",
    "models_path": "several",
    "training_params": {
        "method": "robust",
        "epochs": 3,
        "lr": 0.05,
        "lr_decay_step": 10,
        "lr_decay_factor": 0.5,
        "optimizer": "sgd",
        "starting_epsilon": 0.0,
        "epsilon": 0.01,
        "schedule_start": 1,
        "schedule_length": 2,
        "loader_params": {"batch_size": 25, "test_batch_size": 100, "num_examples": 290},
        "method_params": {"bounded_input": true, "bound_type": "crown-interval", "batch_multiplier": 2}
    },
    "eval_params": {
        "method": "robust",
        "epsilon": 0.01,
        "loader_params": {"batch_size": 100, "test_batch_size": 100, "num_examples": 400},
        "method_params": {"bounded_input": true, "bound_type": "interval"}
    },
    "models": [
        {
            "model_id": "mlp",
            "model_class": "model_mlp_any",
            "model_params": {"in_dim": 784, "neurons": [16]}
        }
    ]
}"#;

/// Trains with the arguments in a folder of its own.
fn train(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("several.json"), EXPERIMENT).unwrap();
    Command::new(env!("CARGO_BIN_EXE_crown-ibp"))
        .args(["train", "--config", "several.json"])
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap()
}

/// The clean and the verified error of the program's table, in percent.
fn errors(output: &Output) -> [f64; 2] {
    let text = String::from_utf8_lossy(&output.stdout);
    let problem = || panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}", problem());
    let line = text.lines().rfind(|line| line.contains("IBP, ε"));
    let numbers: Vec<f64> = line
        .unwrap_or_else(problem)
        .split_whitespace()
        .filter(|word| word.contains('.'))
        .filter_map(|word| word.parse().ok())
        .collect();
    [numbers[0], numbers[1]]
}

#[test]
fn several_devices_train_the_models_of_one() {
    let expected = errors(&train(&["--device", "flex"]));
    assert!(expected[1] < 90.0, "nothing is learned: {expected:?}");
    for arguments in [
        &["--devices", "cpu,cpu"][..],
        &["--devices", "flex,flex", "--exchange", "sharded"],
        &["--devices", "cpu,cpu,cpu", "--exchange", "all-reduce"],
        // All devices of the CPU's kind: one.
        &["--device", "flex", "training_params:multi_gpu=true"],
    ] {
        let found = errors(&train(arguments));
        // One image in 400 may be on the other side of its boundary.
        for (expected, found) in expected.iter().zip(found) {
            let off = (expected - found).abs();
            assert!(off <= 0.26, "{arguments:?}: {found} %, not {expected} %");
        }
    }
}

#[test]
fn a_wrong_list_of_devices_is_refused() {
    for (devices, word) in [("flex,abacus", "`abacus`"), ("flex,1", "`flex,1`")] {
        let output = train(&["--devices", devices]);
        assert!(!output.status.success());
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(word), "{text}");
    }
}
