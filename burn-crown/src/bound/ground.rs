//! The last step of a method: from what it knows to the bounds of a specification.

use super::backward::{Stop, lower_bound};
use super::forward::Forward;
use super::intervals::Intervals;
use super::{BoundConfig, Method, crown};
use crate::tensor::AnyTensor;

/// What the last step of a method stands on.
pub(super) struct Ground {
    pub(super) known: Intervals,
    /// For [`Method::Forward`], the linear bounds of the nodes in front of the last affine
    /// operators.
    forward: Option<Forward>,
}

impl Ground {
    /// For a method whose last step is a backward pass.
    pub(super) fn of(known: Intervals) -> Self {
        let forward = None;
        Self { known, forward }
    }

    /// For one whose last step composes a specification with linear bounds.
    pub(super) fn with_forward(self, forward: Forward) -> Self {
        Self {
            forward: Some(forward),
            ..self
        }
    }

    /// A lower bound `[B, S]` of the linear forms `rows` `[B, S, N]` on the node `target`, in chunks
    /// that fit under the memory limit.
    pub(super) fn lower(&self, target: usize, rows: AnyTensor, config: &BoundConfig) -> AnyTensor {
        let known = &self.known;
        let stop = match config.method {
            Method::Interval => Stop::Nonlinear,
            _ => Stop::Inputs,
        };
        let alternatives = if stop == Stop::Inputs && config.all_planes {
            known.graph.alternatives(target)
        } else {
            1
        };
        let shape = rows.shape();
        let chunk = crown::rows_at_once(&known.graph, target, config);
        let parts = (0..shape[1])
            .step_by(chunk)
            .map(|start| {
                let end = (start + chunk).min(shape[1]);
                let part = rows
                    .clone()
                    .slice(&[(0, shape[0]), (start, end), (0, shape[2])]);
                match &self.forward {
                    Some(forward) => forward.lower_bound(known, target, part, config),
                    None => {
                        let slope = config.lower_slope();
                        lower_bound(known, target, part, slope, stop, alternatives)
                    }
                }
            })
            .collect();
        AnyTensor::cat(parts, 1)
    }
}
