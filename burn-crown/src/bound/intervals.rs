//! Intervals, forward through the graph, as far as they are asked for.

use std::cell::RefCell;
use std::sync::Arc;

use super::LowerSlope;
use super::rounding::Soundness;
use crate::graph::{Graph, Source};
use crate::ops::{Interval, Lines, Region, Rounded, Roundings};
use crate::tensor::{AnyTensor, Measure};

/// What is known of each node: the values of fixed nodes, the regions of perturbed ones.
#[derive(Clone, Debug)]
pub(super) struct Intervals {
    pub(super) graph: Arc<Graph>,
    /// A tensor of the data type and on the device of the computation.
    like: AnyTensor,
    regions: Vec<Option<Region>>,
    /// Which nodes have better bounds than what their operator gives.
    tightened: Vec<bool>,
    /// For each node, the lines around its operator on what is known of its operands: the passes of
    /// full CROWN, one for each pre-activation and chunk of rows, have them in common.
    lines: Vec<RefCell<Option<(LowerSlope, Lines)>>>,
    /// How rounding is accounted for, if it is.
    soundness: Option<Soundness>,
}

impl Intervals {
    /// Starts from the leaves of the graph.
    pub(super) fn new(graph: Arc<Graph>, like: AnyTensor, leaves: Vec<Option<Region>>) -> Self {
        Self {
            graph,
            like,
            tightened: vec![false; leaves.len()],
            lines: vec![RefCell::default(); leaves.len()],
            regions: leaves,
            soundness: None,
        }
    }

    /// The same leaves, with an account of rounding from here on.
    pub(super) fn with_soundness(mut self, soundness: Soundness) -> Self {
        let regions = self.regions.into_iter();
        self.regions = regions
            .map(|region| region.map(|region| soundness.leaf(region)))
            .collect();
        self.soundness = Some(soundness);
        self
    }

    /// The same with nodes of another graph as leaves, by their regions.
    pub(super) fn with_leaves(
        self,
        graph: Arc<Graph>,
        leaves: impl Iterator<Item = (usize, Region)>,
    ) -> Self {
        let mut known = Self { graph, ..self };
        for (index, region) in leaves {
            known.regions[index] = Some(region);
        }
        known
    }

    /// Whether both are of one graph.
    pub(super) fn shares(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.graph, &other.graph)
    }

    /// How rounding is accounted for, if it is.
    pub(super) fn soundness(&self) -> Option<Soundness> {
        self.soundness
    }

    /// How far rounding takes the results of a perturbed node's operator, on inputs that are known.
    pub(super) fn roundings(&self, index: usize) -> Roundings {
        let soundness = self.soundness.expect("rounding is accounted for");
        let node = &self.graph.nodes[index];
        let Source::Operator { operator, inputs } = &node.source else {
            unreachable!("leaves are no operators")
        };
        let regions: Vec<Region> = inputs
            .iter()
            .map(|&input| self.get(input).clone())
            .collect();
        let shapes: Vec<&[usize]> = inputs
            .iter()
            .map(|&input| self.graph.nodes[input].shape.as_slice())
            .collect();
        let rounded = Rounded {
            inputs: &regions,
            shapes: &shapes,
            output: &node.shape,
            precision: soundness.precision,
        };
        let roundings = operator.roundings(&rounded);
        roundings.expect("operators without an account of rounding were refused")
    }

    /// A tensor of the data type and on the device of the computation.
    pub(super) fn like(&self) -> &AnyTensor {
        &self.like
    }

    /// The region of a node, from those of the nodes that it depends on.
    pub(super) fn ensure(&mut self, target: usize) -> &Region {
        let mut needed = vec![false; target + 1];
        needed[target] = true;
        for index in (0..=target).rev() {
            needed[index] &= self.regions[index].is_none();
            if needed[index] {
                for &input in self.graph.inputs(index) {
                    needed[input] = true;
                }
            }
        }
        for index in (0..=target).filter(|&index| needed[index]) {
            self.regions[index] = Some(self.propagate(index));
        }
        self.get(target)
    }

    fn propagate(&self, index: usize) -> Region {
        let node = &self.graph.nodes[index];
        let Source::Operator { operator, inputs } = &node.source else {
            unreachable!("leaves are known from the start")
        };
        if node.perturbed {
            let regions: Vec<Region> = inputs
                .iter()
                .map(|&input| self.get(input).clone())
                .collect();
            let region = operator.interval(&regions);
            return match self.soundness {
                None => region,
                Some(soundness) => soundness.node(region, &self.roundings(index)),
            };
        }
        let values: Vec<AnyTensor> = inputs
            .iter()
            .map(|&input| self.get(input).fixed())
            .collect();
        Region::Fixed(operator.evaluate(&values))
    }

    /// Makes known what operators up to `target` read of fixed nodes.
    pub(super) fn ensure_fixed_operands(&mut self, target: usize) {
        for index in self.graph.fixed_operands(target) {
            self.ensure(index);
        }
    }

    /// Makes known what a backward pass from `target` reads where it accounts for rounding: the
    /// regions of all nodes on its way.
    pub(super) fn ensure_for_rounding(&mut self, target: usize) {
        if self.soundness.is_none() {
            return;
        }
        let reached = self.graph.ancestors(target);
        for index in (0..=target).filter(|&index| reached[index]) {
            self.ensure(index);
        }
    }

    /// Replaces the region of a node by better bounds.
    pub(super) fn set(&mut self, index: usize, interval: Interval) {
        self.regions[index] = Some(Region::Box(interval));
        self.tightened[index] = true;
        for (node, lines) in self.lines.iter().enumerate() {
            if self.graph.inputs(node).contains(&index) {
                lines.take();
            }
        }
    }

    /// Where the lines around a node's operator are kept.
    pub(super) fn lines(&self, index: usize) -> &RefCell<Option<(LowerSlope, Lines)>> {
        &self.lines[index]
    }

    /// Whether a node has better bounds than what its operator gives.
    pub(super) fn is_tightened(&self, index: usize) -> bool {
        self.tightened[index]
    }

    /// The region of a node that is known.
    pub(super) fn get(&self, index: usize) -> &Region {
        self.regions[index]
            .as_ref()
            .expect("the region was asked for before")
    }

    /// The region of a node, if it is known.
    pub(super) fn known(&self, index: usize) -> Option<&Region> {
        self.regions[index].as_ref()
    }

    /// Zero for each image `[B, 1]`, or NaN where a bound that relaxations up to `target` stand on
    /// is infinite or NaN: rectifiers and comparisons can lose such a value on the way.
    pub(super) fn guard(&self, target: usize) -> Option<AnyTensor> {
        let mut nodes = self.graph.pre_activations(target);
        nodes.extend(self.graph.affine_frontier(target));
        nodes
            .into_iter()
            .filter_map(|index| self.known(index))
            .map(|region| {
                let Interval { lower, upper } = region.interval();
                let sum = lower.measured(upper, Measure::ZeroIfFinite);
                sum.reshape(&[self.graph.batch, 1])
            })
            .reduce(AnyTensor::add)
    }
}
