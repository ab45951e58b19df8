//! The batches of one epoch.

use std::sync::Arc;

use burn::data::dataloader::{DataLoaderIterator, Progress};
use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::Device;

use super::{LabelledBatcher, LoaderError};
use crate::train::RobustBatch;
use crate::train::deal::Portion;
use crate::train::transform::Transform;

/// The batches of one epoch of a [`RobustDataLoader`](super::RobustDataLoader).
pub struct RobustDataLoaderIterator<I, const D: usize> {
    pub(super) dataset: Arc<dyn Dataset<I>>,
    pub(super) batcher: Arc<LabelledBatcher<I, D>>,
    pub(super) transform: Option<Transform<I>>,
    pub(super) epoch: usize,
    pub(super) device: Device,
    pub(super) order: Vec<usize>,
    pub(super) portions: std::vec::IntoIter<Portion>,
    pub(super) items_given: usize,
    pub(super) items_total: usize,
    pub(super) devices: usize,
    /// The step of the epoch's first batch.
    pub(super) first_step: usize,
    /// What comes in place of the first batch.
    pub(super) error: Option<LoaderError>,
}

impl<I, const D: usize> Iterator for RobustDataLoaderIterator<I, D> {
    type Item = Result<RobustBatch<D>, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.error.take() {
            return Some(Err(DatasetError::new(error)));
        }
        let Portion { items, step, share } = self.portions.next()?;
        self.items_given += items.len();
        let indices = &self.order[items];
        let mut items = match self.dataset.get_many(indices.to_vec()) {
            Ok(items) => items,
            Err(error) => return Some(Err(error)),
        };
        if let Some(transform) = &self.transform {
            items = indices
                .iter()
                .zip(items)
                .map(|(&index, item)| transform.apply(self.epoch, index, item))
                .collect();
        }
        let (images, labels) = self.batcher.batch(items, &self.device);
        let batch = RobustBatch::new(images, labels, self.first_step.saturating_add(step));
        Some(Ok(batch.with_share(share).with_devices(self.devices)))
    }
}

impl<I, const D: usize> DataLoaderIterator<RobustBatch<D>> for RobustDataLoaderIterator<I, D> {
    fn progress(&self) -> Progress {
        Progress::new(self.items_given, self.items_total, Some("items".into()))
    }
}
