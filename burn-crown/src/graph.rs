//! The recorded forward pass: nodes in topological order.

use std::sync::Arc;

use burn::tensor::TensorData;

use crate::ops::Operator;
use crate::tensor::AnyTensor;

/// A forward pass at one input shape.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    /// In topological order.
    pub(crate) nodes: Vec<Node>,
    /// The indices of the output nodes.
    pub(crate) outputs: Vec<usize>,
    /// `B`.
    pub(crate) batch: usize,
}

/// A value of the forward pass.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) source: Source,
    pub(crate) shape: Vec<usize>,
    /// Whether it depends on a perturbed input.
    pub(crate) perturbed: bool,
    /// The path of the module that made it, for messages; none before the first layer.
    pub(crate) module: Option<String>,
    /// The recorded operator that it is part of.
    pub(crate) origin: Option<Arc<Origin>>,
}

/// A recorded operator.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Burn's name of the operator.
    pub(crate) operator: String,
    /// The module that made it, in words.
    pub(crate) module: String,
    /// Whether the nodes compute its function in another way than the backend does when it runs.
    pub(crate) rewritten: bool,
    /// Whether it weighs its inputs by numbers that the backend computes from their places.
    pub(crate) interpolates: bool,
}

impl Origin {
    /// What it is and where, for messages.
    pub(crate) fn place(&self) -> String {
        format!("operator `{}` in {}", self.operator, self.module)
    }
}

/// Where a node's value comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// An input of the forward pass, by position: its region, or in a node that is not perturbed
    /// the input as it is given.
    Input(usize),
    /// A parameter or running statistic, by its position in the module, bound anew for every
    /// analysis. In a node that is perturbed, `[B, ...]`, each image has a copy of its region.
    Parameter(usize),
    /// A value that `forward` made itself.
    Constant(TensorData),
    /// A value that is known by its region alone: a part of a value of another graph, or a fixed value
    /// that `forward` computes, known by an interval that holds what rounding leaves open. A node of
    /// the latter counts as perturbed; it is there where bounds account for rounding.
    Known,
    /// An operator on earlier nodes.
    Operator {
        operator: Arc<dyn Operator>,
        inputs: Vec<usize>,
    },
}

/// Where in the user's module a node was made, for messages.
pub(crate) fn place(module: Option<&str>) -> String {
    match module {
        None => "the forward pass, before its first layer".into(),
        Some("") => "the module itself".into(),
        Some(module) => format!("module `{module}`, or in the forward pass behind it"),
    }
}

impl Graph {
    /// The value of a node, where `value` gives those of the nodes before it, and `leaf` those of
    /// leaves.
    pub(crate) fn value(
        &self,
        index: usize,
        value: impl Fn(usize) -> AnyTensor,
        leaf: impl Fn(&Source) -> AnyTensor,
    ) -> AnyTensor {
        match &self.nodes[index].source {
            Source::Operator { operator, inputs } => {
                let operands: Vec<_> = inputs.iter().map(|&input| value(input)).collect();
                operator.evaluate(&operands)
            }
            source => leaf(source),
        }
    }

    /// The indices that an operator reads; none for a leaf.
    pub(crate) fn inputs(&self, index: usize) -> &[usize] {
        match &self.nodes[index].source {
            Source::Operator { inputs, .. } => inputs,
            _ => &[],
        }
    }

    /// The nodes that `target` depends on, itself included.
    pub(crate) fn ancestors(&self, target: usize) -> Vec<bool> {
        let mut reached = vec![false; target + 1];
        reached[target] = true;
        for index in (0..=target).rev() {
            if reached[index] {
                for &input in self.inputs(index) {
                    reached[input] = true;
                }
            }
        }
        reached
    }

    /// The operator that makes a perturbed node, unless it is affine.
    pub(crate) fn nonlinear(&self, index: usize) -> Option<&dyn Operator> {
        match &self.nodes[index] {
            Node {
                source: Source::Operator { operator, .. },
                perturbed: true,
                ..
            } if !operator.is_affine() => Some(operator.as_ref()),
            _ => None,
        }
    }

    /// The perturbed nodes below `target` that a nonlinear operator reads, in topological order:
    /// those whose bounds a relaxation needs.
    pub(crate) fn pre_activations(&self, target: usize) -> Vec<usize> {
        let reached = self.ancestors(target);
        let mut needed = vec![false; target + 1];
        for index in (0..=target).filter(|&index| reached[index]) {
            if self.nonlinear(index).is_some() {
                for &input in self.inputs(index) {
                    needed[input] |= self.nodes[input].perturbed;
                }
            }
        }
        (0..=target).filter(|&index| needed[index]).collect()
    }

    /// The largest number of relaxations that an operator up to `target` has.
    pub(crate) fn alternatives(&self, target: usize) -> usize {
        let counts = self
            .relaxed(target)
            .map(|(_, operator)| operator.alternatives());
        counts.fold(1, usize::max)
    }

    /// The largest [`workspace`](Operator::workspace) of an operator up to `target`.
    pub(crate) fn workspace(&self, target: usize) -> usize {
        let sizes = self.relaxed(target).map(|(index, operator)| {
            let inputs = self.inputs(index).iter();
            let shapes: Vec<&[usize]> = inputs
                .map(|&input| self.nodes[input].shape.as_slice())
                .collect();
            operator.workspace(&shapes)
        });
        sizes.fold(0, usize::max)
    }

    /// The operators up to `target` that a backward pass relaxes, with their places.
    fn relaxed(&self, target: usize) -> impl Iterator<Item = (usize, &dyn Operator)> {
        let reached = self.ancestors(target).into_iter().enumerate();
        reached.filter_map(|(index, reached)| {
            let operator = self.nonlinear(index).filter(|_| reached);
            operator.map(|operator| (index, operator))
        })
    }

    /// The nodes at which a form on `target`, taken back through affine operators, arrives at a
    /// nonlinear operator's output or at an input.
    pub(crate) fn affine_frontier(&self, target: usize) -> Vec<usize> {
        let mut reached = vec![false; target + 1];
        reached[target] = true;
        let mut frontier = Vec::new();
        for index in (0..=target)
            .rev()
            .filter(|&index| self.nodes[index].perturbed)
        {
            if !reached[index] {
                continue;
            }
            let inputs = self.inputs(index);
            if self.nonlinear(index).is_some() || inputs.is_empty() {
                frontier.push(index);
                continue;
            }
            for &input in inputs {
                reached[input] = true;
            }
        }
        frontier
    }

    /// The fixed nodes that operators between the perturbed inputs and `target` read.
    pub(crate) fn fixed_operands(&self, target: usize) -> Vec<usize> {
        let reached = self.ancestors(target);
        let mut operands: Vec<usize> = (0..=target)
            .filter(|&index| reached[index] && self.nodes[index].perturbed)
            .flat_map(|index| self.inputs(index).iter().copied())
            .filter(|&input| !self.nodes[input].perturbed)
            .collect();
        operands.sort_unstable();
        operands.dedup();
        operands
    }

    /// The size of a node for one image.
    pub(crate) fn features(&self, index: usize) -> usize {
        self.nodes[index].shape[1..].iter().product()
    }
}
