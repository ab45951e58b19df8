//! What an operator reads in a step with linear forms.

use super::LowerSlope;
use super::intervals::Intervals;
use crate::ops::{Region, Step};

/// The operands of an operator, as they are known.
pub(super) struct Operands<'a> {
    regions: Vec<Option<&'a Region>>,
    perturbed: Vec<bool>,
    shapes: Vec<&'a [usize]>,
    batch: usize,
    slope: LowerSlope,
}

impl<'a> Operands<'a> {
    /// The nodes `inputs`, for relaxations with a lower slope.
    pub(super) fn new(known: &'a Intervals, inputs: &[usize], slope: LowerSlope) -> Self {
        let nodes = || inputs.iter().map(|&input| &known.graph.nodes[input]);
        Self {
            regions: inputs.iter().map(|&input| known.known(input)).collect(),
            perturbed: nodes().map(|node| node.perturbed).collect(),
            shapes: nodes().map(|node| node.shape.as_slice()).collect(),
            batch: known.graph.batch,
            slope,
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
        }
    }
}
