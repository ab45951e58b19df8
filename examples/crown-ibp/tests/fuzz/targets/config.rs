//! Experiment files, with overrides of the command line.

use burn_crown::train::{EpsilonSchedule, RobustDataLoader};
use crown_ibp::config::{ExperimentConfig, ModelEntry, Override};
use crown_ibp::data::{DatasetName, ImageDataset};
use crown_ibp::training::{objective, verification};

use super::Outcome;
use super::files::{folder, put};

/// An experiment file; behind a zero byte, a line for each override.
pub(crate) fn config(bytes: &[u8]) -> Outcome {
    let mut parts = bytes.splitn(2, |&byte| byte == 0);
    let path = put("experiment.json", parts.next().unwrap_or_default());
    let overrides = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let overrides: Vec<Override> = overrides
        .lines()
        .map(|line| line.parse().map_err(refusal))
        .collect::<Result<_, _>>()?;
    let experiment: ExperimentConfig = ExperimentConfig::load(&path, &overrides)
        .map_err(refusal)?
        .with_path_prefix(folder());
    let first = experiment.clone().select_models(&[0]).map_err(refusal)?;
    assert_eq!(first.models, experiment.models[..1]);
    assert!(experiment.select_models(&[usize::MAX]).is_err());
    for entry in &first.models {
        use_entry(first.dataset, entry);
        let files = first.files(entry);
        assert!(files.last.starts_with(folder().join(&first.models_path)));
    }
    Ok(())
}

fn refusal(error: impl std::error::Error) -> String {
    error.to_string()
}

/// What is made of an accepted model before its weights are.
fn use_entry(dataset: DatasetName, entry: &ModelEntry) {
    let (params, eval) = (&entry.training_params, &entry.eval_params);
    assert!(params.learning_rate(params.epochs).is_finite());
    assert!(params.ramp_end() < params.first_best_epoch());

    let shape = dataset.shape();
    let items = 3;
    let pixels = vec![7; items * shape.iter().product::<usize>()];
    let images = ImageDataset::new(pixels, vec![1; items], shape)
        .with_statistics(dataset.statistics())
        .normalized(params.loader_params.normalize_input);
    let (normalization, batcher) = (images.normalization(), images.batcher());
    let loader = RobustDataLoader::new(
        std::sync::Arc::new(images),
        batcher,
        params.loader_params.batch_size,
    )
    .unwrap()
    .with_shared_batches()
    .with_accumulation(params.method_params.batch_multiplier);
    let given: usize = loader
        .epoch(params.epochs)
        .map(|batch| batch.unwrap().images.dims()[0])
        .sum();
    assert_eq!(given, items);

    objective(params, eval, &normalization, loader.steps_per_epoch());
    verification(eval, &normalization);
    let schedule = EpsilonSchedule::new(params.epsilon)
        .with_starting(params.starting_epsilon)
        .over_epochs(params.schedule_start, params.schedule_length, 60_000);
    schedule.check().unwrap();
}
