//! The gradient of a kernel's weights.

use super::by_channels::ByChannels;
use super::by_rows::ByRows;
use super::geometry::Geometry;
use crate::tensor::native::Number;

/// What is in the lanes of vectors.
pub(super) enum WeightGradient<'a> {
    Rows(ByRows<'a>),
    Channels(ByChannels),
}

impl<'a> WeightGradient<'a> {
    /// What is faster, where so many rows are side by side in other loops.
    pub(super) fn new<E: Number>(geometry: &'a Geometry, rows: usize) -> Self {
        match ByChannels::new::<E>(geometry) {
            Some(channels) => Self::Channels(channels),
            None => Self::Rows(ByRows::new::<E>(geometry, rows)),
        }
    }

    /// Space for the sums of a task, if there are weights whose gradient is asked for.
    pub(super) fn sums<E: Number>(&self, weights: usize) -> Vec<E> {
        match self {
            Self::Channels(channels) if weights > 0 => vec![E::ZERO; channels.sums()],
            _ => vec![E::ZERO; weights],
        }
    }

    /// The sums in the order of the weights.
    pub(super) fn in_order<E: Number>(&self, geometry: &Geometry, sums: &[E]) -> Vec<E> {
        match self {
            _ if sums.is_empty() => Vec::new(),
            Self::Rows(rows) => rows.in_order(sums),
            Self::Channels(channels) => channels.in_order(geometry, sums),
        }
    }
}
