#![allow(clippy::unwrap_used)]

mod all_keys;
mod refused;
mod unfit;

use std::path::PathBuf;

use burn_crown::{LowerSlope, Method, Norm};
use serde_json::{Value, json};

use super::*;
use crate::data::DatasetName;
use crate::models::{Cnn2LayerConfig, ModelConfig};

/// A file with the keys of the reference's `mnist_crown.json`.
fn file() -> Value {
    json!({
        "model_def": "model_defs.py",
        "dataset": "mnist",
        "path_prefix": "",
        "models_path": "./mnist_crown/",
        "training_params": {
            "method": "robust",
            "epochs": 100,
            "lr": 5e-4,
            "weight_decay": 0.0,
            "optimizer": "adam",
            "schedule_start": 1,
            "starting_epsilon": 0.0,
            "epsilon": 0.3,
            "schedule_length": 61,
            "norm": "inf",
            "verbose": false,
            "loader_params": {"batch_size": 256, "test_batch_size": 128, "shuffle_train": true},
            "method_params": {"bounded_input": true, "bound_type": "crown-interval"}
        },
        "attack_params": {"batch_size": 128, "eps_start": 0.0, "eps_end": 0.3, "eps_step": 16},
        "cert_params": {"batch_size": 128, "num_examples": 1000, "data_ub": 1.0},
        "eval_params": {
            "method": "robust",
            "epsilon": 0.3,
            "norm": "inf",
            "verbose": false,
            "loader_params": {"batch_size": 256, "test_batch_size": 256, "shuffle_train": true},
            "method_params": {"bounded_input": true, "bound_type": "interval"}
        },
        "models": [
            {
                "model_id": "small",
                "model_class": "model_cnn_2layer",
                "model_params": {"in_ch": 1, "in_dim": 28, "width": 1, "linear_size": 128}
            },
            {
                "model_id": "fixed",
                "model_class": "model_cnn_3layer_fixed",
                "model_params": {"in_ch": 1, "in_dim": 28, "kernel_size": 5, "width": 2}
            },
        ]
    })
}

fn parse(file: &Value, overrides: &[&str]) -> Result<ExperimentConfig, ConfigError> {
    let overrides: Vec<_> = overrides.iter().map(|text| text.parse().unwrap()).collect();
    ExperimentConfig::parse(&file.to_string(), "experiment.json", &overrides)
}

/// The problems of the file with one value set, as `path: message`.
fn problems_with(pointer: &str, value: Value) -> Vec<String> {
    let mut file = file();
    let (section, key) = pointer.rsplit_once('/').unwrap();
    match file.pointer_mut(section).unwrap() {
        Value::Object(section) => {
            section.insert(key.into(), value);
        }
        Value::Array(section) => section[key.parse::<usize>().unwrap()] = value,
        _ => unreachable!(),
    }
    problems_of(&file)
}

fn problems_of(file: &Value) -> Vec<String> {
    match parse(file, &[]) {
        Ok(_) => Vec::new(),
        Err(ConfigError::Problems { problems, .. }) => {
            problems.iter().map(ToString::to_string).collect()
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_file_of_the_reference_is_read() {
    let experiment = parse(&file(), &[]).unwrap();
    assert_eq!(experiment.dataset, DatasetName::Mnist);
    // Of `./mnist_crown/`.
    assert_eq!(experiment.models_path.as_os_str(), "mnist_crown");
    assert_eq!(experiment.models.len(), 2);
    assert_eq!(experiment.attack_params.as_ref().unwrap().eps_step, 16);
    let small = &experiment.models[0];
    assert_eq!(small.model_id, "small");
    let config = Cnn2LayerConfig::new(1, 28, 1).with_linear_size(128);
    assert_eq!(small.model, ModelConfig::Cnn2Layer(config));
    assert_eq!(
        small.training_params,
        TrainingParams {
            method: TrainingMethod::Robust,
            epochs: 100,
            lr: 5e-4,
            lr_decay_step: Some(10),
            lr_decay_factor: 0.5,
            lr_decay_milestones: vec![],
            weight_decay: 0.0,
            optimizer: Optimizer::Adam,
            starting_epsilon: 0.0,
            epsilon: 0.3,
            schedule_start: 1,
            schedule_length: 61,
            schedule_type: ScheduleType::Linear,
            norm: Norm::Linf,
            verbose: false,
            multi_gpu: false,
            init: Initialization::Default,
            clean_outputs: true,
            loader_params: LoaderParams {
                batch_size: 256,
                test_batch_size: 128,
                shuffle_train: true,
                shuffle_test: false,
                train_random_transform: false,
                normalize_input: false,
                num_examples: None,
            },
            method_params: MethodParams {
                bounded_input: true,
                bound_type: BoundType::CrownInterval,
                loss: LossBound::Margins,
                final_beta: 0.0,
                final_kappa: 0.5,
                runnerup_only: false,
                activity_reg: 0.0,
                l1_reg: 0.0,
                convex_proj: Some(50),
                batch_multiplier: 1,
                bound_opts: BoundOpts::default(),
            },
        }
    );
    let eval = &small.eval_params;
    assert_eq!(eval.method_params.bound_type.method(), Method::Interval);
    assert_eq!(
        eval.method_params.final_beta, 1.0,
        "the default of evaluation is its own"
    );
    assert_eq!(eval.loader_params.test_batch_size, 256);
}

#[test]
fn overrides_come_before_the_file_and_may_be_new_keys() {
    let experiment = parse(
        &file(),
        &[
            "training_params:epsilon=0.4",
            "training_params:method_params:bound_opts:same-slope=true",
            "training_params:method=robust_natural",
            "training_params:lr_decay_step=null",
            "training_params:lr_decay_milestones=[2, 5]",
            "eval_params:loader_params:num_examples=100",
            "dataset=digits",
        ],
    )
    .unwrap();
    let training = &experiment.models[1].training_params;
    assert_eq!(training.epsilon, 0.4);
    assert_eq!(
        training.method_params.bound_opts.lower_slope(),
        LowerSlope::Same
    );
    assert_eq!(training.method, TrainingMethod::RobustNatural);
    assert_eq!(training.lr_decay_milestones, [2, 5]);
    let eval = &experiment.models[1].eval_params;
    assert_eq!(eval.loader_params.num_examples, Some(100));
    assert_eq!(eval.epsilon, 0.3);
    assert_eq!(experiment.dataset, DatasetName::Digits);

    let error = parse(&file(), &["training_params:epsilom=0.4"])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(
            "training_params:epsilom: unknown key; the nearest known one is training_params:epsilon"
        ),
        "{error}"
    );
}

#[test]
fn a_models_own_parameters_come_first() {
    let mut file = file();
    file["models"][1]["training_params"] =
        json!({"epsilon": 0.1, "method_params": {"final-beta": 0.5}});
    file["models"][1]["eval_params"] = json!({"method_params": {"bound_type": "crown-full"}});
    let experiment = parse(&file, &["training_params:epsilon=0.2"]).unwrap();
    let [first, second] = &experiment.models[..] else {
        unreachable!()
    };
    assert_eq!(
        (
            first.training_params.epsilon,
            second.training_params.epsilon
        ),
        (0.2, 0.1)
    );
    assert_eq!(second.training_params.method_params.final_beta, 0.5);
    assert_eq!(
        second.training_params.method_params.bound_type,
        BoundType::CrownInterval
    );
    assert_eq!(
        second.eval_params.method_params.bound_type,
        BoundType::CrownFull
    );
    assert!(second.eval_params.method_params.bounded_input);
    assert_eq!(
        first.eval_params.method_params.bound_type,
        BoundType::Interval
    );

    file["models"][1]["training_params"]["epsilon"] = json!(-1);
    assert_eq!(
        problems_of(&file),
        ["models:1:training_params:epsilon: is -1; it must not be negative",]
    );
}

#[test]
fn every_bound_type_is_a_method() {
    let types = [
        ("interval", Method::Interval),
        ("crown-interval", Method::CrownIbp),
        ("crown-full", Method::Crown),
        ("convex-adv", Method::ConvexAdversarial),
        ("forward", Method::Forward),
        ("forward-backward", Method::ForwardBackward),
    ];
    for (name, method) in types {
        let mut file = file();
        file["training_params"]["method_params"]["bound_type"] = json!(name);
        let experiment = parse(&file, &[]).unwrap();
        let training = &experiment.models[0].training_params;
        assert_eq!(training.method_params.bound_type.method(), method, "{name}");
    }
}

#[test]
fn ignored_models_go_and_repeats_are_numbered() {
    let mut file = file();
    file["models"][0]["ignore"] = json!(true);
    file["models"][0]["model_class"] = json!("model_of_the_future");
    file["models"][1]["repeats"] = json!(3);
    file["models"][1]["model_id"] = json!("fixed_@@");
    let experiment = parse(&file, &[]).unwrap();
    let ids: Vec<_> = experiment
        .models
        .iter()
        .map(|model| model.model_id.as_str())
        .collect();
    assert_eq!(ids, ["fixed_1", "fixed_2", "fixed_3"]);

    let selected = experiment.clone().select_models(&[2, 0]).unwrap();
    assert_eq!(
        selected.models,
        [experiment.models[2].clone(), experiment.models[0].clone()]
    );
    let error = experiment.select_models(&[0, 3]).unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no model 3: experiment.json has 3 models, numbered from 0"
    );

    file["models"][1]["model_id"] = json!("fixed");
    let problems = problems_of(&file);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("models:1:model_id: is the name of two models"));
}

#[test]
fn the_learning_rate_decays_from_the_end_of_the_ramp_or_at_milestones() {
    let mut params = parse(&file(), &[]).unwrap().models[0]
        .training_params
        .clone();
    (params.schedule_start, params.schedule_length) = (1, 7);
    (params.lr, params.lr_decay_factor, params.lr_decay_step) = (0.8, 0.5, Some(10));
    assert_eq!((params.ramp_end(), params.first_best_epoch()), (7, 8));
    let rates = [0, 7, 16, 17, 26, 27].map(|epoch| params.learning_rate(epoch));
    assert_eq!(rates, [0.8, 0.8, 0.8, 0.4, 0.4, 0.2]);
    (params.lr_decay_step, params.lr_decay_milestones) = (None, vec![3, 5]);
    let rates = [0, 2, 3, 4, 5, 50].map(|epoch| params.learning_rate(epoch));
    assert_eq!(rates, [0.8, 0.8, 0.4, 0.4, 0.2, 0.2]);
}

#[test]
fn files_are_named_after_the_model() {
    let experiment = parse(&file(), &[]).unwrap().with_path_prefix("runs");
    let files = experiment.files(&experiment.models[0]);
    assert_eq!(files.last, PathBuf::from("runs/./mnist_crown/small.bpk"));
    assert_eq!(
        files.best,
        PathBuf::from("runs/./mnist_crown/small_best.bpk")
    );
    assert_eq!(
        files.train_log,
        PathBuf::from("runs/./mnist_crown/small.log")
    );
    assert_eq!(
        files.eval_log,
        PathBuf::from("runs/./mnist_crown/small_test.log")
    );
}
