//! How the perturbation radius ε grows over the training steps.

use burn::config::Config;
use serde::{Deserialize, Serialize};

/// The shape of an [`EpsilonSchedule`]'s ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RampShape {
    /// ε grows by the same amount at each step.
    Linear,
    /// ε grows slowly at first, as a power of the step, and linearly after the mid-point.
    Smoothed,
}

/// The radius ε at each training step.
///
/// ε is [`starting`](Self::starting) up to [`start_step`](Self::start_step), grows to
/// [`target`](Self::target) at [`end_step`](Self::end_step), and stays there. The values are those
/// of the schedules of Zhang et al. (2020), arXiv 1906.06316.
///
/// ```
/// use burn_crown::train::{EpsilonSchedule, RampShape};
///
/// let schedule = EpsilonSchedule::new(0.3)
///     .with_start_step(100)
///     .with_end_step(500)
///     .with_shape(RampShape::Linear);
/// assert_eq!(schedule.epsilon(99), 0.0);
/// assert_eq!(schedule.epsilon(300), 0.15);
/// assert_eq!(schedule.epsilon(9_000), 0.3);
/// ```
///
/// A schedule is plain data and can hold values that make no sense; [`check`](Self::check) says
/// what is wrong with them. A learner checks its schedule before it trains.
#[derive(Config, Debug, Copy, PartialEq)]
pub struct EpsilonSchedule {
    /// The radius at the end of the ramp, ε_max.
    pub target: f64,
    /// The radius before the ramp.
    #[config(default = 0.0)]
    pub starting: f64,
    /// The last step before the ramp, counted from 0.
    #[config(default = 0)]
    pub start_step: usize,
    /// The first step at the target.
    ///
    /// Where it equals `start_step` there is no ramp: a linear schedule is then the target
    /// throughout, and a smoothed one is `starting` up to that step and the target after it.
    #[config(default = 0)]
    pub end_step: usize,
    /// The shape of the ramp.
    #[config(default = "RampShape::Linear")]
    pub shape: RampShape,
    /// The part of a smoothed ramp's steps that grows as a power, in `[0, 1]`.
    #[config(default = 0.25)]
    pub mid_point: f64,
    /// The power of a smoothed ramp's first part, at least 2.
    #[config(default = 4.0)]
    pub exponent: f64,
}

/// What is wrong with an [`EpsilonSchedule`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// A value that has to be a number is NaN or infinite.
    #[error("the ε schedule's `{name}` is {value}; give a finite number")]
    NotFinite {
        /// The field.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// A value lies outside the range in which it has a meaning.
    #[error("the ε schedule's `{name}` is {value}; give a number {range}")]
    OutOfRange {
        /// The field.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The range, in words.
        range: &'static str,
    },
    /// The radius would shrink.
    #[error(
        "the ε schedule starts at {starting} and ends at {target}; \
         give a `starting` that is at most the `target`"
    )]
    Shrinks {
        /// The radius before the ramp.
        starting: f64,
        /// The radius after it.
        target: f64,
    },
    /// The ramp would end before it starts.
    #[error(
        "the ε schedule's ramp starts at step {start_step} and ends at step {end_step}; \
         give an `end_step` that is at least the `start_step`"
    )]
    EndsBeforeStart {
        /// The last step before the ramp.
        start_step: usize,
        /// The first step after it.
        end_step: usize,
    },
}

impl EpsilonSchedule {
    /// The same schedule with its ramp counted in epochs, as experiment files do.
    ///
    /// ε is `starting` for `start` epochs, and at its target from the beginning of the last of
    /// `length` epochs on. A `length` of 0 or 1 leaves no ramp.
    pub fn over_epochs(self, start: usize, length: usize, steps_per_epoch: usize) -> Self {
        let ramp = length.saturating_sub(1);
        self.with_start_step(start.saturating_mul(steps_per_epoch))
            .with_end_step(start.saturating_add(ramp).saturating_mul(steps_per_epoch))
    }

    /// Refuses a schedule whose values make no sense.
    pub fn check(&self) -> Result<(), ScheduleError> {
        let fields = [
            ("target", self.target, 0.0, f64::MAX, "that is not negative"),
            (
                "starting",
                self.starting,
                0.0,
                f64::MAX,
                "that is not negative",
            ),
            ("mid_point", self.mid_point, 0.0, 1.0, "from 0 to 1"),
            (
                "exponent",
                self.exponent,
                2.0,
                f64::MAX,
                "that is at least 2",
            ),
        ];
        for (name, value, least, most, range) in fields {
            if !value.is_finite() {
                return Err(ScheduleError::NotFinite { name, value });
            }
            if value < least || value > most {
                return Err(ScheduleError::OutOfRange { name, value, range });
            }
        }
        if self.starting > self.target {
            return Err(ScheduleError::Shrinks {
                starting: self.starting,
                target: self.target,
            });
        }
        if self.start_step > self.end_step {
            return Err(ScheduleError::EndsBeforeStart {
                start_step: self.start_step,
                end_step: self.end_step,
            });
        }
        Ok(())
    }

    /// The radius at a step, counted from 0.
    pub fn epsilon(&self, step: usize) -> f64 {
        match self.shape {
            RampShape::Linear => self.line(step, self.start_step, self.starting),
            RampShape::Smoothed => self.smoothed(step),
        }
    }

    /// A coefficient that follows ε from 1 at radius 0 to `last` at the target, as β and κ do.
    ///
    /// Where the target itself is 0 there is nothing to follow, and the coefficient stays 1.
    pub fn follow(&self, epsilon: f64, last: f64) -> f64 {
        if self.target == 0.0 {
            return 1.0;
        }
        (self.target - epsilon * (1.0 - last)) / self.target
    }

    fn smoothed(&self, step: usize) -> f64 {
        if step <= self.start_step {
            return self.starting;
        }
        let ramp = self.end_step.saturating_sub(self.start_step);
        // Whole steps, rounded down, so that the two parts meet at a step.
        let power_steps = ((ramp as f64 * self.mid_point) as usize).min(ramp);
        let mid_step = self.start_step + power_steps;
        // The power's factor lets both parts meet in value and in slope.
        let factor = if power_steps == 0 {
            1.0
        } else {
            let width = power_steps as f64;
            let line_steps = (ramp - power_steps) as f64;
            let scale = width.powf(self.exponent - 1.0);
            (self.target - self.starting) / (line_steps * self.exponent * scale + width * scale)
        };
        let power = |steps: usize| self.starting + factor * (steps as f64).powf(self.exponent);
        if step < mid_step {
            power(step - self.start_step)
        } else {
            self.line(step, mid_step, power(power_steps))
        }
    }

    /// The line from `value` at step `from` to the target at the end step.
    fn line(&self, step: usize, from: usize, value: f64) -> f64 {
        if from == self.end_step {
            return self.target;
        }
        let rate = (step as f64 - from as f64) / (self.end_step as f64 - from as f64);
        // `max` and `min` take two bounds in either order, where `clamp` would panic.
        (rate * (self.target - value) + value)
            .max(value.min(self.target))
            .min(value.max(self.target))
    }
}
