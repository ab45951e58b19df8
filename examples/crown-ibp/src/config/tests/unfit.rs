//! What does not fit together, or not this version.

use burn_crown::Norm;
use serde_json::json;

use super::{file, parse, problems_of, problems_with};

#[test]
fn what_this_version_does_not_have_is_refused_with_the_reason() {
    for (pointer, value, words) in [
        (
            "/dataset",
            json!("cifar"),
            "dataset: is \"cifar\"; it is not yet supported",
        ),
        (
            "/training_params/multi_gpu",
            json!(true),
            "training_params:multi_gpu: is true; it is not yet supported",
        ),
        (
            "/training_params/method",
            json!("robust_activity"),
            "training_params:method: is \"robust_activity\"; it is not yet",
        ),
        (
            "/training_params/method_params/bound_type",
            json!("convex-adv"),
            "training_params:method_params:bound_type: is \"convex-adv\"; it is not yet",
        ),
        (
            "/training_params/method_params/runnerup_only",
            json!(true),
            "training_params:method_params:runnerup_only: is true; it is not yet",
        ),
        (
            "/training_params/method_params/l1_reg",
            json!(0.1),
            "training_params:method_params:l1_reg: is 0.1; it must be 0",
        ),
        (
            "/training_params/method_params/batch_multiplier",
            json!(2),
            "training_params:method_params:batch_multiplier: is 2; it must be 1",
        ),
        (
            "/training_params/loader_params/train_random_transform",
            json!(true),
            "training_params:loader_params:train_random_transform: is true; it must be false",
        ),
        (
            "/eval_params/method_params/bound_type",
            json!("convex-adv"),
            "eval_params:method_params:bound_type: is \"convex-adv\"; it is not yet",
        ),
        (
            "/models/0/model_class",
            json!("IBP_large"),
            "models:0:model_class: is \"IBP_large\"; it is not yet",
        ),
        (
            "/models/0/model_class",
            json!("model_cnn_2_layer"),
            "models:0:model_class: is \"model_cnn_2_layer\", which is no known class; the \
             nearest is \"model_cnn_2layer\"",
        ),
    ] {
        let problems = problems_with(pointer, value);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with(words),
            "{problems:?} is not {words}"
        );
    }
}

#[test]
fn clipping_is_for_the_linf_norm_only() {
    let mut file = file();
    file["training_params"]["norm"] = json!("2");
    let problems = problems_of(&file);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("training_params:method_params:bounded_input: is true"));
    file["training_params"]["method_params"]["bounded_input"] = json!(false);
    assert_eq!(
        parse(&file, &[]).unwrap().models[0].training_params.norm,
        Norm::L2
    );
}

#[test]
fn models_must_fit_the_images() {
    let model = "/models/0/model_params";
    for (params, words) in [
        (
            json!({"in_ch": 3, "in_dim": 28, "width": 1}),
            "in_ch: is 3; it must be 1: the images of mnist are 1 × 28 × 28",
        ),
        (
            json!({"in_ch": 1, "in_dim": 32, "width": 1}),
            "in_dim: is 32; it must be 28",
        ),
        (json!({"in_ch": 1, "in_dim": 28}), "width: is missing"),
        (
            json!({"in_ch": 1, "in_dim": 28, "width": 0}),
            "width: is 0; it must be at least 1",
        ),
        (
            json!({"in_ch": 1, "in_dim": 28, "width": 1, "linear_size": 0}),
            "linear_size: is 0",
        ),
    ] {
        let problems = problems_with(model, params);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with(&format!("models:0:model_params:{words}")),
            "{problems:?}"
        );
    }
    for (class, params, words) in [
        (
            "model_mlp_any",
            json!({"in_dim": 784, "neurons": []}),
            "neurons: is []",
        ),
        (
            "model_mlp_any",
            json!({"in_dim": 28, "neurons": [5]}),
            "in_dim: is 28; it must be 784",
        ),
        (
            "model_mlp_any",
            json!({"in_dim": 784, "neurons": [5], "out_dim": 2}),
            "out_dim: is 2",
        ),
        (
            "model_cnn_3layer_fixed",
            json!({"in_ch": 1, "in_dim": 28, "kernel_size": 4, "width": 1}),
            "kernel_size: is 4; it must be 3 or 5",
        ),
        (
            "model_cnn_4layer",
            json!({"in_ch": 1, "in_dim": 28, "width": 1}),
            "linear_size: is missing",
        ),
    ] {
        let model = json!({"model_id": "x", "model_class": class, "model_params": params});
        let problems = problems_with("/models/0", model);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with(&format!("models:0:model_params:{words}")),
            "{problems:?}"
        );
    }
}

#[test]
fn natural_training_needs_no_bound() {
    let mut file = file();
    file["training_params"]["method"] = json!("natural");
    file["training_params"]
        .as_object_mut()
        .unwrap()
        .remove("method_params");
    assert!(parse(&file, &[]).is_ok());
    file["training_params"]["method"] = json!("robust");
    let problems = problems_of(&file);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("training_params:method_params:bounded_input: is missing"));
    assert!(problems[1].starts_with("training_params:method_params:bound_type: is missing"));
}
