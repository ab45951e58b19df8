//! Optimizer steps whose samples are spread over several batches.

use std::sync::Arc;

use burn::tensor::Device;
use burn::train::{
    ExecutionStrategy, LearnerModel, MultiDeviceOptim, SupervisedTraining, TrainingStrategy,
};
use serde::{Deserialize, Serialize};

use super::RobustDataLoader;
use super::all_reduce::AllReduce;

/// How several devices come to the same parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GradientExchange {
    /// The first device gets all gradients, optimizes, and gives the parameters to the others:
    /// Burn's `MultiDeviceOptim::OptimMainDevice`.
    #[default]
    MainDevice,
    /// Each parameter is optimized on a device of its own: Burn's `MultiDeviceOptim::OptimSharded`.
    Sharded,
    /// Each device has the model and the optimizer, and all get the sum of the gradients:
    /// distributed data-parallel training on the devices of one machine.
    ///
    /// This works on every backend. Burn's own `ExecutionStrategy::ddp` needs a backend with
    /// collective operations, which libtorch and flex have not. Where there are some, it trains
    /// the same with `ReduceOperation::Sum` and a loader that was told
    /// [`with_devices`](RobustDataLoader::with_devices); but it waits forever for a device without
    /// a batch, which a last round of fewer samples than devices leaves.
    ///
    /// `SupervisedTraining` does not pass its gradient checkpointing on to this strategy: give
    /// devices that have it.
    AllReduce,
}

/// Spreads the samples of each optimizer step over devices and over batches one after another.
///
/// With `N` devices, an accumulation of `A` and a batch size of `b`, training equals that of one
/// device with a batch size of `N·A·b`, up to the rounding of sums: each step has the same samples,
/// the same ε, and the gradient of the mean loss over all of them. Burn sums the gradients of a
/// step's batches; the loader tells the learner each batch's share of the step, by which its
/// gradient is scaled. A last, shorter step of an epoch is no exception. A loader
/// [with shared batches](RobustDataLoader::with_shared_batches) takes `b` for all devices together:
/// then more devices are the same training, but faster.
///
/// ```no_run
/// use std::sync::Arc;
/// use burn::data::dataloader::DataLoader;
/// use burn::optim::SgdConfig;
/// use burn::tensor::Device;
/// use burn::train::SupervisedTraining;
/// use burn_crown::Bounded;
/// use burn_crown::train::{DataParallel, RobustBatch, RobustDataLoader, RobustLearner};
///
/// type Valid = Arc<dyn DataLoader<RobustBatch<4>>>;
///
/// fn train<M, I>(learner: RobustLearner<M, 4>, train: RobustDataLoader<I, 4>, valid: Valid) -> M
/// where
///     M: Bounded + std::fmt::Display + 'static,
///     I: 'static,
/// {
///     let parallel = DataParallel::new([Device::flex(), Device::flex()]).with_accumulation(2);
///     // The steps of an epoch, for the ε schedule, are those of the loader that deals.
///     let train = parallel.deal(train);
///     let training = SupervisedTraining::new("runs/mnist", Arc::new(train), valid);
///     parallel
///         .set_up(training)
///         .launch(learner.learner(SgdConfig::new().init(), 0.1))
///         .model
///         .into_model()
/// }
/// ```
///
/// Equal devices in the list are workers of their own, which on a CPU share its cores.
///
/// Batch normalisation is refused on more than one device: its statistics would be those of a
/// device's own batch, and the workers would overwrite each other's running statistics. With
/// accumulation alone it is trained, by the statistics of the single batches.
#[derive(Clone, Debug)]
pub struct DataParallel {
    devices: Vec<Device>,
    exchange: GradientExchange,
    accumulation: usize,
}

impl DataParallel {
    /// Spreads each step over these devices; without any, over Burn's default one.
    ///
    /// The devices should be of one kind, so that they take the same time and round alike.
    pub fn new(devices: impl IntoIterator<Item = Device>) -> Self {
        let mut devices: Vec<Device> = devices.into_iter().collect();
        if devices.is_empty() {
            devices.push(Device::default());
        }
        Self {
            devices,
            exchange: GradientExchange::default(),
            accumulation: 1,
        }
    }

    /// Sets how the devices come to the same parameters. Defaults to
    /// [`GradientExchange::MainDevice`].
    pub fn with_exchange(mut self, exchange: GradientExchange) -> Self {
        self.exchange = exchange;
        self
    }

    /// Makes one optimizer step of this many batches on each device; 0 counts as 1. Defaults to 1.
    pub fn with_accumulation(mut self, batches: usize) -> Self {
        self.accumulation = batches.max(1);
        self
    }

    /// The devices; the first holds the model that is validated and saved.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The batches of an optimizer step: devices times accumulation.
    pub fn batches_per_step(&self) -> usize {
        self.devices.len().saturating_mul(self.accumulation)
    }

    /// A loader of training batches, told to deal them to these devices and steps.
    ///
    /// Validation runs on the first device alone, so its loader stays as it is.
    pub fn deal<I, const D: usize>(
        &self,
        loader: RobustDataLoader<I, D>,
    ) -> RobustDataLoader<I, D> {
        loader
            .with_devices(self.devices.len())
            .with_accumulation(self.accumulation)
    }

    /// Gives a training these devices and this accumulation.
    pub fn set_up<M: LearnerModel>(
        &self,
        training: SupervisedTraining<M>,
    ) -> SupervisedTraining<M> {
        let training = training.with_training_strategy(self.strategy());
        match self.accumulation {
            1 => training,
            batches => training.grads_accumulation(batches),
        }
    }

    fn strategy<M: LearnerModel>(&self) -> TrainingStrategy<M> {
        let devices = self.devices.clone();
        if let [device] = &devices[..] {
            return ExecutionStrategy::single(device.clone()).into();
        }
        let optimized = match self.exchange {
            GradientExchange::MainDevice => MultiDeviceOptim::OptimMainDevice,
            GradientExchange::Sharded => MultiDeviceOptim::OptimSharded,
            GradientExchange::AllReduce => {
                return TrainingStrategy::Custom(Arc::new(AllReduce::new(devices)));
            }
        };
        ExecutionStrategy::multi(devices, optimized).into()
    }
}
