//! How ε and the learning rate go, step by step.

use burn_crown::train::EpsilonSchedule;

use crate::experiment::Settings;

/// The plan of a training run.
///
/// For the first tenth of the steps ε is 0, then it grows on a line for six tenths of them and
/// stays. The learning rate is constant up to there, and then falls on a line to a tenth.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// ε.
    pub epsilon: EpsilonSchedule,
    /// The learning rate of the first steps.
    learning_rate: f64,
    /// All steps.
    pub steps: usize,
}

impl Schedule {
    /// The plan for so many steps an epoch.
    pub fn new(settings: &Settings, learning_rate: f64, steps_per_epoch: usize) -> Self {
        let steps = settings.epochs * steps_per_epoch;
        Self {
            epsilon: EpsilonSchedule::new(settings.epsilon)
                .with_start_step(steps / 10)
                .with_end_step(steps * 7 / 10),
            learning_rate,
            steps,
        }
    }

    /// The learning rate of a step, counted from 0.
    pub fn learning_rate(&self, step: usize) -> f64 {
        let fall = self.epsilon.end_step;
        let rest = self.steps.saturating_sub(fall).max(1);
        let fallen = step.saturating_sub(fall) as f64 / rest as f64;
        self.learning_rate * (1.0 - 0.9 * fallen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radius_and_rate_meet_where_the_ramp_ends() {
        let settings = Settings {
            epsilon: 0.2,
            epochs: 10,
            train_images: 1,
            test_images: 1,
            crown_images: 1,
            seed: 1,
        };
        let schedule = Schedule::new(&settings, 1e-3, 10);
        assert_eq!(schedule.steps, 100);
        let radius = |step| schedule.epsilon.epsilon(step);
        assert_eq!([radius(10), radius(40), radius(70)], [0.0, 0.1, 0.2]);
        let rate = |step| (schedule.learning_rate(step) * 1e6).round();
        assert_eq!(
            [rate(0), rate(70), rate(85), rate(100)],
            [1e3, 1e3, 550.0, 100.0]
        );
    }
}
