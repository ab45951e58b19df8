//! What an experiment file may not say.

use serde_json::json;

use super::{ExperimentConfig, ModelConfig, file, problems_of, problems_with};

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    for (pointer, message) in [
        (
            "/batchsize",
            "batchsize: unknown key; the nearest known one is ",
        ),
        (
            "/training_params/schedule_lenght",
            "training_params:schedule_lenght: unknown key; the nearest known one is \
             training_params:schedule_length",
        ),
        (
            "/training_params/method_params/final_beta",
            "training_params:method_params:final_beta: unknown key; the nearest known one is \
             training_params:method_params:final-beta",
        ),
        (
            "/training_params/bound_type",
            "training_params:bound_type: unknown key; the nearest known one is \
             training_params:method_params:bound_type",
        ),
        (
            "/eval_params/batch_size",
            "eval_params:batch_size: unknown key; the nearest known one is \
             eval_params:loader_params:batch_size",
        ),
        (
            "/models/0/model_params/widht",
            "models:0:model_params:widht: unknown key; the nearest known one is \
             models:0:model_params:width",
        ),
        (
            "/models/1/model_clas",
            "models:1:model_clas: unknown key; the nearest known one is models:1:model_class",
        ),
        (
            "/attack_params/steps",
            "attack_params:steps: unknown key; the nearest known one is ",
        ),
        (
            "/cert_params/eps",
            "cert_params:eps: unknown key; the nearest known one is ",
        ),
    ] {
        let problems = problems_with(pointer, json!(1));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(message), "{problems:?}");
    }
    let own = problems_with(
        "/models/0/training_params",
        json!({"bound_type": "interval"}),
    );
    assert_eq!(
        own,
        [
            "models:0:training_params:bound_type: unknown key; the nearest known one is \
          models:0:training_params:method_params:bound_type"
        ]
    );
}

#[test]
fn wrong_types_and_impossible_values_are_refused_by_path() {
    let training = "/training_params/";
    for (key, value, words) in [
        (
            "epochs",
            json!("ten"),
            "is \"ten\"; it must be a whole number",
        ),
        ("epochs", json!(0), "is 0; it must be at least 1"),
        ("epochs", json!(2.5), "is 2.5; it must be a whole number"),
        ("lr", json!(0.0), "is 0.0; it must be above 0"),
        ("lr", json!(null), "is null; it must be a number"),
        (
            "lr_decay_step",
            json!(0),
            "is 0; it must be at least 1, or null",
        ),
        (
            "lr_decay_step",
            json!(null),
            "is null; it must be set if lr_decay_milestones is not",
        ),
        (
            "lr_decay_factor",
            json!(1.5),
            "is 1.5; it must be above 0 and at most 1",
        ),
        (
            "lr_decay_milestones",
            json!([5, 5]),
            "is [5,5]; it must grow",
        ),
        (
            "lr_decay_milestones",
            json!([-1]),
            "is [-1]; it must be a list of whole numbers",
        ),
        (
            "weight_decay",
            json!(-0.1),
            "is -0.1; it must not be negative",
        ),
        (
            "optimizer",
            json!("adm"),
            "is \"adm\"; it must be one of \"adam\", \"sgd\"; the nearest is \"adam\"",
        ),
        ("epsilon", json!(-0.3), "is -0.3; it must not be negative"),
        (
            "starting_epsilon",
            json!(0.5),
            "is 0.5; it must not be above epsilon",
        ),
        ("schedule_length", json!(0), "is 0; it must be at least 1"),
        (
            "schedule_start",
            json!(-1),
            "is -1; it must be a whole number",
        ),
        (
            "schedule_type",
            json!("smooth"),
            "is \"smooth\"; it must be one of \"linear\", \"smoothed\"; the nearest is \
             \"smoothed\"",
        ),
        ("norm", json!("max"), "is \"max\"; it must be a norm"),
        ("verbose", json!(1), "is 1; it must be true or false"),
        ("method", json!(3), "is 3; it must be one of \"natural\""),
        (
            "loader_params",
            json!(256),
            "is 256; it must be a section in braces",
        ),
        (
            "loader_params/batch_size",
            json!(0),
            "is 0; it must be at least 1",
        ),
        (
            "loader_params/test_batch_size",
            json!(0),
            "is 0; it must be at least 1",
        ),
        (
            "loader_params/num_examples",
            json!(0),
            "is 0; it must be at least 1, or null",
        ),
        (
            "method_params/final-kappa",
            json!(1.5),
            "is 1.5; it must be in [0, 1]",
        ),
        (
            "method_params/final-beta",
            json!(-0.5),
            "is -0.5; it must be in [0, 1]",
        ),
        (
            "method_params/activity_reg",
            json!(-1),
            "is -1; it must not be negative",
        ),
        (
            "method_params/convex-proj",
            json!(0),
            "is 0; it must be at least 1, or null",
        ),
        (
            "method_params/bound_type",
            json!("crown"),
            "is \"crown\"; it must be one of",
        ),
        (
            "method_params/bound_opts",
            json!({"zero-lb": true, "one-lb": true}),
            "",
        ),
    ] {
        let problems = problems_with(&format!("{training}{key}"), value.clone());
        assert_eq!(problems.len(), 1, "{key} {value}: {problems:?}");
        let path = format!("training_params:{}", key.replace('/', ":"));
        let wanted = match words {
            "" => format!("{path}:one-lb: cannot be set beside zero-lb"),
            words => format!("{path}: {words}"),
        };
        assert!(
            problems[0].starts_with(&wanted),
            "{problems:?} is not {wanted}"
        );
    }
}

#[test]
fn all_problems_are_reported_at_once_and_shared_ones_once() {
    let mut file = file();
    file["dataset"] = json!("mnits");
    file["training_params"]["lr"] = json!(-1);
    file["eval_params"]
        .as_object_mut()
        .unwrap()
        .remove("epsilon");
    file["models"][1]["model_id"] = json!("../outside");
    file["models"][0]["model_class"] = json!("model_cnn");
    assert_eq!(
        problems_of(&file)
            .iter()
            .map(|p| p.split(": ").next().unwrap())
            .collect::<Vec<_>>(),
        [
            "dataset",
            "models:0:model_class",
            "training_params:lr",
            "eval_params:epsilon",
            "models:1:model_id",
        ]
    );
}

#[test]
fn a_file_that_is_no_experiment_is_an_error() {
    for (text, words) in [
        ("{\"dataset\": ", "experiment.json is not JSON"),
        ("[]", "experiment.json is not JSON"),
        ("{}", "models_path: is missing"),
        (
            "{\"models_path\": \"x\", \"models\": []}",
            "models: is empty",
        ),
        (
            "{\"models_path\": \"x\", \"models\": 3}",
            "models: is 3; it must be a list",
        ),
        (
            "{\"models_path\": \"x\", \"models\": [3]}",
            "models:0: is 3; it must be a section",
        ),
    ] {
        let error = ExperimentConfig::<ModelConfig>::parse(text, "experiment.json", &[])
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
    let error = ExperimentConfig::<ModelConfig>::load("/no/such.json", &[])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot read the experiment file /no/such.json"),
        "{error}"
    );
}
