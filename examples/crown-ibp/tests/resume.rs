//! Training that is killed, and resumed.
#![cfg(feature = "flex")]
#![allow(clippy::unwrap_used)]

#[path = "support/images.rs"]
mod images;
#[path = "support/parameters.rs"]
mod parameters;
#[path = "support/program.rs"]
mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use burn::tensor::TensorData;
use crown_ibp::models::{MlpAnyConfig, ModelConfig};
use images::write_images;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use support::assert_says;

/// Two small networks and a handful of images, whose epochs take some hundredths of a second, so that a good part of the
/// time goes into writing checkpoints. ε reaches its target in epoch 4.
const EXPERIMENT: &str = r#"{
    "dataset": "mnist",
    "models_path": "models",
    "training_params": {
        "method": "robust",
        "epochs": 12,
        "lr": 1e-3,
        "lr_decay_step": 3,
        "lr_decay_factor": 0.5,
        "optimizer": "adam",
        "starting_epsilon": 0.0,
        "epsilon": 0.02,
        "schedule_start": 1,
        "schedule_length": 3,
        "loader_params": {"batch_size": 16, "test_batch_size": 40},
        "method_params": {"bounded_input": true, "bound_type": "crown-interval"}
    },
    "eval_params": {
        "method": "robust",
        "epsilon": 0.02,
        "loader_params": {"batch_size": 40, "test_batch_size": 40},
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
            "model_params": {"in_dim": 784, "neurons": [16]},
            "training_params": {"method": "robust_natural", "optimizer": "sgd"}
        }
    ]
}"#;

const MODELS: [&str; 2] = ["first", "second"];
const KILLS: usize = 20;

/// What training a model leaves behind.
#[derive(Debug, PartialEq)]
struct Trained {
    log: Vec<String>,
    last: Vec<TensorData>,
    best: Vec<TensorData>,
}

fn assert_same(found: &[Trained], expected: &[Trained]) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.log, expected.log);
        assert!(found.last == expected.last, "the last models differ");
        assert!(found.best == expected.best, "the best models differ");
    }
    assert_eq!(found.len(), expected.len());
}

struct Workspace(support::Workspace);

impl Workspace {
    fn new() -> Self {
        let workspace = support::Workspace::with("experiment.json", EXPERIMENT);
        write_images(workspace.path(), 80, 1);
        Self(workspace)
    }

    fn train(&self, prefix: &str, arguments: &[&str]) -> Command {
        let given = ["train", "--config", "experiment.json", "--device", "flex"];
        let mut command = self.0.command(&given);
        command
            .args(["--data-dir", ".", "--path-prefix", prefix])
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    fn accepted(&self, prefix: &str, arguments: &[&str]) -> String {
        support::accepted(&mut self.train(prefix, arguments))
    }

    fn refused(&self, prefix: &str, arguments: &[&str]) -> String {
        support::refused(&mut self.train(prefix, arguments))
    }

    fn file(&self, prefix: &str, name: &str) -> PathBuf {
        self.0.path().join(prefix).join("models").join(name)
    }

    /// What a finished experiment leaves behind, without what a clock says.
    fn result(&self, prefix: &str) -> Vec<Trained> {
        let of = |model: &str| {
            let last = parameters(&self.file(prefix, &format!("{model}.bpk")));
            let best = parameters(&self.file(prefix, &format!("{model}_best.bpk")));
            let log = std::fs::read_to_string(self.file(prefix, &format!("{model}.log"))).unwrap();
            Trained {
                log: rows(&log),
                last,
                best,
            }
        };
        MODELS.map(of).into()
    }
}

/// The rows of a log, without the two columns of seconds at the end.
fn rows(log: &str) -> Vec<String> {
    let rows = log.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| {
        let columns: Vec<_> = row.split('\t').collect();
        columns[..columns.len() - 2].join(" ")
    })
    .collect()
}

fn parameters(path: &Path) -> Vec<TensorData> {
    let config = ModelConfig::MlpAny(MlpAnyConfig::new(784, vec![16]));
    let found = parameters::parameters(&config, path);
    assert_eq!(found.len(), 4);
    found
}

/// Waits until the program has said the given number of lines.
fn await_lines(child: &mut Child, count: usize) {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..count {
        output.read_line(&mut String::new()).unwrap();
    }
    // Read on, so that the program does not stop at a full or closed pipe.
    std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
}

#[test]
fn killed_at_twenty_random_moments_training_ends_as_if_uninterrupted() {
    let workspace = Workspace::new();
    workspace.accepted("whole", &[]);
    let whole = workspace.result("whole");
    assert_eq!(whole[0].log.len(), 1 + 12);

    let mut random = StdRng::seed_from_u64(20);
    let mut kills = 0;
    let mut run = 0;
    while kills < KILLS {
        let prefix = format!("killed-{run}");
        let mut command = workspace.train(&prefix, &["--resume"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        // The first line comes when training begins. Every fifth kill comes before.
        let lines = usize::from(kills % 5 != 0);
        await_lines(&mut child, lines);
        std::thread::sleep(Duration::from_micros(random.random_range(0..150_000)));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        // Without a kill the run came to its end before: the next one begins elsewhere.
        if child.wait().unwrap().success() {
            assert_same(&workspace.result(&prefix), &whole);
            run += 1;
        }
    }
    let prefix = format!("killed-{run}");
    workspace.accepted(&prefix, &["--resume"]);
    assert_same(&workspace.result(&prefix), &whole);
}

#[test]
fn what_a_kill_can_leave_behind_is_mended() {
    let workspace = Workspace::new();
    workspace.accepted("out", &["training_params:epochs=6"]);
    let short = workspace.result("out");
    let remove_last = |model: &str| {
        std::fs::remove_file(workspace.file("out", &format!("{model}.bpk"))).unwrap();
    };
    // Killed right behind the last checkpoint: its model is not written yet.
    MODELS.iter().for_each(|model| remove_last(model));
    workspace.accepted("out", &["--resume", "training_params:epochs=6"]);
    assert_same(&workspace.result("out"), &short);
    // Killed right behind another checkpoint; in the middle of a write: a part of a file lies
    // about; in the next epoch: the log is longer.
    MODELS.iter().for_each(|model| remove_last(model));
    for model in MODELS {
        let part = workspace.file("out", &format!(".{model}.checkpoint.a1b2c3.tmp"));
        std::fs::write(part, b"half of a checkpoint").unwrap();
        let log = workspace.file("out", &format!("{model}.log"));
        let text = std::fs::read_to_string(&log).unwrap();
        std::fs::write(&log, text + "7\t0.0").unwrap();
    }
    workspace.accepted("out", &["--resume", "training_params:epochs=7"]);
    workspace.accepted("whole", &["training_params:epochs=7"]);
    let resumed = workspace.result("out");
    assert_same(&resumed, &workspace.result("whole"));
    assert_ne!(resumed[0].last, short[0].last);
    let leftovers = std::fs::read_dir(workspace.file("out", "")).unwrap();
    let names: Vec<_> = leftovers
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert_eq!(names, Vec::<String>::new());
}

#[test]
fn a_run_is_never_lost_by_a_forgotten_flag() {
    let workspace = Workspace::new();
    let one = ["--model-subset", "0"];
    let with = |more: &[&'static str]| [&one, more].concat();
    workspace.accepted("out", &with(&["training_params:epochs=2"]));
    let checkpoint = workspace.file("out", "first.checkpoint");
    let state = std::fs::read(&checkpoint).unwrap();

    // A run that is under way.
    let refused = workspace.refused("out", &one);
    assert_says(
        &refused,
        &["first", "epoch 2 of 12", "--resume", "--restart"],
    );
    // A run that is finished.
    let refused = workspace.refused("out", &with(&["training_params:epochs=2"]));
    assert_says(
        &refused,
        &["first", "trained already", "--restart", "--path-prefix"],
    );
    // A run by other parameters.
    let refused = workspace.refused(
        "out",
        &with(&["--resume", "--seed", "3", "training_params:lr=0.01"]),
    );
    assert_says(
        &refused,
        &[
            "training_params:lr: 0.001 in the run, 0.01 now",
            "seed: 2019 in the run, 3 now",
        ],
    );
    assert!(!refused.contains("epsilon"), "{refused}");
    // A run on other images.
    write_images(workspace.0.path(), 80, 2);
    let refused = workspace.refused("out", &with(&["--resume"]));
    assert_says(
        &refused,
        &["training images: \"80, with the sum ", "test images"],
    );
    write_images(workspace.0.path(), 80, 1);
    let refused = workspace.refused("out", &with(&["--resume", "training_params:epochs=1"]));
    assert_says(&refused, &["2 epochs already", "the 1 that are"]);
    // Nothing was touched.
    assert_eq!(std::fs::read(&checkpoint).unwrap(), state);

    // A finished model is not trained again; a missing one is trained.
    let short = ["--resume", "training_params:epochs=2"];
    let before = parameters(&workspace.file("out", "first.bpk"));
    let output = workspace.accepted("out", &short);
    assert_says(
        &output,
        &["first: is trained already", "second epoch   2/2", "minimum"],
    );
    assert!(!output.contains("first epoch"), "{output}");
    assert_eq!(parameters(&workspace.file("out", "first.bpk")), before);

    // A damaged state is not silently replaced, unless the user says so.
    std::fs::write(&checkpoint, &state[..state.len() / 2]).unwrap();
    let refused = workspace.refused("out", &with(&["--resume"]));
    assert_says(&refused, &["first.checkpoint", "damaged", "--restart"]);
    std::fs::remove_file(&checkpoint).unwrap();
    let refused = workspace.refused("out", &with(&["--resume"]));
    assert_says(&refused, &["first.bpk", "--restart"]);
    let anew = workspace.accepted("out", &with(&["--restart", "training_params:epochs=1"]));
    assert_says(&anew, &["first epoch   1/1"]);
    assert_ne!(parameters(&workspace.file("out", "first.bpk")), before);
}
