//! What a long run stands on: its last checkpoint, and its seed.

use std::path::Path;

use crown_ibp::models::{Cnn2LayerConfig, MlpAnyConfig, ModelConfig};

use crate::parameters::parameters;
use crate::support::{accepted, assert_says};
use crate::workspace::Workspace;

#[test]
fn training_that_diverges_later_keeps_its_last_checkpoint() {
    let workspace = Workspace::new();
    // In the second epoch, ε is out of all proportion.
    let run = [
        "train",
        "--config",
        "tiny.json",
        "--model-subset",
        "0",
        "training_params:epsilon=1e38",
        "training_params:schedule_start=1",
        "training_params:schedule_length=2",
        "training_params:method_params:bounded_input=false",
    ];
    let one_epoch = [&run[..], &["training_params:epochs=1"]].concat();
    workspace.accepted(&[&one_epoch[..], &["--path-prefix", "good"]].concat());
    let error = workspace.refused(&run);
    let file = Path::new("tiny").join("first.checkpoint");
    let kept = format!("{} still holds epoch 1", file.display());
    assert_says(&error, &["diverged: at training step ", &kept]);
    // What it holds is what a run of one epoch has made.
    let config = ModelConfig::MlpAny(MlpAnyConfig::new(784, vec![16]));
    let model = |folder: &str| {
        let folder = workspace.path().join(folder);
        parameters(&config, &folder.join("first.bpk"))
    };
    assert!(model("tiny") == model("good/tiny"));
    let resumed = workspace.accepted(&[&one_epoch[..], &["--resume"]].concat());
    assert_says(&resumed, &["is trained already"]);
}

/// A convolutional network, whose kernels are spread over threads.
const CONVOLUTIONAL: &str = r#"{
    "dataset": "mnist",
    "models_path": "threads",
    "training_params": {
        "method": "robust",
        "epochs": 1,
        "lr": 1e-3,
        "lr_decay_step": 10,
        "lr_decay_factor": 0.5,
        "optimizer": "adam",
        "starting_epsilon": 0.01,
        "epsilon": 0.02,
        "schedule_start": 0,
        "schedule_length": 1,
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
            "model_id": "convolutional",
            "model_class": "model_cnn_2layer",
            "model_params": {"in_ch": 1, "in_dim": 28, "width": 1, "linear_size": 32}
        }
    ]
}"#;

#[test]
fn the_number_of_threads_changes_no_bit() {
    let workspace = Workspace::new();
    std::fs::write(workspace.path().join("threads.json"), CONVOLUTIONAL).unwrap();
    let config = ModelConfig::Cnn2Layer(Cnn2LayerConfig::new(1, 28, 1).with_linear_size(32));
    let train = |threads: &str, prefix: &str| {
        let arguments = ["train", "--config", "threads.json", "--device", "flex"];
        let mut command = workspace.command(&arguments);
        command
            .env("RAYON_NUM_THREADS", threads)
            .args(["--path-prefix", prefix]);
        accepted(&mut command);
        let folder = workspace.path().join(prefix).join("threads");
        parameters(&config, &folder.join("convolutional.bpk"))
    };
    let one = train("1", "one");
    assert!(one == train("1", "again"), "two runs on one thread differ");
    assert!(one == train("2", "two"), "one thread and two differ");
}
