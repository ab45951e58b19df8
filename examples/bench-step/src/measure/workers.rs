//! Steps of Burn's training loop on data-parallel workers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::{Device, Int, Tensor};
use burn::train::{Interrupter, LearningResult, SupervisedTraining};
use burn_crown::train::{DataParallel, RobustDataLoader, RobustLearner};
use crown_ibp::data::{ImageBatcher, ImageDataset, ImageItem};

use super::clock::Deadline;
use super::training::{LEARNING_RATE, adam};
use super::{Measured, images, networks};
use crate::arguments::Settings;
use crate::case::{Loss, Network};
use crate::error::BenchError;
use crown_ibp::quiet::Quiet;

/// The epoch that is trained, so far along the schedule that an epoch's steps hardly move it.
const EPOCH: usize = 100_000;

/// Times the steps of the training loop on workers that share a batch.
///
/// A step is what lies between the moments at which two steps' batches are made, so that it has the
/// batches and the exchange of gradients in it.
pub(super) fn measure(
    network: Network,
    loss: Loss,
    workers: usize,
    settings: &Settings,
    device: &Device,
) -> Result<Measured, BenchError> {
    let batch = settings.batch.unwrap_or(network.batch());
    // The step after the last one ends it.
    let steps = settings.warmup + settings.repeats + 1;
    let images = images::to_train(batch, settings.seed);
    let (example, _) = images.tensors(0..1, device);
    let interrupter = Interrupter::new();
    let clock = StepClock {
        inner: images.batcher(),
        workers,
        warmup: settings.warmup,
        marks: Arc::default(),
        deadline: Mutex::default(),
        settings: settings.clone(),
        interrupter: interrupter.clone(),
    };
    let marks = clock.marks.clone();
    let validation = RobustDataLoader::new(Arc::new(images.clone().take(1)), images.batcher(), 1)?;
    let repeated = Repeated {
        images,
        count: batch * steps,
    };
    let parallel = DataParallel::new(vec![device.clone(); workers]);
    let loader = parallel
        .deal(RobustDataLoader::new(Arc::new(repeated), clock, batch)?)
        .with_shared_batches()
        .with_start_epoch(EPOCH);
    let middle = EPOCH * loader.steps_per_epoch();

    let device = device.clone().autodiff();
    let model = networks::drawn(network, settings, &device);
    let objective = loss.objective(settings, middle);
    let coefficients = objective.coefficients(middle);
    let learner = RobustLearner::try_new(model, objective, example)?;
    let training = SupervisedTraining::new("", Arc::new(loader), Arc::new(validation))
        .with_interrupter(interrupter)
        .renderer(Box::new(Quiet))
        .with_metric_logger(Quiet)
        .with_application_logger(None)
        .num_epochs(1);
    let result = parallel
        .set_up(training)
        .launch(learner.learner(adam(), LEARNING_RATE));
    if let LearningResult {
        error: Some(error), ..
    } = result
    {
        return Err(BenchError::Training(error.to_string()));
    }
    let marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Measured::training(
        between(&marks, workers, settings.warmup),
        batch,
        loss,
        coefficients,
        settings,
    ))
}

/// The seconds from each step's first mark to the next one's, after those that warm up.
fn between(marks: &[Instant], marks_per_step: usize, warmup: usize) -> Vec<f64> {
    let starts: Vec<Instant> = marks.iter().copied().step_by(marks_per_step).collect();
    let steps = starts.windows(2).skip(warmup);
    steps
        .map(|step| step[1].duration_since(step[0]).as_secs_f64())
        .collect()
}

/// Makes batches, and notes when; ends training when its time is over.
struct StepClock {
    inner: ImageBatcher,
    /// The batches of a step.
    workers: usize,
    warmup: usize,
    marks: Arc<Mutex<Vec<Instant>>>,
    /// Of the steps that are timed.
    deadline: Mutex<Option<Deadline>>,
    settings: Settings,
    interrupter: Interrupter,
}

impl StepClock {
    fn mark(&self) {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.push(Instant::now());
        let done = (marks.len() - 1) / self.workers;
        let mut deadline = self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = match done < self.warmup {
            true => return,
            false => *deadline.get_or_insert_with(|| Deadline::start(&self.settings)),
        };
        if done > self.warmup && deadline.is_over() {
            self.interrupter.stop(None);
        }
    }
}

impl Batcher<ImageItem, (Tensor<4>, Tensor<1, Int>)> for StepClock {
    fn batch(&self, items: Vec<ImageItem>, device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
        self.mark();
        self.inner.batch(items, device)
    }
}

/// The same images again and again.
struct Repeated {
    images: ImageDataset,
    count: usize,
}

impl Dataset<ImageItem> for Repeated {
    fn get(&self, index: usize) -> Result<ImageItem, DatasetError> {
        self.images.get(index % self.images.len())
    }

    fn len(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_step_lasts_to_the_first_batch_of_the_next() {
        let start = Instant::now();
        let marks: Vec<Instant> = [0, 1, 10, 13, 30, 31]
            .map(|seconds| start + Duration::from_secs(seconds))
            .to_vec();
        assert_eq!(between(&marks, 2, 0), [10.0, 20.0]);
        assert_eq!(between(&marks, 2, 1), [20.0]);
        assert_eq!(between(&marks, 1, 3), [17.0, 1.0]);
        assert!(between(&marks[..1], 1, 0).is_empty());
    }
}
