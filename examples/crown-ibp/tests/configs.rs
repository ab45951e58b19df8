//! Every experiment file in the folder `configs`: what it says, and that its models train.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Device;
use burn_crown::{LowerSlope, Method, Norm};
use crown_ibp::config::{ExperimentConfig, Override, ScheduleType, TrainingMethod};
use crown_ibp::data::{DatasetName, ImageDataset};
use crown_ibp::training::{Images, TrainingRun};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")
}

/// The files, with their datasets and the number of their models.
const FILES: &[(&str, DatasetName, usize)] = &[
    ("cifar_crown", DatasetName::Cifar, 9),
    ("cifar_crown_large", DatasetName::Cifar, 8),
    ("cifar_dm-large_2_255", DatasetName::Cifar, 1),
    ("cifar_dm-large_8_255", DatasetName::Cifar, 1),
    ("digits_crown", DatasetName::Digits, 1),
    ("digits_ibp", DatasetName::Digits, 1),
    ("digits_l2", DatasetName::Digits, 1),
    ("experimental/mnist_convex_adv_full", DatasetName::Mnist, 10),
    ("experimental/mnist_crown_full", DatasetName::Mnist, 10),
    ("experimental/mnist_fastlin_full", DatasetName::Mnist, 10),
    ("fashion-mnist_crown", DatasetName::FashionMnist, 10),
    ("fashion-mnist_crown_large", DatasetName::FashionMnist, 8),
    ("mnist_crown", DatasetName::Mnist, 10),
    ("mnist_crown_l2", DatasetName::Mnist, 10),
    ("mnist_crown_large", DatasetName::Mnist, 8),
    ("mnist_crown_quick", DatasetName::Mnist, 1),
    ("mnist_dm-large_0.2", DatasetName::Mnist, 1),
    ("mnist_dm-large_0.4", DatasetName::Mnist, 1),
    ("svhn_crown", DatasetName::Svhn, 9),
];

fn read(name: &str, overrides: &[&str]) -> ExperimentConfig {
    let overrides: Vec<Override> = overrides.iter().map(|text| text.parse().unwrap()).collect();
    ExperimentConfig::load(folder().join(format!("{name}.json")), &overrides).unwrap()
}

#[test]
fn every_file_is_known_to_these_tests() {
    let mut found: Vec<String> = Vec::new();
    for (below, prefix) in [("", ""), ("experimental", "experimental/")] {
        for entry in std::fs::read_dir(folder().join(below)).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                found.push(format!("{prefix}{}", path.file_stem().unwrap().display()));
            }
        }
    }
    found.sort();
    let known: Vec<_> = FILES.iter().map(|(name, _, _)| *name).collect();
    assert_eq!(found, known);
}

/// The number of parameters of a class, from the definition of its layers.
fn parameters(class: &str, params: &Value, classes: usize) -> usize {
    let number = |key: &str| params[key].as_u64().map(|number| number as usize);
    let get = |key: &str| number(key).unwrap();
    let linear = |input: usize, output: usize| (input + 1) * output;
    let conv = |input: usize, output: usize, kernel: usize| (input * kernel * kernel + 1) * output;
    match class {
        "model_cnn_2layer" => {
            let (width, side, hidden) = (get("width"), get("in_dim") / 4, get("linear_size"));
            conv(get("in_ch"), 4 * width, 4)
                + conv(4 * width, 8 * width, 4)
                + linear(8 * width * side * side, hidden)
                + linear(hidden, classes)
        }
        "model_cnn_3layer_fixed" => {
            let (width, kernel) = (get("width"), get("kernel_size"));
            let side = if kernel == 3 {
                get("in_dim")
            } else {
                get("in_dim") - 4
            } / 4;
            let hidden = number("linear_size").unwrap_or(64 * width);
            conv(get("in_ch"), 4 * width, kernel)
                + conv(4 * width, 8 * width, kernel)
                + conv(8 * width, 8 * width, 4)
                + linear(8 * width * side * side, hidden)
                + linear(hidden, classes)
        }
        "model_cnn_4layer" => {
            let (width, side, hidden) = (get("width"), get("in_dim") / 4, get("linear_size"));
            conv(get("in_ch"), 4 * width, 3)
                + conv(4 * width, 4 * width, 4)
                + conv(4 * width, 8 * width, 3)
                + conv(8 * width, 8 * width, 4)
                + linear(8 * width * side * side, hidden)
                + linear(hidden, hidden)
                + linear(hidden, classes)
        }
        "IBP_large" => {
            let (side, hidden) = (get("in_dim") / 2, get("linear_size"));
            conv(get("in_ch"), 64, 3)
                + conv(64, 64, 3)
                + conv(64, 128, 3)
                + 2 * conv(128, 128, 3)
                + linear(128 * side * side, hidden)
                + linear(hidden, classes)
        }
        other => panic!("the files have no {other}"),
    }
}

#[test]
fn models_have_their_sizes() {
    let device = Device::default();
    for (name, dataset, models) in FILES {
        let experiment = read(name, &[]);
        assert_eq!(experiment.dataset, *dataset, "{name}");
        assert_eq!(experiment.models.len(), *models, "{name}");
        assert_eq!(experiment.path_prefix, PathBuf::from("runs"), "{name}");
        let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        for (entry, json) in experiment
            .models
            .iter()
            .zip(file["models"].as_array().unwrap())
        {
            let class = json["model_class"].as_str().unwrap();
            assert_eq!(entry.model.class(), class);
            assert_eq!(
                entry.model.init(&device).num_params(),
                parameters(class, &json["model_params"], 10),
                "{name}: {}",
                entry.model_id
            );
        }
    }
}

#[test]
fn hyper_parameters_are_the_published_ones() {
    let of = |name: &str| read(name, &[]).models.swap_remove(0);
    let small = of("mnist_crown").training_params;
    assert_eq!(
        (small.lr, small.epochs, small.loader_params.batch_size),
        (5e-4, 100, 256)
    );
    assert_eq!((small.schedule_start, small.ramp_end()), (1, 61));
    let rates = [60, 61, 70, 71, 81].map(|epoch| small.learning_rate(epoch));
    assert_eq!(rates, [5e-4, 5e-4, 5e-4, 2.5e-4, 1.25e-4]);
    for (name, epsilon) in [("mnist_dm-large_0.2", 0.2), ("mnist_dm-large_0.4", 0.4)] {
        let large = of(name).training_params;
        assert_eq!(large.method, TrainingMethod::RobustNatural);
        assert_eq!((large.epochs, large.epsilon), (200, epsilon));
        assert_eq!((large.schedule_start, large.ramp_end()), (10, 60));
        assert_eq!(large.lr_decay_milestones, [130, 190]);
        assert!(large.multi_gpu);
    }
    let colour = of("cifar_dm-large_8_255").training_params;
    assert_eq!((colour.epochs, colour.epsilon), (3200, 0.03451));
    assert_eq!((colour.schedule_start, colour.ramp_end()), (320, 1920));
    assert_eq!(colour.schedule_type, ScheduleType::Smoothed);
    assert_eq!(colour.lr_decay_milestones, [2600, 3040]);
    let batch = colour.loader_params.batch_size;
    assert_eq!((batch, colour.method_params.batch_multiplier), (512, 2));
    let crown_ibp = of("cifar_dm-large_2_255").training_params.method_params;
    assert_eq!(crown_ibp.final_beta, 1.0);
    let l2 = of("mnist_crown_l2").training_params;
    assert_eq!((l2.norm, l2.epsilon), (Norm::L2, 1.58));
    assert_eq!(l2.method_params.final_beta, 1.0);

    for (name, method, slope) in [
        ("mnist_crown_full", Method::Crown, LowerSlope::Adaptive),
        ("mnist_fastlin_full", Method::Crown, LowerSlope::Same),
        (
            "mnist_convex_adv_full",
            Method::ConvexAdversarial,
            LowerSlope::Adaptive,
        ),
    ] {
        let entry = of(&format!("experimental/{name}"));
        for params in [
            &entry.training_params.method_params,
            &entry.eval_params.method_params,
        ] {
            let bound = params.bound();
            assert_eq!((bound.method, bound.slope), (method, slope), "{name}");
            assert_eq!(bound.projections, None, "{name}");
        }
    }
}

/// Noise in the form of a dataset.
fn images(dataset: DatasetName, count: usize) -> Arc<ImageDataset> {
    let shape = dataset.shape();
    let pixels = (0..count * shape.iter().product::<usize>())
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 7) as u8)
        .collect();
    let labels = (0..count).map(|index| (index % 10) as u8).collect();
    Arc::new(
        ImageDataset::new(pixels, labels, shape)
            .with_statistics(dataset.statistics())
            .with_augmentation(dataset.augmentation()),
    )
}

/// The numbers of the models with the fewest and with the most parameters.
fn smallest_and_largest(name: &str) -> Vec<usize> {
    let models = read(name, &[]).models;
    let device = Device::default();
    let sizes: Vec<_> = models
        .iter()
        .map(|entry| entry.model.init(&device).num_params())
        .collect();
    let mut numbers: Vec<_> = (0..models.len()).collect();
    numbers.sort_by_key(|&number| sizes[number]);
    numbers.drain(1..(models.len() - 1).max(1));
    numbers
}

/// A figure of the last epoch in a log.
fn figure(log: &str, column: &str) -> f64 {
    let mut rows = log.lines().filter(|line| !line.starts_with('#'));
    let mut columns = rows.next().unwrap().split('\t');
    let column = columns.position(|name| name == column).unwrap();
    let row = rows.next_back().unwrap();
    row.split('\t').nth(column).unwrap().parse().unwrap()
}

/// Trains a model of a file for two steps of the optimizer at the full ε, validates it, and gives
/// the log.
fn train(name: &str, model: usize, overrides: &[&str]) -> String {
    let multiplier = |experiment: &ExperimentConfig| {
        let params = &experiment.models[model].training_params;
        params.method_params.batch_multiplier
    };
    let batches = 2 * multiplier(&read(name, overrides));
    let count = format!("training_params:loader_params:num_examples={batches}");
    let mut short = vec![
        &*count,
        "training_params:loader_params:batch_size=1",
        "training_params:loader_params:test_batch_size=2",
        // Without a ramp, the first step has the whole ε.
        "training_params:schedule_start=0",
        "training_params:schedule_length=1",
        "training_params:epochs=1",
    ];
    short.extend(overrides);
    let folder = tempfile::tempdir().unwrap();
    let experiment = read(name, &short).with_path_prefix(folder.path());
    let images = Images {
        train: images(experiment.dataset, batches),
        test: images(experiment.dataset, batches),
    };
    let entry = experiment.models[model].clone();
    let files = experiment.files(&entry);
    let run = TrainingRun::new(&entry, &images, files.clone());
    run.start()
        .unwrap_or_else(|error| panic!("{name} {overrides:?}: {error}"));
    assert!(files.last.exists(), "{name}: {}", entry.model_id);
    let log = std::fs::read_to_string(&files.train_log).unwrap();
    let [train, test] = ["train_loss", "test_loss"].map(|column| figure(&log, column));
    assert!(train > 0.0 && train.is_finite(), "{log}");
    assert!(test > 0.0 && test.is_finite(), "{log}");
    let wanted = match entry.training_params.method {
        TrainingMethod::Natural => 0.0,
        _ => entry.training_params.epsilon,
    };
    // The log has eight decimals.
    let epsilon = figure(&log, "epsilon");
    assert!((epsilon - wanted).abs() < 1e-8, "{log}");
    let verified = figure(&log, "test_verified_error");
    assert!((0.0..=100.0).contains(&verified), "{log}");
    log
}

/// Trains models of a file as the file says.
fn train_models(name: &str, models: &[usize]) {
    for &model in models {
        train(name, model, &[]);
    }
}

#[test]
fn the_files_for_grey_images_train() {
    for (name, dataset, _) in FILES {
        if dataset.shape()[0] == 1 && !name.contains("experimental") {
            train_models(name, &smallest_and_largest(name));
        }
    }
}

#[test]
fn the_files_for_colour_images_train() {
    for (name, dataset, _) in FILES {
        if dataset.shape()[0] == 3 {
            train_models(name, &smallest_and_largest(name));
        }
    }
}

/// Backward passes for thousands of neurons, of which training keeps all: the model with the fewest
/// neurons.
#[test]
fn the_experimental_files_train() {
    for (name, _, _) in FILES
        .iter()
        .filter(|(name, _, _)| name.contains("experimental"))
    {
        train_models(name, &[0]);
    }
}

/// What users of the reference program change on its command line, and every option of the loss.
#[test]
fn every_option_counts_in_training() {
    let method = |change: &str| format!("training_params:method_params:{change}");
    let training = |change: &str| format!("training_params:{change}");
    let options = [
        vec![method("bound_type=crown-full")],
        // With random projections, which is the default in training.
        vec![method("bound_type=convex-adv")],
        vec![method("bound_type=convex-adv"), method("convex-proj=null")],
        vec![method("bounded_input=false")],
        vec![training("method=natural")],
        vec![training("method=robust_natural")],
        vec![training("method=robust_natural"), method("final-kappa=0.2")],
        vec![
            training("method=robust_activity"),
            method("activity_reg=0.01"),
        ],
        vec![method("l1_reg=0.001")],
        vec![method("final-beta=1.0")],
        vec![method("final-beta=1.0"), method("runnerup_only=true")],
        vec![method("final-beta=1.0"), method("loss=fused")],
        vec![method("final-beta=1.0"), method("bound_opts:zero-lb=true")],
        vec![
            method("final-beta=1.0"),
            method("bound_opts:same-slope=true"),
        ],
        vec![method("batch_multiplier=2")],
        vec![training("norm=2"), method("bounded_input=false")],
        vec![training("norm=1"), method("bounded_input=false")],
        vec![training("epsilon=0.2")],
        vec![training("optimizer=sgd")],
        vec![training("weight_decay=0.5")],
        vec![training("lr=0.1")],
        vec![training("init=ibp")],
    ];
    let file = "mnist_crown";
    // At the full ε, that is IBP: its final β is 0.
    let mut losses = vec![(Vec::new(), figure(&train(file, 0, &[]), "train_loss"))];
    for changes in options {
        let words: Vec<_> = changes.iter().map(String::as_str).collect();
        let loss = figure(&train(file, 0, &words), "train_loss");
        losses.push((changes, loss));
    }
    for (index, (changes, loss)) in losses.iter().enumerate() {
        for (others, other) in &losses[..index] {
            assert_ne!(loss, other, "{changes:?} trains as {others:?} does");
        }
    }
}

#[test]
fn every_option_for_colour_images_counts_in_training() {
    let loss = |changes: &[&str]| figure(&train("cifar_crown", 0, changes), "train_loss");
    let as_published = loss(&[]);
    for change in [
        "training_params:loader_params:normalize_input=false",
        "training_params:loader_params:train_random_transform=false",
        "training_params:method_params:bounded_input=true",
    ] {
        assert_ne!(loss(&[change]), as_published, "{change}");
    }
}
