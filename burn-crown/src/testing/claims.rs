//! The bounds behind those of an output, against the values of the nodes.

use burn::tensor::{Tensor, TensorData};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::search::Search;
use super::violation::{Claim, Violation};
use crate::bound::{BoundConfig, Bounds, Probe};
use crate::graph::{Source, place};
use crate::ops::{Contribution, Interval, Line, Lines};
use crate::tensor::AnyTensor;

/// How many elements of an operator's output have their relaxation checked, each from both sides.
const ELEMENTS: usize = 8;

/// How many linear functions of all elements beside them.
const MIXED: usize = 2;

/// How many differences between points an operator's linear part is tried with.
const DIFFERENCES: usize = 8;

/// A check of all nodes.
pub(super) struct Claims<'a> {
    pub(super) probe: &'a Probe,
    pub(super) search: &'a Search<'a>,
    pub(super) config: &'a BoundConfig,
    /// How far rounding may take a value past a bound, relative to the values at hand.
    pub(super) tolerance: f64,
    pub(super) seed: u64,
    /// Whether no other method came before: intervals and affine operators are the same by all.
    pub(super) is_first: bool,
}

/// A value past its bound: the point, the image and the element, or the row.
struct Past {
    point: usize,
    image: usize,
    at: usize,
}

impl Claims<'_> {
    /// Checks node after node, and of each its bounds before the relaxation of its operator, which
    /// stands on those of the nodes before.
    pub(super) fn check(&self) -> Result<(), Box<Violation>> {
        let mut random = StdRng::seed_from_u64(self.seed);
        for node in self.probe.nodes() {
            let values = self.search.values(node);
            if self.is_first {
                self.holds(node, Claim::Interval, &values, &self.probe.interval(node))?;
            }
            if let Some(interval) = self.probe.tightened(node) {
                self.holds(node, Claim::PreActivation, &values, &interval)?;
            }
            let nonlinear = self.probe.graph().nonlinear(node).is_some();
            if self.probe.relaxes(node) && (self.is_first || nonlinear) {
                let rows = self.rows(node, &mut random);
                for contribution in self.probe.relaxations(node, &rows.coefficients) {
                    self.relaxation_holds(node, &values, &rows, contribution)?;
                }
                self.forward_holds(node, &values)?;
            }
        }
        Ok(())
    }

    /// Whether all values `[P, B, N]` lie in an interval.
    fn holds(
        &self,
        node: usize,
        claim: Claim,
        values: &AnyTensor,
        interval: &Interval,
    ) -> Result<(), Box<Violation>> {
        let shape = values.shape();
        let flat = |bound: &AnyTensor| bound.clone().reshape(&[1, shape[1], shape[2]]);
        let (lower, upper) = (flat(&interval.lower), flat(&interval.upper));
        let largest = values.clone().abs().max_all().clamp_min(1.0);
        let sizes = lower.clone().abs().add(upper.clone().abs());
        let slack = sizes.add(largest).mul_scalar(self.tolerance);
        let below = lower.clone().sub(slack.clone()).expand(&shape);
        let above = upper.clone().add(slack).expand(&shape);
        let excess = below.sub(values.clone()).max(values.clone().sub(above));
        match past(excess) {
            None => Ok(()),
            Some(past) => {
                let number = |x: &AnyTensor, point: usize| element(x, [point, past.image, past.at]);
                Err(self.violation(
                    node,
                    claim,
                    &past,
                    Some(past.at),
                    number(values, past.point),
                    (number(&lower, 0), number(&upper, 0)),
                ))
            }
        }
    }

    /// Whether the linear forms of a backward step are below those on the values `[P, B, N]`.
    fn relaxation_holds(
        &self,
        node: usize,
        values: &AnyTensor,
        rows: &Rows,
        contribution: Contribution,
    ) -> Result<(), Box<Violation>> {
        let form = &rows.coefficients;
        let (batch, count) = (form.shape()[0], form.shape()[1]);
        // Points as columns: `[B, N, P]`.
        let columns = |values: AnyTensor| values.permute(&[1, 2, 0]);
        let output = columns(values.clone());
        let value = form.clone().matmul(output.clone());
        let mut size = form.clone().abs().matmul(output.abs());
        let bias = contribution
            .bias
            .map(|bias| bias.reshape(&[batch, count, 1]));
        let mut lower = AnyTensor::zeros(&value.shape(), &value);
        if let Some(bias) = bias {
            let shape = lower.shape();
            lower = lower.add(bias.clone().expand(&shape));
            size = size.add(bias.abs().expand(&shape));
        }
        let inputs = self.probe.graph().inputs(node);
        for (&input, part) in inputs.iter().zip(contribution.forms) {
            let Some(part) = part else { continue };
            let operand = columns(self.search.values(input));
            let part = part.reshape(&[batch, count, operand.shape()[1]]);
            lower = lower.add(part.clone().matmul(operand.clone()));
            size = size.add(part.abs().matmul(operand.abs()));
        }
        let slack = size.add_scalar(1.0).mul_scalar(self.tolerance);
        let excess = lower.clone().sub(value.clone()).sub(slack);
        let Some(past) = past(excess.permute(&[2, 0, 1])) else {
            return Ok(());
        };
        let number = |x: &AnyTensor| element(x, [past.image, past.at, past.point]);
        let (value, lower) = (number(&value), number(&lower));
        let (value, bounds) = if rows.is_negative(past.at) {
            (-value, (f64::NEG_INFINITY, -lower))
        } else {
            (value, (lower, f64::INFINITY))
        };
        let element = rows.element(past.image, past.at);
        Err(self.violation(node, Claim::Relaxation, &past, element, value, bounds))
    }

    /// Linear forms on a node's value: single elements with either sign, and some of all elements.
    /// They differ from image to image.
    fn rows(&self, node: usize, random: &mut StdRng) -> Rows {
        let graph = self.probe.graph();
        let (batch, size) = (graph.batch, graph.features(node));
        let count = size.min(ELEMENTS);
        let rows = 2 * count + MIXED;
        let mut elements = Vec::with_capacity(batch * count);
        let mut values = vec![0.0; batch * rows * size];
        for (image, values) in values.chunks_mut(rows * size).enumerate() {
            let (single, mixed) = values.split_at_mut(2 * count * size);
            for (index, pair) in single.chunks_mut(2 * size).enumerate() {
                // All of them, where there are few.
                let element = if size <= ELEMENTS {
                    (index + image) % size
                } else {
                    random.random_range(0..size)
                };
                elements.push(element);
                pair[element] = 1.0;
                pair[size + element] = -1.0;
            }
            mixed
                .iter_mut()
                .for_each(|value| *value = random.random_range(-1.0..1.0));
        }
        let data = TensorData::new(values, [batch, rows, size]);
        Rows {
            coefficients: AnyTensor::from_data_like(data, &self.probe.interval(node).lower),
            elements,
            count,
        }
    }

    /// Whether values `[P, B, N]` lie between `lower` and `upper`, of the same shape, within
    /// rounding of numbers of this `size`; the point of the first dim is that of the values.
    fn between(
        &self,
        node: usize,
        values: &AnyTensor,
        [lower, upper]: [AnyTensor; 2],
        size: AnyTensor,
    ) -> Result<(), Box<Violation>> {
        let slack = size.mul_scalar(self.tolerance);
        let below = lower.clone().sub(slack.clone()).sub(values.clone());
        let above = values.clone().sub(slack).sub(upper.clone());
        let Some(past) = past(below.max(above)) else {
            return Ok(());
        };
        let number = |x: &AnyTensor| element(x, [past.point, past.image, past.at]);
        let (value, bounds) = (number(values), (number(&lower), number(&upper)));
        Err(self.violation(node, Claim::Forward, &past, Some(past.at), value, bounds))
    }

    /// Whether forward bounds go through a node's operator as they may: its values `[P, B, N]` lie
    /// between its lines, and differences of them are what its linear part makes of those of its
    /// operands.
    fn forward_holds(&self, node: usize, values: &AnyTensor) -> Result<(), Box<Violation>> {
        let inputs = self.probe.graph().inputs(node);
        let shape = values.shape();
        if let Some(Lines { lower, upper }) = self.probe.lines(node) {
            let x = self.search.values(inputs[0]);
            let every = |of: AnyTensor| of.reshape(&[1, shape[1], shape[2]]).expand(&shape);
            let mut size = values.clone().abs().add_scalar(1.0);
            let mut at = |line: Line| {
                let (rise, intercept) = (every(line.slope).mul(x.clone()), every(line.intercept));
                size = size
                    .clone()
                    .add(rise.clone().abs())
                    .add(intercept.clone().abs());
                rise.add(intercept)
            };
            let lines = [at(lower), at(upper)];
            return self.between(node, values, lines, size);
        }
        let count = (shape[0] - 1).min(DIFFERENCES);
        if !self.is_first || count == 0 {
            return Ok(());
        }
        let coefficients: Vec<Option<Interval>> = inputs
            .iter()
            .map(|&input| {
                let made = &self.probe.graph().nodes[input];
                let pairs = |x: AnyTensor| {
                    let mut rows = made.shape.clone();
                    rows[0] *= count;
                    x.permute(&[1, 0, 2]).reshape(&rows)
                };
                let [one, other] = made
                    .perturbed
                    .then(|| differences(&self.search.values(input), count))?;
                Some(Interval {
                    lower: pairs(one.clone().min(other.clone())),
                    upper: pairs(one.max(other)),
                })
            })
            .collect();
        let Some(found) = self.probe.linear(node, &coefficients, count) else {
            return Ok(());
        };
        let back = |x: AnyTensor| {
            let rows = x.reshape(&[shape[1], count, shape[2]]);
            rows.permute(&[1, 0, 2])
        };
        let bounds = [back(found.lower), back(found.upper)];
        let largest = values.clone().abs().max_all().clamp_min(1.0);
        let size = bounds[0].clone().abs().add(bounds[1].clone().abs());
        let size = size.add(largest.expand(&bounds[0].shape()));
        // A pair of bounds is that of two differences, and so is its image.
        for difference in differences(values, count) {
            self.between(node, &difference, bounds.clone(), size.clone())?;
        }
        Ok(())
    }

    fn violation(
        &self,
        node: usize,
        claim: Claim,
        past: &Past,
        element: Option<usize>,
        value: f64,
        (lower, upper): (f64, f64),
    ) -> Box<Violation> {
        let made = &self.probe.graph().nodes[node];
        Box::new(Violation {
            method: self.config.method.to_string(),
            claim,
            node,
            operator: match &made.source {
                Source::Operator { operator, .. } => format!("{operator:?}"),
                _ => "input".into(),
            },
            module: place(made.module.as_deref()),
            image: past.image,
            element,
            value,
            lower,
            upper,
            point: self.search.image(past.point, past.image),
        })
    }

    /// Whether the rows of a specification `[B, S, O]` lie between their bounds `[B, S]` at all
    /// points; `outputs` are what the forward pass itself gives, `[P, B, O]`.
    pub(super) fn specification_holds(
        &self,
        rows: &AnyTensor,
        outputs: &AnyTensor,
        bounds: &Bounds,
    ) -> Result<(), Box<Violation>> {
        let read = |bound: &Tensor<2>| AnyTensor::new(bound.clone()).values();
        let (lower, upper) = (read(&bounds.lower), read(&bounds.upper));
        let count = rows.shape()[1];
        let columns = outputs.clone().permute(&[1, 2, 0]);
        let flat =
            |rows: AnyTensor, columns: AnyTensor| rows.matmul(columns).permute(&[2, 0, 1]).values();
        let values = flat(rows.clone(), columns.clone());
        let sizes = flat(rows.clone().abs(), columns.abs());
        let finite = sizes.iter().filter(|size| size.is_finite());
        let largest = finite.fold(1.0_f64, |most, size| most.max(*size));
        let width = lower.len();
        for (at, &value) in values.iter().enumerate() {
            let place = at % width;
            let (low, high) = (lower[place], upper[place]);
            let slack = |bound: f64| {
                let size = if bound.is_finite() { bound.abs() } else { 0.0 };
                self.tolerance * (largest + size)
            };
            // A value that is not a number is past every bound, but one that is none itself.
            let rounding = slack(low) + slack(high);
            let past_lower = !low.is_nan() && (value.is_nan() || value < low - rounding);
            let past_upper = !high.is_nan() && (value.is_nan() || value > high + rounding);
            if past_lower || past_upper {
                let past = Past {
                    point: at / width,
                    image: place / count,
                    at: place % count,
                };
                let (node, claim) = (self.probe.target(), Claim::Specification);
                return Err(self.violation(node, claim, &past, Some(past.at), value, (low, high)));
            }
        }
        Ok(())
    }
}

/// Linear forms on a node's value.
struct Rows {
    /// `[B, S, N]`: pairs of rows for an element with the signs plus and minus, then the others.
    coefficients: AnyTensor,
    /// The elements of the pairs, image by image.
    elements: Vec<usize>,
    /// Pairs of an image.
    count: usize,
}

impl Rows {
    fn element(&self, image: usize, row: usize) -> Option<usize> {
        (row < 2 * self.count).then(|| self.elements[image * self.count + row / 2])
    }

    fn is_negative(&self, row: usize) -> bool {
        row < 2 * self.count && row % 2 == 1
    }
}

/// The differences `[count, B, N]` of values `[P, B, N]` from those at the first point, and once more
/// the same in reversed order.
fn differences(values: &AnyTensor, count: usize) -> [AnyTensor; 2] {
    let shape = values.shape();
    let at = |from: usize, to: usize| {
        let ranges = [(from, to), (0, shape[1]), (0, shape[2])];
        values.clone().slice(&ranges)
    };
    let first = at(0, 1);
    let each = (1..=count).map(|point| at(point, point + 1).sub(first.clone()));
    let mut each: Vec<AnyTensor> = each.collect();
    let forward = AnyTensor::cat(each.clone(), 0);
    each.reverse();
    [forward, AnyTensor::cat(each, 0)]
}

/// Where `[P, B, N]` is largest, if it is above zero there. What is not a number is passed over: a
/// bound that is none certifies nothing.
fn past(excess: AnyTensor) -> Option<Past> {
    if !excess.clone().greater_scalar(0.0).any() {
        return None;
    }
    let shape = excess.shape();
    let mut worst = (0.0, 0);
    for (at, value) in excess.values().into_iter().enumerate() {
        if value > worst.0 {
            worst = (value, at);
        }
    }
    let at = worst.1;
    Some(Past {
        point: at / (shape[1] * shape[2]),
        image: at / shape[2] % shape[1],
        at: at % shape[2],
    })
}

fn element(x: &AnyTensor, place: [usize; 3]) -> f64 {
    let ranges = place.map(|at| (at, at + 1));
    x.clone().slice(&ranges).values()[0]
}
