//! Every key of the reference's format.

use burn_crown::{LowerSlope, Method, Norm};
use serde_json::{Value, json};

use super::*;
use crate::config::keys;
use crate::models::{Cnn10LayerConfig, IbpLargeConfig, MlpUniformConfig};

/// A file that says everything, as a user of the reference program may have written it.
const EVERYTHING: &str = r#"{
    "model_def": "model_defs_gowal.py",
    "dataset": "cifar",
    "path_prefix": "kept",
    "models_path": "./everything/",
    "alpha_path": "__unused__",
    "training_params": {
        "method": "robust_activity",
        "epochs": 30,
        "lr": 0.01,
        "lr_decay_step": null,
        "lr_decay_factor": 0.1,
        "lr_decay_milestones": [20, 25],
        "weight_decay": 1e-4,
        "optimizer": "sgd",
        "starting_epsilon": 0.001,
        "epsilon": 0.00862745098,
        "schedule_start": 3,
        "schedule_length": 11,
        "schedule_type": "smoothed",
        "norm": "2",
        "verbose": true,
        "multi_gpu": true,
        "loader_params": {
            "batch_size": 512,
            "test_batch_size": 100,
            "shuffle_train": false,
            "shuffle_test": true,
            "train_random_transform": true,
            "normalize_input": true,
            "num_examples": 2000
        },
        "method_params": {
            "batch_size": 128,
            "shuffle_train": true,
            "bounded_input": false,
            "bound_type": "convex-adv",
            "runnerup_only": true,
            "activity_reg": 0.01,
            "l1_reg": 0.0001,
            "final-beta": 1,
            "final-kappa": 0,
            "convex-proj": 20,
            "bound_opts": {"same-slope": true, "zero-lb": false, "one-lb": false},
            "batch_multiplier": 2
        }
    },
    "attack_params": {"batch_size": 128, "eps_start": 0.0, "eps_end": 0.03137, "eps_step": 9},
    "cert_params": {
        "batch_size": 128,
        "num_examples": 1000,
        "epsilon": 0.3,
        "bounded_input": true,
        "data_ub": 1.0,
        "data_lb": 0.0
    },
    "eval_params": {
        "method": "natural",
        "epsilon": 0.007843,
        "norm": 1,
        "verbose": true,
        "loader_params": {"batch_size": 128, "test_batch_size": null, "normalize_input": true},
        "method_params": {
            "bounded_input": false,
            "bound_type": "crown-full",
            "bound_opts": {"zero-lb": true}
        }
    },
    "models": [
        {
            "model_id": "large",
            "model_class": "IBP_large",
            "model_params": {"in_ch": 3, "in_dim": 32}
        },
        {
            "model_id": "deep_@@",
            "repeats": 2,
            "model_class": "model_cnn_10layer",
            "model_params": {"in_ch": 3, "in_dim": 32, "width": 2},
            "training_params": {"method": "natural", "method_params": {"batch_multiplier": 1}},
            "eval_params": {"norm": "inf", "method_params": {"bounded_input": true}}
        },
        {
            "model_id": "flat",
            "ignore": false,
            "model_class": "model_mlp_uniform",
            "model_params": {"in_dim": 3072, "layer": 4, "neurons": 50, "out_dim": 10}
        },
        {
            "model_id": "left_out",
            "ignore": true,
            "model_class": "model_of_mine",
            "model_params": {}
        }
    ]
}"#;

fn everything() -> Value {
    serde_json::from_str(EVERYTHING).unwrap()
}

#[test]
fn a_users_file_with_every_key_is_read() {
    let experiment: ExperimentConfig =
        ExperimentConfig::parse(EVERYTHING, "everything.json", &[]).unwrap();
    assert_eq!(experiment.dataset, DatasetName::Cifar);
    assert_eq!(experiment.path_prefix, PathBuf::from("kept"));
    let attack = experiment.attack_params.as_ref().unwrap();
    assert_eq!((attack.eps_end, attack.eps_step), (0.03137, 9));
    let ids: Vec<_> = experiment.models.iter().map(|m| &m.model_id).collect();
    assert_eq!(ids, ["large", "deep_1", "deep_2", "flat"]);
    let models: Vec<_> = experiment.models.iter().map(|m| m.model.clone()).collect();
    let deep = ModelConfig::Cnn10Layer(Cnn10LayerConfig::new(3, 32, 2));
    assert_eq!(
        models,
        [
            ModelConfig::IbpLarge(IbpLargeConfig::new(3, 32).with_linear_size(512)),
            deep.clone(),
            deep,
            ModelConfig::MlpUniform(MlpUniformConfig::new(3072, 4, 50)),
        ]
    );

    let [large, deep, ..] = &experiment.models[..] else {
        unreachable!()
    };
    assert_eq!(
        large.training_params,
        TrainingParams {
            method: TrainingMethod::RobustActivity,
            epochs: 30,
            lr: 0.01,
            lr_decay_step: None,
            lr_decay_factor: 0.1,
            lr_decay_milestones: vec![20, 25],
            weight_decay: 1e-4,
            optimizer: Optimizer::Sgd,
            starting_epsilon: 0.001,
            epsilon: 0.00862745098,
            schedule_start: 3,
            schedule_length: 11,
            schedule_type: ScheduleType::Smoothed,
            norm: Norm::L2,
            verbose: true,
            multi_gpu: true,
            init: Initialization::Default,
            clean_outputs: true,
            loader_params: LoaderParams {
                batch_size: 512,
                test_batch_size: 100,
                shuffle_train: false,
                shuffle_test: true,
                train_random_transform: true,
                normalize_input: true,
                num_examples: Some(2000),
            },
            method_params: MethodParams {
                bounded_input: false,
                bound_type: BoundType::ConvexAdv,
                loss: LossBound::Margins,
                final_beta: 1.0,
                final_kappa: 0.0,
                runnerup_only: true,
                activity_reg: 0.01,
                l1_reg: 1e-4,
                convex_proj: Some(20),
                batch_multiplier: 2,
                bound_opts: BoundOpts {
                    same_slope: true,
                    ..BoundOpts::default()
                },
            },
        }
    );
    let eval = &large.eval_params;
    assert_eq!((eval.method, eval.verbose), (TrainingMethod::Natural, true));
    assert_eq!((eval.epsilon, eval.norm), (0.007843, Norm::L1));
    assert_eq!(eval.loader_params.test_batch_size, 128);
    assert!(eval.loader_params.normalize_input);
    let bound = eval.method_params.bound();
    assert_eq!(
        (bound.method, bound.slope, bound.projections),
        (Method::Crown, LowerSlope::Zero, None)
    );

    assert_eq!(deep.training_params.method, TrainingMethod::Natural);
    let own = &deep.training_params.method_params;
    assert_eq!((own.batch_multiplier, own.convex_proj), (1, Some(20)));
    assert_eq!(deep.eval_params.norm, Norm::Linf);
    assert!(deep.eval_params.method_params.bounded_input);
    let bound = deep.eval_params.method_params.bound();
    assert_eq!(
        bound.slope,
        LowerSlope::Zero,
        "the file's other options stay"
    );
}

#[test]
fn weights_can_start_for_intervals() {
    let experiment = parse(&file(), &["training_params:init=ibp"]).unwrap();
    assert_eq!(
        experiment.models[0].training_params.init,
        Initialization::Ibp
    );
}

#[test]
fn the_outputs_of_training_images_can_be_left_out() {
    let experiment = parse(&file(), &["training_params:clean_outputs=false"]).unwrap();
    assert!(!experiment.models[0].training_params.clean_outputs);
    let problems = problems_with("/training_params/clean_outputs", json!("no"));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].contains("training_params:clean_outputs"),
        "{problems:?}"
    );
}

/// A list of lists is no value of any key.
#[test]
fn no_key_takes_a_value_of_another_type() {
    let sections: &[(&str, &[&str])] = &[
        ("", keys::TOP),
        ("training_params", keys::TRAINING),
        ("training_params:loader_params", keys::LOADER),
        ("training_params:method_params", keys::METHOD),
        ("training_params:method_params:bound_opts", keys::BOUND_OPTS),
        ("eval_params", keys::EVAL),
        ("eval_params:loader_params", keys::LOADER),
        ("eval_params:method_params", keys::METHOD),
        ("eval_params:method_params:bound_opts", keys::BOUND_OPTS),
        ("attack_params", keys::ATTACK),
        ("models:0", keys::MODEL),
        ("models:0:model_params", &["in_ch", "in_dim", "linear_size"]),
        ("models:1:model_params", &["in_ch", "in_dim", "width"]),
        (
            "models:2:model_params",
            &["in_dim", "layer", "neurons", "out_dim"],
        ),
    ];
    for (section, known) in sections {
        for key in *known {
            // The reference's own defaults put these two here, where nothing reads them.
            let unread =
                section.ends_with("method_params") && ["batch_size", "shuffle_train"].contains(key);
            // A list is right here; what is wrong is what it lists.
            if unread || *key == "models" {
                continue;
            }
            let pointer = match *section {
                "" => format!("/{key}"),
                section => format!("/{}/{key}", section.replace(':', "/")),
            };
            let mut file = everything();
            let parent = pointer.rsplit_once('/').unwrap().0;
            file.pointer_mut(parent).unwrap()[*key] = json!([[]]);
            let path = pointer[1..].replace('/', ":");
            let problems = problems_of(&file);
            assert!(
                problems
                    .iter()
                    .any(|problem| problem.starts_with(&format!("{path}: is [[]]; it must be "))),
                "{path}: {problems:?}"
            );
        }
    }
}
