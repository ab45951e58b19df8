//! Linear bounds of every node in the perturbed inputs, forward through the graph (Xu et al. 2020,
//! arXiv 2002.12920, section 3.2).

use burn::tensor::{Int, Tensor};

use super::BoundConfig;
use super::backward::{Ending, Stop, pass};
use super::crown::{rows_at_once, unit_rows};
use super::intervals::Intervals;
use super::linear::{Functions, Linear, Variables};
use super::step::Operands;
use crate::graph::Source;
use crate::ops::{Interval, Operator};
use crate::tensor::AnyTensor;

/// Linear bounds of nodes.
#[derive(Debug)]
pub(super) struct Forward {
    variables: Variables,
    /// Those of nodes that are still needed.
    nodes: Vec<Option<Linear>>,
}

impl Forward {
    /// Bounds every pre-activation below `target`, each standing on the ones before it, and makes
    /// them known. The linear bounds of the nodes `keep` remain.
    pub(super) fn new(
        known: &mut Intervals,
        target: usize,
        keep: &[usize],
        config: &BoundConfig,
    ) -> Self {
        known.ensure_fixed_operands(target);
        let graph = known.graph.clone();
        let wanted = graph.pre_activations(target);
        let mut forward = Self {
            variables: Variables::of(&graph, target),
            nodes: vec![None; target + 1],
        };
        let mut last_use = vec![None; target + 1];
        for &index in keep {
            last_use[index] = Some(target + 1);
        }
        for &index in &wanted {
            last_use[index] = last_use[index].max(Some(index));
        }
        for index in (0..=target)
            .rev()
            .filter(|&index| graph.nodes[index].perturbed)
        {
            if last_use[index].is_some() {
                for &input in graph.inputs(index) {
                    last_use[input] = last_use[input].max(Some(index));
                }
            }
        }
        for index in (0..=target).filter(|&index| graph.nodes[index].perturbed) {
            if last_use[index].is_none() {
                continue;
            }
            let linear = forward.node(known, index, config);
            let inputs = graph.inputs(index);
            if wanted.contains(&index) && !inputs.is_empty() {
                let shape = &graph.nodes[index].shape;
                let range = forward.variables.range(known, &linear);
                let mut range = range.map(|bound| bound.reshape(shape));
                // What makes the node may have a range of its own, which its lines leave.
                if !config.bounds_all_neurons() || graph.nonlinear(index).is_some() {
                    range = range.intersect(known.ensure(index).interval());
                }
                known.set(index, range);
            }
            forward.nodes[index] = Some(linear);
            for &input in inputs.iter().chain([&index]) {
                if last_use[input] == Some(index) {
                    forward.nodes[input] = None;
                }
            }
        }
        forward
    }

    /// The bounds of a node, from those of its inputs.
    fn node(&self, known: &Intervals, index: usize, config: &BoundConfig) -> Linear {
        let graph = &known.graph;
        let Source::Operator { operator, inputs } = &graph.nodes[index].source else {
            let linear = self.variables.identity(graph, index, known.like());
            return linear.expect("each perturbed leaf is a variable");
        };
        let operands = Operands::new(known, index, config.lower_slope());
        if operator.is_affine() {
            if let Some(linear) = self.affine(known, operator.as_ref(), inputs, &operands) {
                return linear;
            }
        } else if let Some(lines) = operator.lines(&operands.step(1, 0)) {
            return self.get(inputs[0]).between(&lines);
        }
        self.row_by_row(known, index, config)
    }

    /// The bounds of an affine operator's output: its linear part is applied to the coefficients,
    /// and what it makes of zero is added to the constants.
    fn affine(
        &self,
        known: &Intervals,
        operator: &dyn Operator,
        inputs: &[usize],
        operands: &Operands,
    ) -> Option<Linear> {
        let linear: Vec<Option<&Linear>> = inputs
            .iter()
            .map(|&input| self.nodes[input].as_ref())
            .collect();
        let of = |part: fn(&Linear) -> &Interval| -> Vec<Option<Interval>> {
            let parts = linear.iter();
            parts
                .map(|linear| linear.map(|linear| part(linear).clone()))
                .collect()
        };
        let coefficients = operator.linear(
            &of(|linear| &linear.coefficients),
            &operands.step(self.variables.count, 0),
        )?;
        let constants = operator.linear(&of(|linear| &linear.constants), &operands.step(1, 0))?;
        let at_zero = |(&input, linear): (&usize, &Option<&Linear>)| match linear {
            Some(linear) => {
                let like = &linear.constants.lower;
                AnyTensor::zeros(&like.shape(), like)
            }
            None => known.get(input).fixed(),
        };
        let values: Vec<AnyTensor> = inputs.iter().zip(&linear).map(at_zero).collect();
        let constant = operator.evaluate(&values);
        Some(Linear {
            coefficients,
            constants: constants.map(|bound| bound.add(constant.clone())),
        })
    }

    /// The bounds of an operator's output by backward steps from each of its elements, and from
    /// their negatives.
    fn row_by_row(&self, known: &Intervals, index: usize, config: &BoundConfig) -> Linear {
        let graph = &known.graph;
        let (batch, features) = (graph.batch, graph.features(index));
        let chunk = rows_at_once(graph, index, config).div_ceil(2);
        let (mut below, mut below_negative) = (Vec::new(), Vec::new());
        for start in (0..features).step_by(chunk) {
            let count = chunk.min(features - start);
            let device = known.like().device().inner();
            let picked = Tensor::<1, Int>::arange(start as i64..(start + count) as i64, &device)
                .reshape([1, count as i32])
                .expand([batch, count]);
            let rows = unit_rows(picked, features, known.like());
            let both = AnyTensor::cat(vec![rows.clone(), rows.neg()], 1);
            let functions = self.below(known, index, both, config, Stop::Operands);
            below.push(functions.slice(0, count));
            below_negative.push(functions.slice(count, 2 * count));
        }
        Linear::from_functions(
            Functions::cat(below),
            Functions::cat(below_negative),
            &graph.nodes[index].shape,
        )
    }
    /// Functions that are below the forms `rows` `[B, S, N]` on a node: a backward pass takes the
    /// forms to nodes that have linear bounds, and these take them to the inputs.
    fn below(
        &self,
        known: &Intervals,
        target: usize,
        rows: AnyTensor,
        config: &BoundConfig,
        stop: Stop,
    ) -> Functions {
        let Ending { forms, bias, .. } = pass(known, target, rows, config.lower_slope(), stop, 0);
        let functions = forms
            .iter()
            .map(|(index, form)| self.get(*index).below(form))
            .reduce(Functions::add);
        let functions = functions.expect("a backward pass ends at perturbed nodes");
        match bias {
            Some(bias) => functions.shift(bias),
            None => functions,
        }
    }

    fn get(&self, index: usize) -> &Linear {
        let linear = self.nodes[index].as_ref();
        linear.expect("linear bounds are kept until their last use")
    }

    /// A lower bound `[B, S]` of the forms `rows` `[B, S, N]` on a node. They are merged into the
    /// affine operators that end there, so the nodes in front of those must have been kept.
    pub(super) fn lower_bound(
        &self,
        known: &Intervals,
        target: usize,
        rows: AnyTensor,
        config: &BoundConfig,
    ) -> AnyTensor {
        let functions = self.below(known, target, rows, config, Stop::Nonlinear);
        self.variables.smallest(known, functions)
    }

    /// The bounds of a node that was kept, `[B, N]`.
    pub(super) fn range(&self, known: &Intervals, index: usize) -> Interval {
        self.variables.range(known, self.get(index))
    }
}
