//! Linear functions of the perturbed inputs, and what forms on a node are as such.
//!
//! The `D` elements of all perturbed inputs of an image stand side by side.

use burn::tensor::{Int, Tensor};

use super::backward::concretize;
use super::intervals::Intervals;
use crate::graph::{Graph, Source};
use crate::ops::{Interval, Lines};
use crate::tensor::AnyTensor;

/// Linear bounds of a node: nowhere above it and nowhere below it, for every input in the region.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    /// `[B·D, ...]`, the rows of an image side by side.
    pub(super) coefficients: Interval,
    /// `[B, ...]`.
    pub(super) constants: Interval,
}

/// `S` linear functions of an image's inputs.
#[derive(Clone, Debug)]
pub(super) struct Functions {
    /// `[B, D, S]`.
    pub(super) coefficients: AnyTensor,
    /// `[B, S]`.
    pub(super) constants: AnyTensor,
}

impl Linear {
    /// The linear functions that are below forms `[B·S, ...]` on the node: its lower bound where a
    /// coefficient is positive, the upper one where it is negative.
    pub(super) fn below(&self, form: &AnyTensor) -> Functions {
        let batch = self.constants.lower.shape()[0];
        let shape = form.shape();
        let (count, features) = (shape[0] / batch, shape[1..].iter().product());
        let columns = form
            .clone()
            .reshape(&[batch, count, features])
            .swap_dims(1, 2);
        let positive = columns.clone().clamp_min(0.0);
        // As a difference, so that a coefficient that is not a number stays one.
        let negative = columns.sub(positive.clone());
        let through = |bounds: &Interval| {
            let rows = bounds.lower.shape()[0] / batch;
            let flat = |bound: &AnyTensor| bound.clone().reshape(&[batch, rows, features]);
            let low = flat(&bounds.lower).matmul(positive.clone());
            low.add(flat(&bounds.upper).matmul(negative.clone()))
        };
        Functions {
            coefficients: through(&self.coefficients),
            constants: through(&self.constants).reshape(&[batch, count]),
        }
    }

    /// The bounds of an operator on the node that lies between lines, element by element.
    pub(super) fn between(&self, lines: &Lines) -> Self {
        let shape = lines.lower.slope.shape();
        let (batch, features) = (shape[0], shape[1..].iter().product());
        let flat = |x: &AnyTensor, rows: usize| x.clone().reshape(&[batch, rows, features]);
        let times = |bounds: &Interval| {
            let total = bounds.lower.shape();
            let rows = total[0] / batch;
            // The first bound where the slope is positive, the second one where it is negative.
            let along = |slope: &AnyTensor, first: &AnyTensor, second: &AnyTensor| {
                let slope = flat(slope, 1);
                let rising = slope.clone().clamp_min(0.0);
                let falling = slope.sub(rising.clone());
                let sum = flat(first, rows).mul(rising);
                sum.add(flat(second, rows).mul(falling)).reshape(&total)
            };
            Interval {
                lower: along(&lines.lower.slope, &bounds.lower, &bounds.upper),
                upper: along(&lines.upper.slope, &bounds.upper, &bounds.lower),
            }
        };
        let constants = times(&self.constants);
        Self {
            coefficients: times(&self.coefficients),
            constants: Interval {
                lower: constants.lower.add(lines.lower.intercept.clone()),
                upper: constants.upper.add(lines.upper.intercept.clone()),
            },
        }
    }

    /// The bounds as functions, for the elements of the node one after the other.
    fn functions(&self) -> [Functions; 2] {
        let batch = self.constants.lower.shape()[0];
        let side = |coefficients: &AnyTensor, constants: &AnyTensor| {
            let constants = constants.clone().flatten_features();
            let rows = coefficients.shape()[0] / batch;
            Functions {
                coefficients: coefficients
                    .clone()
                    .reshape(&[batch, rows, constants.shape()[1]]),
                constants,
            }
        };
        [
            side(&self.coefficients.lower, &self.constants.lower),
            side(&self.coefficients.upper, &self.constants.upper),
        ]
    }

    /// Bounds of a node of `shape` from functions below it, and below its negative.
    pub(super) fn from_functions(
        below: Functions,
        below_negative: Functions,
        shape: &[usize],
    ) -> Self {
        let rows = below.coefficients.shape()[1];
        let rows_shape = [&[shape[0] * rows], &shape[1..]].concat();
        Self {
            coefficients: Interval {
                lower: below.coefficients.reshape(&rows_shape),
                upper: below_negative.coefficients.neg().reshape(&rows_shape),
            },
            constants: Interval {
                lower: below.constants.reshape(shape),
                upper: below_negative.constants.neg().reshape(shape),
            },
        }
    }
}

impl Functions {
    pub(super) fn add(self, other: Self) -> Self {
        Self {
            coefficients: self.coefficients.add(other.coefficients),
            constants: self.constants.add(other.constants),
        }
    }

    /// With `[B, S]` added to their values.
    pub(super) fn shift(self, constants: AnyTensor) -> Self {
        Self {
            constants: self.constants.add(constants),
            ..self
        }
    }

    fn neg(self) -> Self {
        Self {
            coefficients: self.coefficients.neg(),
            constants: self.constants.neg(),
        }
    }

    /// The functions `start..end` of each image.
    pub(super) fn slice(&self, start: usize, end: usize) -> Self {
        let shape = self.coefficients.shape();
        let (batch, elements) = ((0, shape[0]), (0, shape[1]));
        Self {
            coefficients: self
                .coefficients
                .clone()
                .slice(&[batch, elements, (start, end)]),
            constants: self.constants.clone().slice(&[batch, (start, end)]),
        }
    }

    /// All functions, those of `parts` one after the other.
    pub(super) fn cat(parts: Vec<Self>) -> Self {
        let (coefficients, constants) = parts
            .into_iter()
            .map(|part| (part.coefficients, part.constants))
            .unzip();
        Self {
            coefficients: AnyTensor::cat(coefficients, 2),
            constants: AnyTensor::cat(constants, 1),
        }
    }
}

/// The perturbed inputs and parameters, side by side.
#[derive(Debug)]
pub(super) struct Variables {
    /// The node of each, and where its elements begin.
    starts: Vec<(usize, usize)>,
    /// `D`.
    pub(super) count: usize,
}

impl Variables {
    /// The perturbed inputs and parameters that `target` depends on.
    pub(super) fn of(graph: &Graph, target: usize) -> Self {
        let reached = graph.ancestors(target);
        let mut count = 0;
        let mut starts = Vec::new();
        for index in (0..=target).filter(|&index| reached[index]) {
            let node = &graph.nodes[index];
            if node.perturbed && !matches!(node.source, Source::Operator { .. }) {
                starts.push((index, count));
                count += graph.features(index);
            }
        }
        Self { starts, count }
    }

    /// An input or parameter as a function of itself.
    pub(super) fn identity(&self, graph: &Graph, input: usize, like: &AnyTensor) -> Option<Linear> {
        let &(_, start) = self.starts.iter().find(|&&(index, _)| index == input)?;
        let (features, shape) = (graph.features(input), &graph.nodes[input].shape);
        let device = like.device().inner();
        let numbers =
            |from: usize, to: usize| Tensor::<1, Int>::arange(from as i64..to as i64, &device);
        let all = numbers(0, self.count).reshape([self.count as i32, 1]);
        let own = numbers(start, start + features).reshape([1, features as i32]);
        let [all, own] = [all, own].map(|places| places.expand([self.count, features]));
        let identity = AnyTensor::new(all.equal(own).float()).cast_like(like);
        let coefficients = identity
            .reshape(&[1, self.count, features])
            .expand(&[graph.batch, self.count, features])
            .reshape(&[&[graph.batch * self.count], &shape[1..]].concat());
        let constants = AnyTensor::zeros(shape, like);
        let both = |x: AnyTensor| Interval {
            lower: x.clone(),
            upper: x,
        };
        Some(Linear {
            coefficients: both(coefficients),
            constants: both(constants),
        })
    }

    /// The smallest values `[B, S]` of functions over the region of the inputs.
    pub(super) fn smallest(&self, known: &Intervals, functions: Functions) -> AnyTensor {
        let [batch, _, count] = [0, 1, 2].map(|dim| functions.coefficients.shape()[dim]);
        let smallest = |&(input, start): &(usize, usize)| {
            let end = start + known.graph.features(input);
            let features = &known.graph.nodes[input].shape[1..];
            let form = functions
                .coefficients
                .clone()
                .slice(&[(0, batch), (start, end), (0, count)])
                .swap_dims(1, 2)
                .reshape(&[&[batch * count], features].concat());
            concretize(form, known.get(input), batch, count)
        };
        self.starts
            .iter()
            .map(smallest)
            .fold(functions.constants.clone(), AnyTensor::add)
    }

    /// The bounds of a node, `[B, N]`, over the region of the inputs.
    pub(super) fn range(&self, known: &Intervals, linear: &Linear) -> Interval {
        let [below, above] = linear.functions();
        Interval {
            lower: self.smallest(known, below),
            upper: self.smallest(known, above.neg()).neg(),
        }
    }
}
