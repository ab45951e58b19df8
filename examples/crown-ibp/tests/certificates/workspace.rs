//! A trained model of digits, and its certificates.

use std::path::Path;
use std::sync::LazyLock;

use crate::support;

/// A model that trains in a moment and is certified on some images.
const DIGITS: &str = r#"{
    "dataset": "digits",
    "models_path": "digits",
    "training_params": {
        "method": "robust",
        "epochs": 4,
        "lr": 3e-3,
        "lr_decay_step": 10,
        "lr_decay_factor": 0.5,
        "optimizer": "adam",
        "starting_epsilon": 0.0,
        "epsilon": 0.01,
        "schedule_start": 2,
        "schedule_length": 2,
        "loader_params": {"batch_size": 32, "test_batch_size": 100, "num_examples": 3000},
        "method_params": {"bounded_input": true, "bound_type": "crown-interval"}
    },
    "eval_params": {
        "method": "robust",
        "epsilon": 0.02,
        "loader_params": {"batch_size": 20, "test_batch_size": 20, "num_examples": 12},
        "method_params": {"bounded_input": true, "bound_type": "interval"}
    },
    "models": [
        {
            "model_id": "cnn",
            "model_class": "model_cnn_2layer",
            "model_params": {"in_ch": 1, "in_dim": 28, "width": 1, "linear_size": 32}
        },
        {
            "model_id": "other",
            "model_class": "model_cnn_2layer",
            "model_params": {"in_ch": 1, "in_dim": 28, "width": 1, "linear_size": 4}
        }
    ]
}"#;

/// The folder in which both models are trained, once for all tests.
static TRAINED: LazyLock<support::Workspace> = LazyLock::new(|| {
    let workspace = support::Workspace::with("digits.json", DIGITS);
    let train = ["train", "--config", "digits.json"];
    support::accepted(&mut workspace.command(&train));
    workspace
});

pub(crate) fn folder() -> &'static Path {
    TRAINED.path()
}

/// The certificates of a model as `eval` writes them.
pub(crate) fn certificates(name: &str, arguments: &[&str]) -> String {
    let file = format!("{name}.jsonl");
    let eval = ["eval", "--config", "digits.json", "--certificates", &file];
    let subset = ["--model-subset", "0"];
    let mut command = TRAINED.command(&[&eval[..], arguments, &subset].concat());
    let printed = support::accepted(&mut command);
    assert!(printed.contains("verified error"), "{printed}");
    std::fs::read_to_string(folder().join(file)).unwrap()
}

fn verify(name: &str, text: &[u8], arguments: &[&str]) -> std::process::Command {
    let file = format!("{name}.checked.jsonl");
    std::fs::write(folder().join(&file), text).unwrap();
    let verify = ["verify-certificate", &file, "--config", "digits.json"];
    TRAINED.command(&[&verify[..], arguments].concat())
}

/// What `verify-certificate` prints of certificates that it confirms.
pub(crate) fn confirmed(name: &str, text: &str, arguments: &[&str]) -> String {
    support::accepted(&mut verify(name, text.as_bytes(), arguments))
}

/// What `verify-certificate` prints of certificates of which it confirms not all.
pub(crate) fn rejected(name: &str, text: &[u8], arguments: &[&str]) -> String {
    let output = verify(name, text, arguments).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success(), "{printed}");
    assert!(!errors.contains("panicked"), "{errors}");
    assert!(errors.contains("are not confirmed"), "{errors}");
    printed
}

/// The first line that says that its image is certified, or is not.
pub(crate) fn line(text: &str, certified: bool) -> &str {
    let says = format!("\"certified\":{certified}");
    text.lines().find(|line| line.contains(&says)).unwrap()
}
