//! Batches that are numbered over the whole training run.

mod iterator;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataloader::{DataLoader, DataLoaderIterator};
use burn::data::dataset::Dataset;
use burn::tensor::{Device, Int, Tensor};
use rand::seq::SliceRandom;

pub use iterator::RobustDataLoaderIterator;

use super::deal::{Deal, Portion};
use super::transform::{Transform, random_of};
use super::{ItemRng, RobustBatch};

/// A [`Batcher`] that turns items into inputs `[B, ...]` and labels `[B]`.
pub type LabelledBatcher<I, const D: usize> = dyn Batcher<I, (Tensor<D>, Tensor<1, Int>)>;

/// What keeps a [`RobustDataLoader`] from being made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoaderError {
    /// A batch would hold nothing.
    #[error("the batch size is 0; give at least 1")]
    EmptyBatch,
    /// The training strategy has another number of devices than the loader was told.
    #[error(
        "the loader deals its batches to {devices} devices, but the training strategy has another \
         number; give `RobustDataLoader::with_devices` the number of the strategy's devices"
    )]
    OtherSplit {
        /// The devices that the loader deals to.
        devices: usize,
    },
}

/// A [`DataLoader`] of [`RobustBatch`]es, numbered over the whole training run.
///
/// Every call of [`iter`](DataLoader::iter) is one epoch. The order of an epoch's items is a
/// function of the shuffle seed and the epoch alone, so a resumed run sees the batches that an
/// uninterrupted one would have seen.
///
/// # Resuming
///
/// `SupervisedTraining::checkpoint(k)` loads the state at the end of Burn's epoch `k`, which it
/// counts from 1, and continues with epoch `k + 1`. The loader of the resumed run takes the same
/// number: [`with_start_epoch(k)`](Self::with_start_epoch) says that `k` epochs are done.
///
/// # Several devices, and gradient accumulation
///
/// [`with_devices`](Self::with_devices) and [`with_accumulation`](Self::with_accumulation) tell how
/// many batches make one optimizer step. With `N` devices, `A` accumulated batches and a batch size
/// of `b`, each step then has the samples, the number and, by the batches' shares, the gradient of
/// one batch of `N·A·b` on a single device: also the last one of an epoch, which is shorter.
pub struct RobustDataLoader<I, const D: usize> {
    dataset: Arc<dyn Dataset<I>>,
    batcher: Arc<LabelledBatcher<I, D>>,
    batch_size: usize,
    device: Device,
    shuffle: Option<u64>,
    transform: Option<Transform<I>>,
    devices: usize,
    shared_batches: bool,
    accumulation: usize,
    part: Part,
    /// The epochs that were begun or, for a resumed run, done before.
    epoch: AtomicUsize,
}

/// The batches of each epoch that a loader gives.
#[derive(Clone, Copy)]
enum Part {
    All,
    /// Those of one device, by its place in the list of devices.
    Device(usize),
    /// None: the loader was split in a way for which no batches were dealt.
    Unknown,
}

impl<I, const D: usize> RobustDataLoader<I, D> {
    /// A loader that gives the whole data set, in its own order, on the default device.
    ///
    /// An epoch's last batch is smaller where the batch size does not divide the data set.
    ///
    /// # Errors
    ///
    /// If the batch size is 0.
    pub fn new<B>(
        dataset: Arc<dyn Dataset<I>>,
        batcher: B,
        batch_size: usize,
    ) -> Result<Self, LoaderError>
    where
        B: Batcher<I, (Tensor<D>, Tensor<1, Int>)> + 'static,
    {
        if batch_size == 0 {
            return Err(LoaderError::EmptyBatch);
        }
        Ok(Self {
            dataset,
            batcher: Arc::new(batcher),
            batch_size,
            device: Device::default(),
            shuffle: None,
            transform: None,
            devices: 1,
            shared_batches: false,
            accumulation: 1,
            part: Part::All,
            epoch: AtomicUsize::new(0),
        })
    }

    /// Gives the items in another order in each epoch.
    pub fn with_shuffle(mut self, seed: u64) -> Self {
        self.shuffle = Some(seed);
        self
    }

    /// Changes each item at random before it is batched, such as by a crop or a flip.
    ///
    /// The change is given random numbers that are a function of the seed, the epoch and the item's
    /// index in the data set alone. So a resumed run sees the changes that an uninterrupted one
    /// would have seen, and neither the order, the batch size nor the number of devices changes
    /// them.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use burn::data::dataset::InMemDataset;
    /// # use burn::data::dataloader::{DataLoader, batcher::Batcher};
    /// # use burn::tensor::{Device, Int, Tensor};
    /// use burn_crown::train::RobustDataLoader;
    /// use rand::RngExt;
    /// # #[derive(Clone)]
    /// # struct MyBatcher;
    /// # impl Batcher<f32, (Tensor<2>, Tensor<1, Int>)> for MyBatcher {
    /// #     fn batch(&self, items: Vec<f32>, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
    /// #         let count = items.len();
    /// #         let inputs = Tensor::<1>::from_floats(&items[..], device).reshape([count, 1]);
    /// #         (inputs, Tensor::zeros([count], device))
    /// #     }
    /// # }
    ///
    /// let dataset = Arc::new(InMemDataset::new(vec![1.0_f32, 2.0, 3.0]));
    /// let loader = RobustDataLoader::new(dataset, MyBatcher, 2)?
    ///     .with_transform(7, |item: f32, random| item * random.random_range(0.9..1.1));
    /// # let _ = loader.iter().next();
    /// # Ok::<_, burn_crown::train::LoaderError>(())
    /// ```
    pub fn with_transform(
        mut self,
        seed: u64,
        transform: impl Fn(I, &mut ItemRng) -> I + Send + Sync + 'static,
    ) -> Self {
        self.transform = Some(Transform::new(seed, transform));
        self
    }

    /// Continues after the given number of epochs, as `SupervisedTraining::checkpoint` does.
    pub fn with_start_epoch(self, epochs_done: usize) -> Self {
        Self {
            epoch: AtomicUsize::new(epochs_done),
            ..self
        }
    }

    /// Deals the batches to this many devices; 0 counts as 1. Defaults to 1.
    ///
    /// Give the number of devices of the training strategy, or let
    /// [`DataParallel`](super::DataParallel) do it: a loader that Burn splits for another number
    /// gives an error in place of its first batch.
    pub fn with_devices(mut self, devices: usize) -> Self {
        self.devices = devices.max(1);
        self
    }

    /// Takes the batch size as that of all devices together: each has its part of a batch, the last
    /// one the rest.
    ///
    /// Without it, each device has batches of that size.
    pub fn with_shared_batches(mut self) -> Self {
        self.shared_batches = true;
        self
    }

    /// Makes one optimizer step of this many batches on each device; 0 counts as 1. Defaults to 1.
    ///
    /// Give the number that `SupervisedTraining::grads_accumulation` is given.
    pub fn with_accumulation(mut self, batches: usize) -> Self {
        self.accumulation = batches.max(1);
        self
    }

    /// Makes the batches on this device.
    ///
    /// Burn's training strategies choose the device by themselves.
    pub fn with_device(mut self, device: &Device) -> Self {
        self.device = device.clone();
        self
    }

    /// The optimizer steps of an epoch, by which it advances the schedule.
    pub fn steps_per_epoch(&self) -> usize {
        self.deal().steps()
    }

    fn deal(&self) -> Deal {
        Deal {
            items: self.dataset.len(),
            round_size: if self.shared_batches {
                self.batch_size
            } else {
                self.batch_size.saturating_mul(self.devices)
            },
            devices: self.devices,
            accumulation: self.accumulation,
        }
    }

    /// The batches of one epoch, counted from 0, without a change to the loader's own count.
    ///
    /// Those of all devices, unless the loader is the part of one of them.
    pub fn epoch(&self, epoch: usize) -> RobustDataLoaderIterator<I, D> {
        let portions = match self.part {
            Part::All => Ok(self.deal().portions(None)),
            Part::Device(device) => Ok(self.deal().portions(Some(device))),
            Part::Unknown => Err(self.other_split()),
        };
        self.batches(epoch, portions)
    }

    fn batches(
        &self,
        epoch: usize,
        portions: Result<Vec<Portion>, LoaderError>,
    ) -> RobustDataLoaderIterator<I, D> {
        let (portions, error) = match portions {
            Ok(portions) => (portions, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        RobustDataLoaderIterator {
            dataset: self.dataset.clone(),
            batcher: self.batcher.clone(),
            transform: self.transform.clone(),
            epoch,
            device: self.device.clone(),
            order: self.order(epoch),
            items_given: 0,
            items_total: count(&portions),
            devices: self.devices,
            portions: portions.into_iter(),
            first_step: epoch.saturating_mul(self.steps_per_epoch()),
            error,
        }
    }

    fn other_split(&self) -> LoaderError {
        LoaderError::OtherSplit {
            devices: self.devices,
        }
    }

    /// The order in which the items of an epoch are dealt.
    fn order(&self, epoch: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.dataset.len()).collect();
        let Some(seed) = self.shuffle else {
            return order;
        };
        order.shuffle(&mut random_of(seed, epoch, None));
        order
    }

    /// The same loader, its count of epochs included, for another device or part.
    fn with_part(&self, device: &Device, part: Part) -> Self {
        Self {
            dataset: self.dataset.clone(),
            batcher: self.batcher.clone(),
            batch_size: self.batch_size,
            device: device.clone(),
            shuffle: self.shuffle,
            transform: self.transform.clone(),
            devices: self.devices,
            shared_batches: self.shared_batches,
            accumulation: self.accumulation,
            part,
            epoch: AtomicUsize::new(self.epoch.load(Ordering::Relaxed)),
        }
    }
}

impl<I: 'static, const D: usize> DataLoader<RobustBatch<D>> for RobustDataLoader<I, D> {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<RobustBatch<D>> + 'a> {
        let epoch = self.epoch.fetch_add(1, Ordering::Relaxed);
        Box::new(match self.part {
            // Not split at all: the strategy has one device.
            Part::All if self.devices > 1 => self.batches(epoch, Err(self.other_split())),
            _ => self.epoch(epoch),
        })
    }

    fn num_items(&self) -> usize {
        match self.part {
            Part::All => self.dataset.len(),
            Part::Device(device) => count(&self.deal().portions(Some(device))),
            Part::Unknown => 0,
        }
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<RobustBatch<D>>> {
        Arc::new(self.with_part(device, self.part))
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<RobustBatch<D>>> {
        let part = match self.part {
            Part::All => self.deal().device_of(start, end),
            Part::Device(_) | Part::Unknown => None,
        };
        let part = part.map_or(Part::Unknown, Part::Device);
        Arc::new(self.with_part(&self.device, part))
    }
}

/// The items of some batches.
fn count(portions: &[Portion]) -> usize {
    portions.iter().map(|portion| portion.items.len()).sum()
}
