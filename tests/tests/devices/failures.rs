//! A worker that fails ends the run with its error, and the last checkpoint is whole.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::{Dataset, DatasetError, InMemDataset};
use burn::optim::AdamConfig;
use burn::tensor::{Device, Int, Tensor};
use burn::train::checkpoint::KeepLastNCheckpoints;
use burn::train::{LearningResult, TrainingError};
use burn_crown::train::{DataParallel, GradientExchange, RobustDataLoader, RobustLearner};

use crate::plane::{Mlp, MlpLearner, Point, PointBatcher, bits, points, training_device};
use crate::run::{EXCHANGES, POINTS, devices, objective, train_loader, training};

const BATCH: usize = 16;

/// Moves the points of one batch out of the valid range, so that they cannot be bounded.
#[derive(Clone)]
struct Spoiling {
    at: usize,
    batches: Arc<AtomicUsize>,
}

impl Batcher<Point, (Tensor<2>, Tensor<1, Int>)> for Spoiling {
    fn batch(&self, items: Vec<Point>, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
        let (images, labels) = PointBatcher.batch(items, device);
        if self.batches.fetch_add(1, Ordering::SeqCst) == self.at {
            return (images + 5.0, labels);
        }
        (images, labels)
    }
}

fn spoiled(at: usize) -> RobustDataLoader<Point, 2> {
    let dataset = Arc::new(InMemDataset::new(points(1, POINTS)));
    let batches = Arc::default();
    RobustDataLoader::new(dataset, Spoiling { at, batches }, BATCH)
        .unwrap()
        .with_shuffle(5)
}

fn parallel(exchange: GradientExchange) -> DataParallel {
    DataParallel::new(devices(2)).with_exchange(exchange)
}

/// Trains with a checkpoint after each epoch, in a thread that may take a minute.
fn run(
    exchange: GradientExchange,
    train: RobustDataLoader<Point, 2>,
    epochs: usize,
    resume_from: Option<usize>,
    folder: &Path,
) -> LearningResult<MlpLearner> {
    let (sender, receiver) = channel();
    let folder = folder.to_path_buf();
    std::thread::spawn(move || {
        let parallel = parallel(exchange);
        let training = training(&folder, parallel.deal(train))
            .with_default_checkpointers()
            .with_checkpointing_strategy(KeepLastNCheckpoints::new(10))
            .num_epochs(epochs);
        let mut training = parallel.set_up(training);
        if let Some(epoch) = resume_from {
            training = training.checkpoint(epoch);
        }
        // An optimizer with a state that the checkpoint has to hold.
        let optimizer = AdamConfig::new().init();
        let learner = RobustLearner::new(Mlp::new(1, &training_device()), objective());
        sender
            .send(training.launch(learner.learner(optimizer, 0.01)))
            .ok();
    });
    receiver
        .recv_timeout(Duration::from_secs(60))
        .expect("the run neither hangs nor panics")
}

/// The files of the checkpoints, in order.
fn checkpoints(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder.join("checkpoint"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_failing_worker_ends_the_run_and_leaves_a_whole_checkpoint() {
    let batches_per_epoch = POINTS.div_ceil(2 * BATCH) * 2;
    for exchange in EXCHANGES {
        let whole_folder = tempfile::tempdir().unwrap();
        let whole = run(exchange, train_loader(BATCH), 3, None, whole_folder.path());
        assert!(whole.error.is_none());

        for worker in 0..2 {
            // In the middle of the third epoch.
            let at = 2 * batches_per_epoch + 6 + worker;
            let folder = tempfile::tempdir().unwrap();
            let failed = run(exchange, spoiled(at), 3, None, folder.path());
            let error = failed.error.expect("the worker's error");
            let TrainingError::Workers(failures) = error.as_ref() else {
                panic!("{exchange:?}: {error}");
            };
            let failing: Vec<usize> = failures.iter().map(|failure| failure.device_id).collect();
            assert_eq!(failing, [worker], "{exchange:?}");
            let step = 2 * POINTS.div_ceil(2 * BATCH) + 3;
            let message = &failures[0].message;
            assert!(
                message.contains(&format!("training step {step} failed")),
                "{exchange:?}: {message}"
            );

            // The checkpoints of two epochs, each with all its files.
            let found = checkpoints(folder.path());
            let expected: Vec<String> = checkpoints(whole_folder.path())
                .into_iter()
                .filter(|name| !name.contains("-3"))
                .collect();
            assert_eq!(found, expected, "{exchange:?}");
            assert_eq!(found.len(), 2 * 3, "{found:?}");
            let train = train_loader(BATCH).with_start_epoch(2);
            let resumed = run(exchange, train, 3, Some(2), folder.path());
            assert!(resumed.error.is_none());
            assert_eq!(bits(&resumed.model), bits(&whole.model), "{exchange:?}");
        }
    }
}

/// Fails to give one item.
struct Torn(InMemDataset<Point>);

impl Dataset<Point> for Torn {
    fn get(&self, index: usize) -> Result<Point, DatasetError> {
        if index == 300 {
            return Err(DatasetError::new(std::io::Error::other(
                "point 300 is torn",
            )));
        }
        self.0.get(index)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

#[test]
fn data_that_cannot_be_read_end_the_run() {
    for exchange in EXCHANGES {
        let folder = tempfile::tempdir().unwrap();
        let dataset = Arc::new(Torn(InMemDataset::new(points(1, POINTS))));
        let train = RobustDataLoader::new(dataset, PointBatcher, BATCH).unwrap();
        let result = run(exchange, train, 3, None, folder.path());
        let message = result.error.expect("the data set's error").to_string();
        assert!(message.contains("point 300 is torn"), "{message}");
    }
}
