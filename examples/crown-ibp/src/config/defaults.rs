//! The reference program's defaults.

use serde_json::{Map, Value, json};

/// What an experiment file does not say.
pub(super) fn defaults() -> Map<String, Value> {
    let bound_opts = json!({"same-slope": false, "zero-lb": false, "one-lb": false});
    let defaults = json!({
        "dataset": "mnist",
        "path_prefix": "",
        "training_params": {
            "method": "natural",
            "epochs": 80,
            "lr": 5e-4,
            "lr_decay_step": 10,
            "lr_decay_factor": 0.5,
            "lr_decay_milestones": [],
            "weight_decay": 0.0,
            "optimizer": "adam",
            "starting_epsilon": 0.0,
            "epsilon": 0.5,
            "schedule_length": 61,
            "schedule_type": "linear",
            "norm": "inf",
            "verbose": false,
            "multi_gpu": false,
            "loader_params": {"batch_size": 128, "shuffle_train": true},
            "method_params": {
                "runnerup_only": false,
                "activity_reg": 0.0,
                "l1_reg": 0.0,
                "final-beta": 0.0,
                "final-kappa": 0.5,
                "convex-proj": 50,
                "bound_opts": bound_opts,
                "batch_multiplier": 1,
            },
        },
        "eval_params": {
            "method": "robust",
            "norm": "inf",
            "verbose": false,
            "loader_params": {"batch_size": 256, "test_batch_size": 256, "shuffle_train": true},
            "method_params": {
                "bounded_input": true,
                "runnerup_only": false,
                "activity_reg": 0.0,
                "final-beta": 1.0,
                "final-kappa": 0.5,
                "bound_type": "interval",
                "convex-proj": null,
                "bound_opts": bound_opts,
            },
        },
    });
    match defaults {
        Value::Object(defaults) => defaults,
        _ => Map::new(),
    }
}
