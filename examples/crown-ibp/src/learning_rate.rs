//! The learning rate, epoch by epoch.

use std::sync::Arc;

use burn::optim::lr_scheduler::{LrScheduler, LrSchedulerRecord};

/// A learning rate that is constant in each epoch.
#[derive(Clone, Debug)]
pub struct EpochLearningRate {
    /// The rate of each epoch; the last one stays.
    rates: Arc<[f64]>,
    steps_per_epoch: usize,
    /// The optimizer steps that were taken.
    step: usize,
}

/// The key of the step in a checkpoint.
const STEP: &str = "step";

impl EpochLearningRate {
    /// The given rates, one for each epoch of `steps_per_epoch` optimizer steps.
    pub fn new(rates: impl IntoIterator<Item = f64>, steps_per_epoch: usize) -> Self {
        Self {
            rates: rates.into_iter().collect(),
            steps_per_epoch: steps_per_epoch.max(1),
            step: 0,
        }
    }
}

impl LrScheduler for EpochLearningRate {
    fn step(&mut self) -> f64 {
        let epoch = self.step / self.steps_per_epoch;
        self.step += 1;
        self.rates
            .get(epoch)
            .or(self.rates.last())
            .copied()
            .unwrap_or(0.0)
    }

    fn to_record(&self) -> LrSchedulerRecord {
        LrSchedulerRecord::new().with_scalar(STEP, self.step as u64)
    }

    fn load_record(&mut self, record: LrSchedulerRecord) {
        if let Some(step) = record.scalar::<u64>(STEP) {
            self.step = step as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_changes_with_the_epoch_and_survives_a_checkpoint() {
        let mut rate = EpochLearningRate::new([1.0, 0.5], 2);
        assert_eq!([rate.step(), rate.step(), rate.step()], [1.0, 1.0, 0.5]);
        let record = rate.to_record();
        let mut resumed = EpochLearningRate::new([1.0, 0.5, 0.25], 2);
        resumed.load_record(record);
        assert_eq!(
            [resumed.step(), resumed.step(), resumed.step()],
            [0.5, 0.25, 0.25]
        );
    }
}
