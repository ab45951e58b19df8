//! What training and evaluation do with several models, and when something goes wrong.

use std::process::Stdio;

use crate::support::assert_says;
use crate::workspace::{Workspace, line};

/// The commands of the reference program's documentation, with the file's name in front.
#[test]
fn the_reference_commands_work() {
    let workspace = Workspace::new();
    let short = "training_params:epochs=1";
    let bound = "training_params:method_params:bound_type";
    let (ibp, kappa) = (
        &format!("{bound}=interval")[..],
        "training_params:method_params:final-kappa",
    );
    let commands: &[&[&str]] = &[
        &[ibp, "--config", "tiny.json"],
        &[
            "training_params:method=robust_natural",
            ibp,
            "--config",
            "tiny.json",
        ],
        &[&format!("{bound}=convex-adv"), "--config", "tiny.json"],
        &[
            "training_params:epsilon=0.03",
            "--config",
            "tiny.json",
            "--model_subset",
            "1",
        ],
        &["--config", "tiny.json", "--model_subset", "1", "0"],
        &["training_params:schedule_length=3", "--config", "tiny.json"],
        &[
            "training_params:schedule_length=3",
            ibp,
            &format!("{kappa}=0"),
            "training_params:method=robust_natural",
            "--config",
            "tiny.json",
        ],
    ];
    for (number, command) in commands.iter().enumerate() {
        let prefix = format!("run-{number}");
        let rest = [short, "--path_prefix", &prefix];
        let output = workspace.accepted(&[&["train"], *command, &rest].concat());
        let both = !command.contains(&"1") || command.contains(&"0");
        assert_eq!(output.contains("first epoch   1/1"), both, "{output}");
        assert_says(&output, &["second epoch   1/1"]);
    }
    let eval = ["eval", "eval_params:epsilon=0.01", "--config", "tiny.json"];
    let output = workspace.accepted(&[eval.as_slice(), &["--path_prefix", "run-0"]].concat());
    assert_says(&output, &["IBP, ε 0.01"]);
}

#[test]
fn a_run_leaves_the_best_model_and_its_logs() {
    let workspace = Workspace::new();
    let one = ["--config", "tiny.json", "--model-subset", "0"];
    let longer = [
        "training_params:epochs=5",
        "training_params:schedule_length=1",
    ];
    let trained = workspace.accepted(&[&["train"], one.as_slice(), &longer].concat());
    assert_says(line(&trained, "first"), &["first_best.bpk"]);
    let evaluated = workspace.accepted(&[&["eval"], one.as_slice(), &["--last"]].concat());
    assert_says(line(&evaluated, "first"), &["first.bpk"]);

    let log = std::fs::read_to_string(workspace.path().join("tiny/first.log")).unwrap();
    let table: Vec<Vec<_>> = log
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').collect())
        .collect();
    let column = |name: &str| {
        let index = table[0].iter().position(|column| *column == name).unwrap();
        table[1..]
            .iter()
            .map(|row| row[index].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(column("epoch"), ["1", "2", "3", "4", "5"]);
    assert_eq!(column("epsilon"), ["0.02"; 5]);
    assert_eq!(column("learning_rate"), ["0.001"; 5]);
    // The best model is the last of those with the smallest verified error, from epoch 2 on.
    let errors: Vec<f64> = column("test_verified_error")
        .iter()
        .map(|error| error.parse().unwrap())
        .collect();
    let smallest = errors[1..].iter().copied().fold(f64::INFINITY, f64::min);
    let best = workspace.accepted(&[&["eval"], one.as_slice()].concat());
    assert_says(line(&best, "first"), &[&format!("{smallest:.2}")]);
    assert_says(line(&evaluated, "first"), &[&format!("{:.2}", errors[4])]);
    let figures = std::fs::read_to_string(workspace.path().join("tiny/first_test.log")).unwrap();
    assert_says(
        &figures,
        &["first_best.bpk", "IBP, ε 0.02", "verified_error"],
    );
}

#[test]
fn without_clean_outputs_the_log_has_all_but_what_is_of_them() {
    let workspace = Workspace::new();
    let [with, without] = ["true", "false"].map(|clean| {
        let setting = format!("training_params:clean_outputs={clean}");
        let arguments = ["train", "--config", "tiny.json", "--model-subset", "0"];
        workspace.accepted(&[&arguments[..], &[&setting, "--path-prefix", clean]].concat());
        let path = workspace.path().join(clean).join("tiny/first.log");
        let log = std::fs::read_to_string(path).unwrap();
        let lines = log.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.split('\t').map(str::to_string).collect())
            .collect::<Vec<Vec<_>>>()
    });
    assert_eq!([with.len(), without.len()], [3; 2]);
    for (row, left_out) in with[1..].iter().zip(&without[1..]) {
        for ((name, figure), left_out) in with[0].iter().zip(row).zip(left_out) {
            match name.as_str() {
                "train_clean_error" | "train_natural_loss" => {
                    assert!(figure != "nan" && left_out == "nan", "{name}: {left_out}");
                }
                "seconds" | "total_seconds" => {}
                _ => assert_eq!(figure, left_out, "{name}"),
            }
        }
    }
}

#[test]
fn a_model_that_fails_does_not_keep_the_others() {
    let workspace = Workspace::new();
    // The log of the second model cannot be written: a folder is in its place.
    std::fs::create_dir_all(workspace.path().join("tiny/second.log")).unwrap();
    let arguments = ["--config", "tiny.json", "training_params:epochs=1"];
    let run = |command| workspace.run(&[&[command], arguments.as_slice()].concat());
    for (command, words) in [("train", "second.log"), ("eval", "second.bpk")] {
        let output = run(command);
        assert!(!output.status.success(), "{command}");
        let (said, errors) = (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        );
        assert_says(line(&said, "first"), &["first.bpk"]);
        assert_says(&errors, &["error: second:", words]);
        assert!(!errors.contains("panicked"), "{errors}");
    }
}

#[test]
fn natural_models_are_verified_if_a_method_is_named() {
    let workspace = Workspace::new();
    let arguments = [
        "--config",
        "tiny.json",
        "training_params:method=natural",
        "eval_params:method=natural",
    ];
    let trained = workspace.accepted(&[&["train"], arguments.as_slice()].concat());
    assert_says(&trained, &["verified error — %"]);
    assert!(!trained.contains("ε 0.02"), "{trained}");
    let by_crown = ["--method", "crown"];
    let evaluated = workspace.accepted(&[&["eval"], arguments.as_slice(), &by_crown].concat());
    assert_says(line(&evaluated, "first"), &["CROWN, ε 0.02"]);
}

#[test]
fn training_that_diverges_is_stopped() {
    let workspace = Workspace::new();
    let diverging = ["training_params:lr=1e30", "--model-subset", "0"];
    let error =
        workspace.refused(&[&["train", "--config", "tiny.json"], diverging.as_slice()].concat());
    assert_says(
        &error,
        &[
            "first: training diverged: at training step 1, with ε = ",
            "operator `",
            "in module `",
            "there is no checkpoint",
            "training_params:lr",
        ],
    );
    assert!(!workspace.path().join("tiny/first.checkpoint").exists());
    assert!(!workspace.path().join("tiny/first.bpk").exists());
}

#[test]
fn training_goes_on_when_nobody_reads() {
    let workspace = Workspace::new();
    let mut command = workspace.command(&["train", "--config", "tiny.json", "--model-subset", "0"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    assert!(workspace.path().join("tiny/first.bpk").exists());
}

#[test]
fn options_that_would_count_for_nothing_are_told() {
    let workspace = Workspace::new();
    let one = ["--config", "tiny.json", "--model-subset", "0"];
    let with = |command, rest: &[&'static str]| [&[command], one.as_slice(), rest].concat();
    // One device has nothing to exchange.
    for devices in [&[][..], &["--device", "cpu"], &["--devices", "cpu"]] {
        let rest = [&["--exchange", "sharded"], devices].concat();
        let refused = workspace.refused(&with("train", &rest));
        assert_says(&refused, &["--exchange", "--devices"]);
    }
    let several = ["--exchange", "sharded", "--devices", "cpu,cpu"];
    let output = workspace.accepted(&with("train", &several));
    assert_says(&output, &["on 2 devices"]);
    // Evaluation draws no weights.
    let refused = workspace.refused(&with("eval", &["--seed", "1"]));
    assert_says(&refused, &["--seed"]);
    // A file is one model, whichever is asked for.
    for command in ["eval", "export"] {
        let mut rest = vec!["--weights", "tiny/first.bpk", "--last"];
        if command == "export" {
            rest.extend(["--output", "first.safetensors"]);
        }
        let refused = workspace.refused(&with(command, &rest));
        assert_says(&refused, &["tiny/first.bpk", "--last"]);
    }
    // Nothing is bounded where the evaluation is natural.
    let rest = ["eval_params:method=natural", "--rounding", "sound"];
    let output = workspace.run(&with("eval", &rest));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    assert_says(&errors, &["note: first", "--rounding", "--method"]);
}
