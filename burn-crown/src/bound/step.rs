//! What an operator reads in a step with linear forms.

use std::cell::RefCell;

use super::LowerSlope;
use super::intervals::Intervals;
use crate::ops::{Lines, Region, Step};

/// The operands of an operator, as they are known.
pub(super) struct Operands<'a> {
    regions: Vec<Option<&'a Region>>,
    perturbed: Vec<bool>,
    shapes: Vec<&'a [usize]>,
    batch: usize,
    slope: LowerSlope,
    lines: &'a RefCell<Option<(LowerSlope, Lines)>>,
}

impl<'a> Operands<'a> {
    /// What the operator of node `index` reads, for relaxations with a lower slope.
    pub(super) fn new(known: &'a Intervals, index: usize, slope: LowerSlope) -> Self {
        let inputs = known.graph.inputs(index);
        let nodes = || inputs.iter().map(|&input| &known.graph.nodes[input]);
        Self {
            regions: inputs.iter().map(|&input| known.known(input)).collect(),
            perturbed: nodes().map(|node| node.perturbed).collect(),
            shapes: nodes().map(|node| node.shape.as_slice()).collect(),
            batch: known.graph.batch,
            slope,
            lines: known.lines(index),
        }
    }

    /// A step with `rows` forms an image, by one of the operator's relaxations.
    pub(super) fn step(&self, rows: usize, alternative: usize) -> Step<'_> {
        Step {
            regions: &self.regions,
            perturbed: &self.perturbed,
            shapes: &self.shapes,
            batch: self.batch,
            rows,
            slope: self.slope,
            alternative,
            lines: self.lines,
        }
    }
}
