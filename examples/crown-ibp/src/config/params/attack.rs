//! `attack_params`.

use serde::Serialize;

use crate::config::keys;
use crate::config::section::Section;

/// `attack_params`: the radii at which the reference program attacks its models.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttackParams {
    /// Images in a batch, at least 1.
    pub batch_size: usize,
    /// The smallest radius, in pixel units.
    pub eps_start: f64,
    /// The largest radius, in pixel units.
    pub eps_end: f64,
    /// The number of radii, at least 1.
    pub eps_step: usize,
}

impl AttackParams {
    pub(in crate::config) fn read(section: &Section<'_>) -> Option<Self> {
        section.allow(keys::ATTACK);
        let batch_size = section.positive("batch_size");
        let eps_start = section.not_negative("eps_start");
        let eps_end = section.not_negative("eps_end");
        let eps_step = section.positive("eps_step");
        if let (Some(start), Some(end)) = (eps_start, eps_end) {
            section.ensure("eps_start", "must not be above eps_end", start <= end);
        }
        Some(Self {
            batch_size: batch_size?,
            eps_start: eps_start?,
            eps_end: eps_end?,
            eps_step: eps_step?,
        })
    }
}
