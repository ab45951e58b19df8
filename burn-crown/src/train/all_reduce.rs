//! Data-parallel training with a replica of the model and the optimizer on each device.

use burn::data::dataloader::split::split_dataloader;
use burn::data::dataloader::{DataLoaderIterator, Progress};
use burn::optim::GradientsAccumulator;
use burn::tensor::Device;
use burn::train::train::MultiDeviceStepError;
use burn::train::{
    EventProcessorTraining, InferenceStep, Interrupter, Learner, LearnerEvent, LearnerModel,
    SupervisedLearningStrategy, SupervisedTrainingEventProcessor, TrainLoader, TrainStep,
    TrainingComponents, TrainingItem, ValidLoader,
};

use super::replica::Replicas;

/// A training strategy in which every device optimizes its own replica by the sum of all gradients.
///
/// It does what Burn's `ExecutionStrategy::ddp` does, with the tensors' own transfer between
/// devices in place of a backend's collective operations. The sum is made in the order of the
/// devices, so a run is a function of its seeds.
pub(super) struct AllReduce {
    devices: Vec<Device>,
}

impl AllReduce {
    pub(super) fn new(devices: Vec<Device>) -> Self {
        Self {
            // A device that has autodiff also says whether it has gradient checkpointing.
            devices: devices
                .into_iter()
                .map(|device| match device.is_autodiff() {
                    true => device,
                    false => device.autodiff(),
                })
                .collect(),
        }
    }
}

type Batches<'a, M> = Box<dyn DataLoaderIterator<<M as TrainStep>::Input> + 'a>;

impl<M: LearnerModel> SupervisedLearningStrategy<M> for AllReduce {
    fn fit(
        &self,
        components: TrainingComponents<M>,
        learner: Learner<M>,
        dataloader_train: TrainLoader<M>,
        dataloader_valid: ValidLoader<M>,
        starting_epoch: usize,
    ) -> (M, SupervisedTrainingEventProcessor<M>) {
        let TrainingComponents {
            num_epochs,
            mut checkpointer,
            grad_accumulation,
            interrupter,
            mut early_stopping,
            event_processor,
            event_store,
            ..
        } = components;
        let train_items = dataloader_train.num_items();
        let main = self.devices[0].clone().inner();
        let mut epoch = Epoch {
            train: split_dataloader(dataloader_train, &self.devices),
            valid: dataloader_valid.to_device(&main),
            main,
            accumulation: grad_accumulation.unwrap_or(1),
            replicas: Replicas::new(learner, &self.devices),
            events: event_processor,
            interrupter: interrupter.clone(),
        };

        for number in starting_epoch..=num_epochs {
            epoch.train(number, train_items);
            if interrupter.should_stop() {
                break;
            }
            epoch.validate(number);
            if checkpointer.is_some() || early_stopping.is_some() {
                interrupter.fail_on_error(epoch.events.flush());
            }
            if interrupter.should_stop() {
                break;
            }
            if let Some(checkpointer) = &mut checkpointer {
                checkpointer.checkpoint(epoch.replicas.main(), number, &event_store);
            }
            if let Some(early_stopping) = &mut early_stopping
                && early_stopping.should_stop(number, &event_store)
            {
                break;
            }
        }
        (epoch.replicas.main().model(), epoch.events)
    }
}

/// What an epoch needs.
struct Epoch<M: LearnerModel> {
    /// The training batches of each device.
    train: Vec<TrainLoader<M>>,
    valid: ValidLoader<M>,
    /// The device of the replica that is validated.
    main: Device,
    accumulation: usize,
    replicas: Replicas<M>,
    events: SupervisedTrainingEventProcessor<M>,
    interrupter: Interrupter,
}

impl<M: LearnerModel> Epoch<M> {
    fn train_event(&mut self, event: LearnerEvent<<M as TrainStep>::Output>) {
        self.interrupter
            .fail_on_error(self.events.process_train(event));
    }

    fn valid_event(&mut self, event: LearnerEvent<<M as InferenceStep>::Output>) {
        self.interrupter
            .fail_on_error(self.events.process_valid(event));
    }

    fn train(&mut self, number: usize, total_items: usize) {
        self.train_event(LearnerEvent::StartSplit {
            epoch_number: number,
            total_items,
        });
        let loaders = self.train.clone();
        let mut loaders: Vec<Batches<'_, M>> = loaders.iter().map(|loader| loader.iter()).collect();
        if let Err(error) = self.rounds(&mut loaders) {
            self.interrupter.fail(error);
        }
        self.train_event(LearnerEvent::EndSplit(number));
    }

    /// One batch on each device, again and again.
    fn rounds(&mut self, loaders: &mut [Batches<'_, M>]) -> Result<(), MultiDeviceStepError> {
        let mut gradients = GradientsAccumulator::new();
        let mut accumulated = 0;
        let mut iteration = 0;
        while let Some(Round { batches, progress }) = Round::<M>::next(loaders)? {
            let model = self.replicas.main().model();
            let mut items = Vec::with_capacity(batches.len());
            for output in self.replicas.step(batches)? {
                gradients.accumulate(&model, output.grads.to_device(&self.main, &model));
                items.push(output.item);
            }
            accumulated += 1;
            if accumulated >= self.accumulation || progress.is_completed() {
                self.replicas.optimize(gradients.grads());
                accumulated = 0;
            }
            for item in items {
                iteration += 1;
                let rate = self.replicas.main().lr_current();
                let item = TrainingItem::new(item, progress.clone(), Some(iteration), Some(rate));
                self.train_event(LearnerEvent::ProcessedItem(item));
            }
            if self.interrupter.should_stop() {
                break;
            }
        }
        Ok(())
    }

    fn validate(&mut self, number: usize) {
        let loader = self.valid.clone();
        self.valid_event(LearnerEvent::StartSplit {
            epoch_number: number,
            total_items: loader.num_items(),
        });
        let model = self.replicas.main().model().valid();
        let mut batches = loader.iter();
        let mut iteration = 0;
        while let Some(batch) = batches.next() {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    self.interrupter.fail(error);
                    break;
                }
            };
            iteration += 1;
            let output = InferenceStep::step(&model, batch);
            let item = TrainingItem::new(output, batches.progress(), Some(iteration), None);
            self.valid_event(LearnerEvent::ProcessedItem(item));
            if self.interrupter.should_stop() {
                break;
            }
        }
        self.valid_event(LearnerEvent::EndSplit(number));
        self.train_event(LearnerEvent::EndEpoch(number));
    }
}

/// The next batch of each device.
struct Round<M: LearnerModel> {
    /// None for a device that has no more.
    batches: Vec<Option<<M as TrainStep>::Input>>,
    /// The progress of all devices together.
    progress: Progress,
}

impl<M: LearnerModel> Round<M> {
    /// None where no device has a batch.
    fn next(loaders: &mut [Batches<'_, M>]) -> Result<Option<Self>, MultiDeviceStepError> {
        let mut batches = Vec::with_capacity(loaders.len());
        for loader in loaders.iter_mut() {
            let batch = loader.next().transpose();
            batches.push(batch.map_err(MultiDeviceStepError::Dataset)?);
        }
        if batches.iter().all(Option::is_none) {
            return Ok(None);
        }
        let (mut done, mut total) = (0, 0);
        for loader in loaders.iter() {
            let progress = loader.progress();
            done += progress.items_processed;
            total += progress.items_total;
        }
        let progress = Progress::new(done, total, Some("items".into()));
        Ok(Some(Self { batches, progress }))
    }
}
