//! Which objectives make no sense.

use super::{RobustLoss, RobustObjective, TrainingMethod};
use crate::train::LearnerError;

impl RobustObjective {
    /// Refuses an objective whose numbers make no sense.
    pub fn check(&self) -> Result<(), LearnerError> {
        self.schedule.check()?;
        let regions = [&self.perturbation]
            .into_iter()
            .chain(&self.evaluation_perturbation);
        if regions.into_iter().any(|region| region.radius().is_none()) {
            return Err(LearnerError::NoRadius);
        }
        if self.loss == RobustLoss::Fused {
            self.check_fused()?;
        }
        let unit = "from 0 to 1";
        let settings = [
            ("final_beta", self.final_beta, 0.0, 1.0, unit),
            ("final_kappa", self.final_kappa, 0.0, 1.0, unit),
            (
                "evaluation_epsilon",
                self.evaluation_epsilon(),
                0.0,
                f64::MAX,
                "that is not negative",
            ),
            (
                "activity_penalty",
                self.activity_penalty.map_or(0.0, |(_, weight)| weight),
                0.0,
                f64::MAX,
                "that is not negative",
            ),
            (
                "l1_penalty",
                self.l1_penalty,
                0.0,
                f64::MAX,
                "that is not negative",
            ),
        ];
        for (name, value, least, most, range) in settings {
            // Not `value < least || value > most`, which lets NaN pass.
            if !(least..=most).contains(&value) {
                return Err(LearnerError::OutOfRange { name, value, range });
            }
        }
        Ok(())
    }

    /// Refuses what has no fused loss.
    fn check_fused(&self) -> Result<(), LearnerError> {
        let contradictions = [
            (
                self.method == TrainingMethod::Natural,
                "natural training, which has no robust loss",
                "`TrainingMethod::Robust` or `TrainingMethod::RobustNatural`",
            ),
            (
                self.runner_up_only,
                "`runner_up_only`, which leaves out the classes that it sums over",
                "one of the two",
            ),
            (
                self.bound.is_estimate(),
                "random projections, which bound nothing",
                "a bound without projections",
            ),
        ];
        for (found, with, give) in contradictions {
            if found {
                return Err(LearnerError::Fused { with, give });
            }
        }
        Ok(())
    }
}
