//! The clean values of perturbed nodes.

use super::Lowering;
use crate::graph::Source;

impl Lowering<'_> {
    /// The node of what `target` is when nothing is perturbed: the same operators once more, on
    /// the inputs and parameters as they are given. A node that is not perturbed is its own.
    pub(in crate::trace) fn clean(&mut self, target: usize) -> usize {
        for index in self.without_clean_node(target) {
            let source = match &self.nodes[index].source {
                Source::Input(position) => Source::Input(*position),
                Source::Operator { operator, inputs } => Source::Operator {
                    operator: operator.clone(),
                    inputs: inputs.iter().map(|&input| self.clean_node(input)).collect(),
                },
                Source::Parameter(position) => Source::Parameter(*position),
                Source::Constant(_) | Source::Known => {
                    unreachable!("a constant is not perturbed")
                }
            };
            let shape = self.nodes[index].shape.clone();
            let module = self.nodes[index].module.clone();
            let node = self.push(source, shape, false, module);
            self.nodes[node].origin = self.nodes[index].origin.clone();
            self.clean.insert(index, node);
        }
        self.clean_node(target)
    }

    /// The node of a clean value that has one already.
    fn clean_node(&self, index: usize) -> usize {
        self.clean.get(&index).copied().unwrap_or(index)
    }

    /// The perturbed nodes that `target` depends on whose clean values have no node yet, in
    /// topological order.
    fn without_clean_node(&self, target: usize) -> Vec<usize> {
        let mut missing = vec![false; target + 1];
        missing[target] = true;
        for index in (0..=target).rev() {
            missing[index] &= self.nodes[index].perturbed && !self.clean.contains_key(&index);
            if let Source::Operator { inputs, .. } = &self.nodes[index].source
                && missing[index]
            {
                for &input in inputs {
                    missing[input] = true;
                }
            }
        }
        (0..=target).filter(|&index| missing[index]).collect()
    }
}
