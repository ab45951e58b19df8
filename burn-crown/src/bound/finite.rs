//! Where the numbers of an analysis stop being finite.

use super::analysis::Analysis;
use super::backward::{Stop, observed_pass};
use super::{BoundConfig, Method};
use crate::error::BoundError;
use crate::graph::Graph;
use crate::spec::Specification;
use crate::tensor::AnyTensor;

/// Which numbers of a node are not finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Its value at the inputs themselves.
    Value,
    /// Its bounds over the region.
    Bounds,
    /// The coefficients of a linear form on it, or what its relaxation adds to the bias.
    Coefficients,
}

impl Analysis {
    /// The recorded forward pass.
    pub(crate) fn graph(&self) -> &Graph {
        &self.leaves.graph
    }

    /// The first operator, in topological order, whose value or bounds are infinite or NaN, and
    /// without one the first that a backward pass of the specification comes to with such
    /// coefficients; by its position.
    ///
    /// `values` are those of the nodes. Bounds and coefficients are those that a bound of the
    /// specification by the config stands on; none for the values alone.
    pub(crate) fn first_not_finite(
        &self,
        values: &[AnyTensor],
        bound: Option<(&Specification, &BoundConfig)>,
    ) -> Result<Option<(Part, usize)>, BoundError> {
        let graph = self.graph();
        let target = self.target()?;
        let ground = bound
            .map(|(_, config)| self.ground(target, config))
            .transpose()?;
        let reached = graph.ancestors(target);
        for index in (0..=target).filter(|&index| reached[index] && !graph.inputs(index).is_empty())
        {
            let found = |part| Ok(Some((part, index)));
            if !values[index].is_finite() {
                return found(Part::Value);
            }
            let region = ground.as_ref().and_then(|ground| ground.known.known(index));
            if let Some(region) = region
                && graph.nodes[index].perturbed
            {
                let interval = region.interval();
                if !(interval.lower.is_finite() && interval.upper.is_finite()) {
                    return found(Part::Bounds);
                }
            }
        }
        let (Some((specification, config)), Some(ground)) = (bound, ground) else {
            return Ok(None);
        };
        let stop = match config.method {
            // Its linear bounds go forward.
            Method::Forward => return Ok(None),
            Method::Interval => Stop::Nonlinear,
            _ => Stop::Inputs,
        };
        let mut first = None;
        let mut observe = |index: usize, numbers: &AnyTensor| {
            if first.is_none() && !numbers.is_finite() {
                first = Some(index);
            }
        };
        for alternative in 0..graph.alternatives(target) {
            let rows = self.rows(specification)?;
            let slope = config.lower_slope();
            let known = &ground.known;
            observed_pass(known, target, rows, slope, stop, alternative, &mut observe);
        }
        Ok(first.map(|index| (Part::Coefficients, index)))
    }
}
