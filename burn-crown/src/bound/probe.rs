//! What a method knows of a forward pass, laid open: for checks of every bound that it stands on.

use std::cell::RefCell;

use super::analysis::{Analysis, refuse_estimate};
use super::intervals::Intervals;
use super::step::Operands;
use super::{BoundConfig, Method};
use crate::error::BoundError;
use crate::graph::{Graph, Source};
use crate::ops::{Contribution, Interval, Lines};
use crate::tensor::AnyTensor;

/// The bounds behind those of an output.
pub(crate) struct Probe {
    /// What the last backward pass of the method stands on.
    known: Intervals,
    /// Intervals of all nodes that the output depends on.
    intervals: Intervals,
    config: BoundConfig,
    target: usize,
}

impl Probe {
    pub(super) fn new(
        known: Intervals,
        intervals: &RefCell<Intervals>,
        config: &BoundConfig,
        target: usize,
    ) -> Self {
        let mut intervals = intervals.borrow_mut();
        intervals.ensure(target);
        Self {
            known,
            intervals: intervals.clone(),
            config: config.clone(),
            target,
        }
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.intervals.graph
    }

    /// The node of the output.
    pub(crate) fn target(&self) -> usize {
        self.target
    }

    /// The perturbed nodes that the output depends on, in topological order.
    pub(crate) fn nodes(&self) -> Vec<usize> {
        let graph = self.graph();
        let reached = graph.ancestors(self.target);
        (0..=self.target)
            .filter(|&index| reached[index] && graph.nodes[index].perturbed)
            .collect()
    }

    /// The interval of a perturbed node, by the operators on the way to it.
    pub(crate) fn interval(&self, index: usize) -> Interval {
        self.intervals.get(index).interval()
    }

    /// Better bounds of a node, where the method has them.
    pub(crate) fn tightened(&self, index: usize) -> Option<Interval> {
        let known = self.known.known(index)?;
        self.known.is_tightened(index).then(|| known.interval())
    }

    /// Whether the method takes linear forms back through the operator that makes a node.
    pub(crate) fn relaxes(&self, index: usize) -> bool {
        let graph = self.graph();
        let nonlinear = graph.nonlinear(index).is_some();
        let inputs = graph.inputs(index);
        let is_known = |&input: &usize| {
            let needed = nonlinear || !graph.nodes[input].perturbed;
            !needed || self.known.known(input).is_some()
        };
        let linear = self.config.method != Method::Interval || !nonlinear;
        linear && !inputs.is_empty() && inputs.iter().all(is_known)
    }

    /// The backward step of a node's operator for the forms `[B, S, N]`: each of its relaxations.
    pub(crate) fn relaxations(&self, index: usize, rows: &AnyTensor) -> Vec<Contribution> {
        let graph = self.graph();
        let Source::Operator { operator, inputs } = &graph.nodes[index].source else {
            return Vec::new();
        };
        // Where rounding is accounted for, a fixed operand may be known by an interval, and the
        // operator another one.
        let known = &self.known.graph.nodes;
        let differs = |&input: &usize| known[input].perturbed != graph.nodes[input].perturbed;
        if inputs.iter().any(differs) {
            return Vec::new();
        }
        let count = rows.shape()[1];
        let mut shape = graph.nodes[index].shape.clone();
        shape[0] = graph.batch * count;
        let form = rows.clone().reshape(&shape);
        let operands = Operands::new(&self.known, index, self.config.lower_slope());
        (0..operator.alternatives())
            .map(|alternative| operator.backward(form.clone(), &operands.step(count, alternative)))
            .collect()
    }

    /// The lines around a node's operator by which forward bounds go through it, if it has them and
    /// the method knows its operands.
    pub(crate) fn lines(&self, index: usize) -> Option<Lines> {
        let operator = self.graph().nonlinear(index)?;
        let operands = Operands::new(&self.known, index, self.config.lower_slope());
        operator.lines(&operands.step(1, 0))
    }

    /// What the linear part of an affine operator makes of `rows` pairs of linear bounds an image
    /// on its perturbed operands, `[B·rows, ...]`, if it says so.
    pub(crate) fn linear(
        &self,
        index: usize,
        coefficients: &[Option<Interval>],
        rows: usize,
    ) -> Option<Interval> {
        let Source::Operator { operator, .. } = &self.graph().nodes[index].source else {
            return None;
        };
        let operands = Operands::new(&self.known, index, self.config.lower_slope());
        let step = operands.step(rows, 0);
        operator
            .is_affine()
            .then(|| operator.linear(coefficients, &step))?
    }

    /// The values of the nodes up to the output, for given values of the perturbed inputs by their
    /// position, and of the perturbed parameters `[1, ...]` with theirs; those of fixed nodes are
    /// known.
    pub(crate) fn evaluate(
        &self,
        inputs: &[AnyTensor],
        parameters: &[(usize, AnyTensor)],
    ) -> Vec<Option<AnyTensor>> {
        let graph = self.graph();
        let mut values: Vec<Option<AnyTensor>> = vec![None; self.target + 1];
        for index in self.nodes() {
            let value = |input: usize| match &values[input] {
                Some(value) => value.clone(),
                None => self.intervals.get(input).fixed(),
            };
            let leaf = |source: &Source| match source {
                Source::Input(position) => inputs[*position].clone(),
                Source::Parameter(position) => {
                    let given = parameters.iter().find(|(given, _)| given == position);
                    let (_, value) = given.expect("perturbed parameters are given");
                    value.clone().expand(&graph.nodes[index].shape)
                }
                _ => unreachable!("of the leaves, inputs and parameters alone are perturbed"),
            };
            values[index] = Some(graph.value(index, value, leaf));
        }
        values
    }
}

impl Analysis {
    /// What the method stands on in bounding the output.
    pub(crate) fn probe(&self, config: &BoundConfig) -> Result<Probe, BoundError> {
        refuse_estimate(config)?;
        let target = self.target()?;
        let known = self.ground(target, config)?.known;
        Ok(Probe::new(known, &self.intervals, config, target))
    }
}
