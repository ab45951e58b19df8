//! An experiment at hand.

use std::sync::Arc;

use burn::tensor::Device;
use burn_crown::train::GradientExchange;

use super::ProgramError;
use super::arguments::{Experiment, Parallel};
use crate::config::{ExperimentConfig, ModelEntry};
use crate::data::{CustomDataset, DataSource, Split, load_first};
use crate::device;
use crate::models::Architecture;
use crate::training::Images;

/// An experiment with its data at hand.
pub(super) struct Session<A> {
    pub(super) experiment: ExperimentConfig<A>,
    pub(super) images: Images,
    /// The device that evaluates, and the first of those that train.
    pub(super) device: Device,
    /// The devices that train, where the command line names them.
    devices: Option<Vec<Device>>,
    /// All devices of the kind of `device`.
    of_kind: Vec<Device>,
    pub(super) exchange: GradientExchange,
}

impl<A: Architecture> Session<A> {
    /// Loads the experiment and its images; those to train on only if it is told how to train.
    pub(super) fn open(
        arguments: &Experiment,
        datasets: &'static [CustomDataset],
        training: Option<&Parallel>,
    ) -> Result<Self, ProgramError> {
        let experiment = arguments.selection.load(datasets)?;
        let devices = training
            .and_then(|parallel| parallel.devices.as_deref())
            .map(device::parse_devices)
            .transpose()?;
        let device = match devices.as_deref() {
            Some([first, ..]) => first.clone(),
            _ => device::parse(arguments.device.as_deref())?,
        };
        device::require(devices.as_deref().unwrap_or(std::slice::from_ref(&device)))?;
        let of_kind = device::all_of_kind(arguments.device.as_deref())?;
        let exchange = training.and_then(|parallel| parallel.exchange);
        let several = match &devices {
            Some(devices) => devices.len() > 1,
            None => {
                let all = |entry: &ModelEntry<A>| entry.training_params.multi_gpu;
                of_kind.len() > 1 && experiment.models.iter().any(all)
            }
        };
        if exchange.is_some() && !several {
            return Err(ProgramError::NothingToExchange);
        }
        let source = DataSource::new(arguments.data_dir.clone());
        // Only what a model uses is loaded, so that no other file need be there.
        let count = |split| match split {
            Split::Train if training.is_none() => Some(0),
            Split::Train => largest(
                experiment
                    .models
                    .iter()
                    .map(|entry| entry.training_params.loader_params.num_examples),
            ),
            Split::Test => None,
        };
        let part =
            |split| load_first(experiment.dataset, split, count(split), &source).map(Arc::new);
        let images = Images {
            train: part(Split::Train)?,
            test: part(Split::Test)?,
        };
        Ok(Self {
            experiment,
            images,
            device,
            devices,
            of_kind,
            exchange: exchange.map(Into::into).unwrap_or_default(),
        })
    }

    /// The devices that train a model: those of the command line; else, with `multi_gpu`, all of
    /// the device's kind.
    pub(super) fn devices(&self, entry: &ModelEntry<A>) -> Vec<Device> {
        match &self.devices {
            Some(devices) => devices.clone(),
            None if entry.training_params.multi_gpu => self.of_kind.clone(),
            None => vec![self.device.clone()],
        }
    }
}

/// The largest of some limits, where none is no limit.
fn largest(limits: impl Iterator<Item = Option<usize>>) -> Option<usize> {
    limits.reduce(|a, b| Some(a?.max(b?))).flatten()
}

#[cfg(test)]
mod tests {
    use super::largest;

    #[test]
    fn no_limit_is_the_largest_limit() {
        assert_eq!(largest([Some(3), Some(7), Some(5)].into_iter()), Some(7));
        assert_eq!(largest([Some(3), None, Some(5)].into_iter()), None);
        assert_eq!(largest([].into_iter()), None);
    }
}
