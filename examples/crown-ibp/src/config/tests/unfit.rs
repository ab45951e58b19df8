//! What does not fit together.

use burn_crown::train::RobustLoss;
use burn_crown::{Method, Norm, Projections};
use serde_json::json;

use super::{file, parse, problems_of, problems_with};

#[test]
fn classes_and_datasets_that_are_not_known_are_refused_with_the_nearest() {
    for (pointer, value, words) in [
        (
            "/dataset",
            json!("cifar10"),
            "dataset: is \"cifar10\"; it must be one of \"mnist\", \"fashion-mnist\", \"cifar\", \
             \"svhn\", \"digits\"; the nearest is \"cifar\"",
        ),
        (
            "/models/0/model_class",
            json!("model_cnn_2_layer"),
            "models:0:model_class: is \"model_cnn_2_layer\", which is no known class; the \
             nearest is \"model_cnn_2layer\"",
        ),
        (
            "/models/0/model_class",
            json!("model_cnn_3layer"),
            "models:0:model_class: is \"model_cnn_3layer\", which is no known class; the \
             nearest is \"model_cnn_3layer_fixed\"",
        ),
    ] {
        let problems = problems_with(pointer, value);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0], words);
    }
}

#[test]
fn grey_images_are_not_augmented() {
    for dataset in ["mnist", "digits"] {
        let mut file = file();
        file["dataset"] = json!(dataset);
        file["training_params"]["loader_params"]["train_random_transform"] = json!(true);
        file["training_params"]["loader_params"]["normalize_input"] = json!(true);
        assert_eq!(
            problems_of(&file),
            [format!(
                "training_params:loader_params:train_random_transform: is true; it must be \
                 false: images of {dataset} are not cropped or flipped"
            )]
        );
    }
}

#[test]
fn estimates_do_not_verify() {
    let mut file = file();
    file["eval_params"]["method_params"]["convex-proj"] = json!(50);
    assert!(problems_of(&file).is_empty(), "intervals project nothing");
    file["eval_params"]["method_params"]["bound_type"] = json!("convex-adv");
    file["training_params"]["method_params"]["bound_type"] = json!("convex-adv");
    assert_eq!(
        problems_of(&file),
        [
            "eval_params:method_params:convex-proj: is 50; it must be null: random projections \
             estimate the bound, and an estimate certifies nothing"
        ]
    );
    file["eval_params"]["method_params"]["convex-proj"] = json!(null);
    let experiment = parse(&file, &[]).unwrap();
    let model = &experiment.models[0];
    let bound = model.training_params.method_params.bound();
    assert_eq!(bound.method, Method::ConvexAdversarial);
    assert_eq!(bound.projections, Some(Projections::new(50)));
    assert_eq!(model.eval_params.method_params.bound().projections, None);
}

#[test]
fn projections_are_for_two_norms() {
    let mut file = file();
    let training = &mut file["training_params"];
    training["method_params"] = json!({"bounded_input": false, "bound_type": "convex-adv"});
    for (norm, fits) in [("inf", true), ("2", true), ("1", false), ("3", false)] {
        file["training_params"]["norm"] = json!(norm);
        let problems = problems_of(&file);
        assert_eq!(problems.is_empty(), fits, "norm {norm}: {problems:?}");
        let words = "training_params:method_params:convex-proj: is 50; it must be null";
        assert!(problems.iter().all(|problem| problem.starts_with(words)));
    }
    file["training_params"]["method_params"]["convex-proj"] = json!(null);
    assert!(
        problems_of(&file).is_empty(),
        "the exact bound has every norm"
    );
}

#[test]
fn the_fused_loss_is_for_robust_training_on_every_class() {
    let mut fused = file();
    fused["training_params"]["method_params"]["loss"] = json!("fused");
    let experiment = parse(&fused, &[]).unwrap();
    let model = &experiment.models[0];
    assert_eq!(
        model.training_params.method_params.loss.loss(),
        RobustLoss::Fused
    );
    assert_eq!(
        model.eval_params.method_params.loss.loss(),
        RobustLoss::Margins
    );
    for (pointer, value, words) in [
        (
            "/training_params/method",
            json!("natural"),
            "where the method is \"natural\", which has no robust loss",
        ),
        (
            "/training_params/method_params/runnerup_only",
            json!(true),
            "beside runnerup_only, which leaves out the classes that it sums over; choose one",
        ),
        (
            "/training_params/method_params/bound_type",
            json!("convex-adv"),
            "with random projections, which bound nothing; or set convex-proj to null",
        ),
    ] {
        let mut file = fused.clone();
        let (section, key) = pointer.rsplit_once('/').unwrap();
        file.pointer_mut(section).unwrap()[key] = value;
        let problem = format!(
            "training_params:method_params:loss: is \"fused\"; it must be \"margins\" {words}"
        );
        assert_eq!(problems_of(&file), [problem]);
    }
    let mut exact = fused.clone();
    exact["training_params"]["method_params"]["bound_type"] = json!("convex-adv");
    exact["training_params"]["method_params"]["convex-proj"] = json!(null);
    assert!(problems_of(&exact).is_empty());

    fused["eval_params"]["method_params"]["loss"] = json!("fused");
    assert_eq!(
        problems_of(&fused),
        [
            "eval_params:method_params:loss: is \"fused\"; it must be \"margins\": the fused loss \
             bounds no margin by itself, so it certifies nothing"
        ]
    );
    let word = problems_with("/training_params/method_params/loss", json!("fuse"));
    assert_eq!(
        word,
        [
            "training_params:method_params:loss: is \"fuse\"; it must be one of \"margins\", \
             \"fused\"; the nearest is \"fused\""
        ]
    );
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
        (
            "model_mlp_uniform",
            json!({"in_dim": 784, "layer": 1, "neurons": 5}),
            "layer: is 1; it must be at least 2",
        ),
        (
            "model_mlp_uniform",
            json!({"in_dim": 784, "layer": 2, "neurons": [5]}),
            "neurons: is [5]; it must be a whole number",
        ),
        (
            "model_cnn_1layer",
            json!({"in_ch": 1, "in_dim": 28, "width": 1, "linear_size": 5}),
            "linear_size: unknown key",
        ),
        (
            "model_cnn_10layer",
            json!({"in_ch": 1, "in_dim": 32, "width": 1}),
            "in_dim: is 32; it must be 28",
        ),
        (
            "IBP_large",
            json!({"in_ch": 1, "in_dim": 28, "linear_size": 0}),
            "linear_size: is 0; it must be at least 1",
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

#[test]
fn a_debug_model_is_for_grey_images() {
    let model = |in_ch, in_dim| {
        json!({
            "model_id": "x",
            "model_class": "IBP_debug",
            "model_params": {"in_ch": in_ch, "in_dim": in_dim, "linear_size": 7},
        })
    };
    let mut file = file();
    file["models"][0] = model(1, 28);
    assert!(problems_of(&file).is_empty());
    file["dataset"] = json!("cifar");
    file["models"] = json!([model(3, 32)]);
    assert_eq!(
        problems_of(&file),
        ["models:0:model_params:in_ch: is 3; it must be 1: IBP_debug is for grey images"]
    );
}
