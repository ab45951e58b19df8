//! Batches that are numbered over the whole training run.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::{Device, Int, Tensor};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::RobustBatch;

/// A [`Batcher`] that turns items into inputs `[B, ...]` and labels `[B]`.
pub type LabelledBatcher<I, const D: usize> = dyn Batcher<I, (Tensor<D>, Tensor<1, Int>)>;

/// What keeps a [`RobustDataLoader`] from being made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoaderError {
    /// A batch would hold nothing.
    #[error("the batch size is 0; give at least 1")]
    EmptyBatch,
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
/// # Several devices
///
/// A [`slice`](DataLoader::slice) is a part of each epoch's order, so every device sees other items
/// in every epoch. A slice numbers its batches in the unit of the whole data set: with four
/// devices the step grows by about four from one batch to the next, and the schedule ends in the
/// same epoch as on one device.
pub struct RobustDataLoader<I, const D: usize> {
    dataset: Arc<dyn Dataset<I>>,
    batcher: Arc<LabelledBatcher<I, D>>,
    batch_size: usize,
    device: Device,
    shuffle: Option<u64>,
    /// The part of each epoch's order that this loader gives.
    range: Range<usize>,
    /// The epochs that were begun or, for a resumed run, done before.
    epoch: AtomicUsize,
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
            range: 0..dataset.len(),
            dataset,
            batcher: Arc::new(batcher),
            batch_size,
            device: Device::default(),
            shuffle: None,
            epoch: AtomicUsize::new(0),
        })
    }

    /// Gives the items in another order in each epoch.
    pub fn with_shuffle(mut self, seed: u64) -> Self {
        self.shuffle = Some(seed);
        self
    }

    /// Continues after the given number of epochs, as `SupervisedTraining::checkpoint` does.
    pub fn with_start_epoch(self, epochs_done: usize) -> Self {
        Self {
            epoch: AtomicUsize::new(epochs_done),
            ..self
        }
    }

    /// Makes the batches on this device.
    ///
    /// Burn's training strategies choose the device by themselves.
    pub fn with_device(mut self, device: &Device) -> Self {
        self.device = device.clone();
        self
    }

    /// The steps by which an epoch advances the schedule: the batches of the whole data set.
    pub fn steps_per_epoch(&self) -> usize {
        self.dataset.len().div_ceil(self.batch_size)
    }

    /// The batches of one epoch, counted from 0, without a change to the loader's own count.
    pub fn epoch(&self, epoch: usize) -> RobustDataLoaderIterator<I, D> {
        RobustDataLoaderIterator {
            dataset: self.dataset.clone(),
            batcher: self.batcher.clone(),
            device: self.device.clone(),
            batch_size: self.batch_size,
            items: self.order(epoch),
            items_given: 0,
            first_step: epoch.saturating_mul(self.steps_per_epoch()),
            steps: self.steps_per_epoch(),
        }
    }

    /// The items of an epoch, in the order in which they are given.
    fn order(&self, epoch: usize) -> Vec<usize> {
        let Some(seed) = self.shuffle else {
            return self.range.clone().collect();
        };
        let mut state = [0; 32];
        state[..8].copy_from_slice(&seed.to_le_bytes());
        state[8..16].copy_from_slice(&(epoch as u64).to_le_bytes());
        let mut order: Vec<usize> = (0..self.dataset.len()).collect();
        order.shuffle(&mut StdRng::from_seed(state));
        order[self.range.clone()].to_vec()
    }

    /// The same loader, its count of epochs included, for another device or part.
    fn with_part(&self, device: &Device, range: Range<usize>) -> Self {
        Self {
            dataset: self.dataset.clone(),
            batcher: self.batcher.clone(),
            batch_size: self.batch_size,
            device: device.clone(),
            shuffle: self.shuffle,
            range,
            epoch: AtomicUsize::new(self.epoch.load(Ordering::Relaxed)),
        }
    }
}

impl<I: 'static, const D: usize> DataLoader<RobustBatch<D>> for RobustDataLoader<I, D> {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<RobustBatch<D>> + 'a> {
        let epoch = self.epoch.fetch_add(1, Ordering::Relaxed);
        Box::new(self.epoch(epoch))
    }

    fn num_items(&self) -> usize {
        self.range.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<RobustBatch<D>>> {
        Arc::new(self.with_part(device, self.range.clone()))
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<RobustBatch<D>>> {
        let end = end.min(self.range.len());
        let start = start.min(end);
        let range = self.range.start + start..self.range.start + end;
        Arc::new(self.with_part(&self.device, range))
    }
}

/// The batches of one epoch of a [`RobustDataLoader`].
pub struct RobustDataLoaderIterator<I, const D: usize> {
    dataset: Arc<dyn Dataset<I>>,
    batcher: Arc<LabelledBatcher<I, D>>,
    device: Device,
    batch_size: usize,
    items: Vec<usize>,
    items_given: usize,
    /// The step of the epoch's first batch.
    first_step: usize,
    /// The steps of an epoch.
    steps: usize,
}

impl<I, const D: usize> Iterator for RobustDataLoaderIterator<I, D> {
    type Item = Result<RobustBatch<D>, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.items_given;
        if start == self.items.len() {
            return None;
        }
        let end = self.items.len().min(start + self.batch_size);
        let items = match self.dataset.get_many(self.items[start..end].to_vec()) {
            Ok(items) => items,
            Err(error) => return Some(Err(error)),
        };
        self.items_given = end;

        // A part of the data set has fewer batches than the whole: they are spread evenly over
        // the whole's steps.
        let batch = start / self.batch_size;
        let batches = self.items.len().div_ceil(self.batch_size);
        let step = self.first_step + batch * self.steps / batches;
        let (images, labels) = self.batcher.batch(items, &self.device);
        Some(Ok(RobustBatch {
            images,
            labels,
            step,
        }))
    }
}

impl<I, const D: usize> DataLoaderIterator<RobustBatch<D>> for RobustDataLoaderIterator<I, D> {
    fn progress(&self) -> Progress {
        Progress::new(self.items_given, self.items.len(), Some("items".into()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use burn::data::dataset::InMemDataset;
    use burn::tensor::TensorData;

    #[derive(Clone)]
    struct Numbers;

    impl Batcher<i64, (Tensor<2>, Tensor<1, Int>)> for Numbers {
        fn batch(&self, items: Vec<i64>, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
            let count = items.len();
            let labels: Tensor<1, Int> = Tensor::from_data(TensorData::new(items, [count]), device);
            (labels.clone().float().reshape([count, 1]), labels)
        }
    }

    fn loader(items: i64, batch_size: usize) -> RobustDataLoader<i64, 2> {
        let dataset = Arc::new(InMemDataset::new((0..items).collect()));
        RobustDataLoader::new(dataset, Numbers, batch_size)
            .unwrap()
            .with_device(&Device::flex())
    }

    /// The step and the items of each batch.
    fn batches(
        iterator: impl Iterator<Item = Result<RobustBatch<2>, DatasetError>>,
    ) -> Vec<(usize, Vec<i64>)> {
        iterator
            .map(|batch| {
                let batch = batch.unwrap();
                assert_eq!(batch.images.dims()[0], batch.labels.dims()[0]);
                (batch.step, batch.labels.into_data().iter().collect())
            })
            .collect()
    }

    fn items(batches: &[(usize, Vec<i64>)]) -> Vec<i64> {
        batches
            .iter()
            .flat_map(|(_, items)| items.clone())
            .collect()
    }

    #[test]
    fn batches_are_numbered_over_the_epochs() {
        let loader = loader(5, 2);
        assert_eq!(loader.steps_per_epoch(), 3);
        let expected = |first| {
            vec![
                (first, vec![0, 1]),
                (first + 1, vec![2, 3]),
                (first + 2, vec![4]),
            ]
        };
        assert_eq!(batches(loader.iter()), expected(0));
        assert_eq!(batches(loader.iter()), expected(3));
        assert_eq!(batches(loader.iter()), expected(6));
    }

    #[test]
    fn shuffling_gives_every_item_once_in_an_order_of_its_own() {
        let loader = loader(50, 8).with_shuffle(3);
        let (first, second) = (
            items(&batches(loader.iter())),
            items(&batches(loader.iter())),
        );
        assert_ne!(first, second);
        for mut order in [first, second] {
            assert_ne!(order, (0..50).collect::<Vec<_>>());
            order.sort_unstable();
            assert_eq!(order, (0..50).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_seed_changes_the_order() {
        let order = |seed| items(&batches(loader(50, 8).with_shuffle(seed).iter()));
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn a_resumed_loader_continues_as_the_uninterrupted_one() {
        let whole = loader(21, 4).with_shuffle(7);
        let epochs: Vec<_> = (0..4).map(|_| batches(whole.iter())).collect();
        let resumed = loader(21, 4).with_shuffle(7).with_start_epoch(2);
        assert_eq!(batches(resumed.iter()), epochs[2]);
        assert_eq!(batches(resumed.iter()), epochs[3]);
    }

    #[test]
    fn a_copy_on_another_device_keeps_the_count() {
        let loader = loader(6, 3).with_shuffle(1);
        let expected: Vec<_> = (0..2).map(|epoch| batches(loader.epoch(epoch))).collect();
        assert_eq!(batches(loader.iter()), expected[0]);
        let moved = loader.to_device(&Device::flex());
        assert_eq!(batches(moved.iter()), expected[1]);
        // The copy counts for itself.
        assert_eq!(batches(loader.iter()), expected[1]);
    }

    #[test]
    fn looking_at_an_epoch_does_not_count() {
        let loader = loader(6, 3);
        assert_eq!(batches(loader.epoch(5))[0].0, 10);
        assert_eq!(batches(loader.iter())[0].0, 0);
    }

    #[test]
    fn slices_share_each_epoch_and_its_steps() {
        let whole = loader(11, 2).with_shuffle(5);
        let slices = [whole.slice(0, 5), whole.slice(5, 11)];
        assert_eq!(slices[0].num_items(), 5);
        assert_eq!(slices[1].num_items(), 6);
        for epoch in 0..3 {
            let parts: Vec<_> = slices.iter().map(|slice| batches(slice.iter())).collect();
            let steps = |part: &[(usize, Vec<i64>)]| -> Vec<usize> {
                part.iter().map(|(step, _)| step - 6 * epoch).collect()
            };
            assert_eq!(steps(&parts[0]), [0, 2, 4]);
            assert_eq!(steps(&parts[1]), [0, 2, 4]);
            let together = [items(&parts[0]), items(&parts[1])].concat();
            assert_eq!(together, items(&batches(whole.epoch(epoch))));
        }
    }

    #[test]
    fn a_slice_of_a_slice_counts_from_the_slice() {
        let outer = loader(10, 2).slice(2, 9);
        assert_eq!(items(&batches(outer.slice(1, 4).iter())), [3, 4, 5]);
        assert_eq!(outer.slice(5, 100).num_items(), 2);
    }

    #[test]
    fn progress_counts_items() {
        let loader = loader(5, 2);
        let mut iterator = loader.iter();
        assert_eq!(iterator.progress().items_processed, 0);
        iterator.next().unwrap().unwrap();
        assert_eq!(iterator.progress().items_processed, 2);
        assert_eq!(iterator.progress().items_total, 5);
        assert!(iterator.by_ref().all(|batch| batch.is_ok()));
        assert!(iterator.progress().is_completed());
    }

    #[test]
    fn an_empty_data_set_gives_no_batch() {
        assert!(loader(0, 2).iter().next().is_none());
    }

    #[test]
    fn a_batch_of_nothing_is_refused() {
        let dataset = Arc::new(InMemDataset::new(vec![1_i64]));
        let result = RobustDataLoader::new(dataset, Numbers, 0);
        assert_eq!(result.err(), Some(LoaderError::EmptyBatch));
    }
}
