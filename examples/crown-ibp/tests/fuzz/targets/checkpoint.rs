//! Checkpoints of training.

use std::sync::{Arc, LazyLock};

use burn::tensor::Device;
use crown_ibp::config::{ExperimentConfig, ModelEntry, ModelFiles};
use crown_ibp::data::ImageDataset;
use crown_ibp::models::MlpAnyConfig;
use crown_ibp::models::ModelConfig;
use crown_ibp::training::{Images, Standing, TrainingRun};
use crown_ibp::weights::load_weights;
use flate2::Crc;

use super::Outcome;
use super::files::{folder, put};

/// An experiment whose model is replaced by one that trains in a moment.
const EXPERIMENT: &str = r#"{
    "dataset": "mnist",
    "models_path": "models",
    "training_params": {
        "method": "robust",
        "epochs": 1,
        "lr": 1e-3,
        "lr_decay_step": 3,
        "optimizer": "adam",
        "epsilon": 0.02,
        "schedule_start": 0,
        "schedule_length": 1,
        "loader_params": {"batch_size": 4},
        "method_params": {"bounded_input": true, "bound_type": "interval"}
    },
    "eval_params": {
        "method": "natural",
        "verbose": false,
        "epsilon": 0.02,
        "loader_params": {"batch_size": 4},
        "method_params": {"bounded_input": true, "bound_type": "interval"}
    },
    "models": [
        {
            "model_id": "net",
            "model_class": "model_mlp_any",
            "model_params": {"in_dim": 784, "neurons": [2]}
        }
    ]
}"#;

struct Training {
    entry: ModelEntry,
    images: Images,
}

static TRAINING: LazyLock<Training> = LazyLock::new(|| {
    let experiment: ExperimentConfig =
        ExperimentConfig::parse(EXPERIMENT, "experiment.json", &[]).unwrap();
    let mut entry = experiment.models[0].clone();
    entry.model = ModelConfig::MlpAny(MlpAnyConfig::new(4, vec![2]).with_out_dim(3));
    let images = |labels: &[u8]| {
        let pixels = labels.iter().flat_map(|label| [50 * label; 4]).collect();
        Arc::new(ImageDataset::new(pixels, labels.into(), [1, 2, 2]))
    };
    let images = Images {
        train: images(&[0, 1, 2, 0]),
        test: images(&[2, 1]),
    };
    Training { entry, images }
});

fn run(entry: &ModelEntry) -> TrainingRun<'_, ModelConfig> {
    let files = ModelFiles::of(folder(), "net");
    TrainingRun::new(entry, &TRAINING.images, files).with_devices(vec![Device::flex()])
}

/// The checkpoint after the only epoch.
pub(crate) fn valid_checkpoint() -> Vec<u8> {
    let run = run(&TRAINING.entry);
    run.start().unwrap();
    std::fs::read(&run.files().checkpoint).unwrap()
}

/// A checkpoint, from which training continues; and the same with the sum of its content, so that
/// the content is looked at.
pub(crate) fn checkpoint(bytes: &[u8]) -> Outcome {
    let outcome = resumed(bytes);
    if let Some((body, _)) = bytes.split_last_chunk::<4>() {
        let mut sum = Crc::new();
        sum.update(body);
        let sealed = [body, &sum.sum().to_le_bytes()].concat();
        if sealed != bytes {
            assert!(outcome.is_err(), "the sum is wrong");
            // Whatever comes of it, it is no panic.
            let _ = resumed(&sealed);
        }
    }
    outcome
}

/// What `train --resume` does with a checkpoint.
pub(crate) fn resumed(bytes: &[u8]) -> Outcome {
    let entry = &TRAINING.entry;
    let run = run(entry);
    let path = put(&run.files().checkpoint, bytes);
    let Standing::Run(state) = run.standing().map_err(|error| {
        let words = error.to_string();
        let name = path.to_string_lossy();
        assert!(words.contains(&*name), "names no file: {words}");
        assert!(words.contains("--restart"), "says not what to do: {words}");
        words
    })?
    else {
        unreachable!("the checkpoint is there")
    };
    let differences = state.run.differences(&run.identity().unwrap());
    if let Some(first) = differences.first() {
        return Err(first.to_string());
    }
    // The program asks for more epochs than are done, or mends a finished run.
    if state.epochs != entry.training_params.epochs {
        return Err(format!("{} epochs are done", state.epochs));
    }
    run.mend().map_err(|error| error.to_string())?;
    let last = &run.files().last;
    load_weights(&entry.model, &Device::flex(), last).map_err(|error| error.to_string())?;
    run.resume().map(|_| ()).map_err(|error| error.to_string())
}
