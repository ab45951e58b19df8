//! CROWN: backward passes for every pre-activation.

use burn::tensor::{Int, Tensor};

use super::backward::{Stop, lower_bound};
use super::intervals::Intervals;
use super::open::Open;
use super::{BoundConfig, windows};
use crate::graph::Graph;
use crate::ops::{Interval, Operator, Region};
use crate::tensor::{AnyMask, AnyTensor};

/// Bounds every pre-activation below `target` by a backward pass, in topological order, each
/// standing on the ones before it. Those that were bounded so before, for another output, stay.
pub(super) fn tighten(known: &mut Intervals, target: usize, config: &BoundConfig) {
    known.ensure_fixed_operands(target);
    for index in known.graph.pre_activations(target) {
        if known.graph.inputs(index).is_empty() || known.is_tightened(index) {
            continue;
        }
        if is_exact(known, index) {
            continue;
        }
        known.ensure_for_rounding(index);
        let bounds = if !config.bounds_all_neurons() {
            open_neurons(known, index, config)
        } else if known.graph.nonlinear(index).is_some() {
            // What makes the node has a range of its own, on inputs that are tightened already; its
            // lines alone would leave it.
            all_neurons(known, index, config).intersect(known.ensure(index).interval())
        } else {
            all_neurons(known, index, config)
        };
        known.set(index, bounds);
    }
}

/// Whether no backward pass improves the interval of a node: it is that of one affine operator on the
/// input's region alone, for which boxes and balls have the exact one. Where rounding is accounted
/// for, the two have accounts of their own.
fn is_exact(known: &mut Intervals, index: usize) -> bool {
    if known.soundness().is_some() || known.graph.nonlinear(index).is_some() {
        return false;
    }
    known.ensure(index);
    let graph = &known.graph;
    let inputs = graph.inputs(index).iter();
    let mut perturbed = inputs.filter(|&&input| graph.nodes[input].perturbed);
    let (Some(&input), None) = (perturbed.next(), perturbed.next()) else {
        return false;
    };
    match known.get(input) {
        Region::Box(_) => graph.inputs(input).is_empty(),
        // What still is a ball is the input's, each element by itself scaled and shifted.
        Region::Ball(ball) => ball.dual.is_finite(),
        Region::Fixed(_) | Region::Rectified(_) | Region::Substitution(_) => false,
    }
}

/// How many specification rows fit under the memory limit at once.
pub(super) fn rows_at_once(graph: &Graph, target: usize, config: &BoundConfig) -> usize {
    rows_within(graph, target, config.memory_limit_or_default())
}

/// How many rows a pass for pre-activations has, beside `like`: as many as fit under the limit. Where
/// the processor computes, they also are no more than it has near itself from one step to the next.
pub(super) fn rows_of_pass(
    graph: &Graph,
    target: usize,
    config: &BoundConfig,
    like: &AnyTensor,
) -> usize {
    let mut limit = config.memory_limit_or_default();
    if like.lies_in_memory() {
        limit = limit.min(rayon::current_num_threads() * NEAR_A_THREAD);
    }
    rows_within(graph, target, limit)
}

/// The memory, in bytes, of the rows that a thread works on.
const NEAR_A_THREAD: usize = 1 << 24;

fn rows_within(graph: &Graph, target: usize, limit: usize) -> usize {
    let reached = graph.ancestors(target);
    let widest = (0..=target)
        .filter(|&index| reached[index] && graph.nodes[index].perturbed)
        .map(|index| graph.features(index))
        .max()
        .unwrap_or(1);
    let row = graph.batch * widest * size_of::<f32>() * COPIES;
    let workspace = graph.workspace(target) * size_of::<f32>();
    // Half of the limit is the rows' own: fewer rows at once would not make the rest smaller.
    let left = limit - workspace.min(limit / 2);
    (left / row.max(1)).max(1)
}

/// How many arrays of the size of the coefficients a backward step has alive at its worst: the
/// coefficients, their positive and negative parts, products, and the scratch memory of a
/// convolution.
const COPIES: usize = 12;

/// The elements of a node that a nonlinear operator reads on which its relaxation is not exact.
pub(super) fn open_mask(graph: &Graph, index: usize, interval: &Interval) -> Option<AnyMask> {
    let readers = nonlinear_readers(graph, index);
    readers
        .map(|operator| operator.open(interval))
        .reduce(AnyMask::or)
}

/// How many of these there are for each image, `[B]`; without gradient.
pub(super) fn count_open(graph: &Graph, index: usize, interval: &Interval) -> Option<AnyTensor> {
    let mut readers = nonlinear_readers(graph, index);
    let (first, others) = (readers.next()?, readers.next());
    if others.is_none() {
        return Some(first.count_open(interval));
    }
    let mask = open_mask(graph, index, interval)?;
    Some(mask.ones(&interval.lower).sum_features())
}

/// The nonlinear operators that read a node.
fn nonlinear_readers(graph: &Graph, index: usize) -> impl Iterator<Item = &dyn Operator> {
    (index..graph.nodes.len())
        .filter(move |&reader| graph.inputs(reader).contains(&index))
        .filter_map(|reader| graph.nonlinear(reader))
}

fn all_neurons(known: &Intervals, index: usize, config: &BoundConfig) -> Interval {
    let graph = &known.graph;
    let open = Open::all(graph.batch, graph.features(index));
    let shape = &graph.nodes[index].shape;
    bound_open(known, index, &open, config).map(|bound| bound.reshape(shape))
}

/// Backward passes for the elements that intervals leave open; the others keep their interval.
fn open_neurons(known: &mut Intervals, index: usize, config: &BoundConfig) -> Interval {
    let interval = known.ensure(index).interval();
    let graph = known.graph.clone();
    let Some(mask) = open_mask(&graph, index, &interval) else {
        return interval;
    };
    let (batch, features) = (graph.batch, graph.features(index));
    let open = Open::read(&mask, batch, features);
    if open.width == 0 {
        return interval;
    }
    let flat = interval.map(AnyTensor::flatten_features);
    let mask = mask.reshape(&[batch, features]);
    let settled = flat.clone().map(|bound| bound.mask_fill(mask.clone(), 0.0));
    let found = bound_open(known, index, &open, config);
    let tightened = Interval {
        lower: settled.lower.add(found.lower),
        upper: settled.upper.add(found.upper),
    };
    let shape = &graph.nodes[index].shape;
    tightened.intersect(flat).map(|bound| bound.reshape(shape))
}

/// Bounds `[B, N]` of the open elements of a node, zero elsewhere.
fn bound_open(known: &Intervals, index: usize, open: &Open, config: &BoundConfig) -> Interval {
    windows::bound_open(known, index, open, config)
        .unwrap_or_else(|| bound_in_whole(known, index, open, config))
}

/// [`bound_open`] by passes over the whole graph.
pub(super) fn bound_in_whole(
    known: &Intervals,
    index: usize,
    open: &Open,
    config: &BoundConfig,
) -> Interval {
    let like = known.like();
    let device = like.device().inner();
    let zeros = AnyTensor::zeros(&[open.images.len(), open.features], like);
    let mut found = Interval::of(zeros);
    let chunk = rows_of_pass(&known.graph, index, config, like).div_ceil(2);
    for start in (0..open.width).step_by(chunk) {
        let end = (start + chunk).min(open.width);
        let (picked, valid) = open.columns(start, end);
        let picked = Tensor::<2, Int>::from_data(picked, &device);
        let valid = AnyTensor::from_data_like(valid, like);
        let bounds = bound_elements(known, index, picked.clone(), config);
        // Where an image has fewer open elements than another, nothing is added to its first.
        let place = picked.mul(valid.clone().into_tensor::<2>().int());
        let add = |sum: AnyTensor, bound: AnyTensor| {
            sum.scatter_add(place.clone(), bound.mul(valid.clone()))
        };
        found = Interval {
            lower: add(found.lower, bounds.lower),
            upper: add(found.upper, bounds.upper),
        };
    }
    found
}

/// Bounds `[B, K]` of the elements `picked` `[B, K]` of a node; an index past the node's size
/// picks nothing.
pub(super) fn bound_elements(
    known: &Intervals,
    index: usize,
    picked: Tensor<2, Int>,
    config: &BoundConfig,
) -> Interval {
    let features = known.graph.features(index);
    let [batch, count] = picked.dims();
    let rows = unit_rows(picked, features, known.like());
    // The upper bound of a value is the negated lower bound of its negation.
    let both = AnyTensor::cat(vec![rows.clone(), rows.neg()], 1);
    let bound = lower_bound(known, index, both, config.lower_slope(), Stop::Inputs, 1);
    let half = |start: usize| bound.clone().slice(&[(0, batch), (start, start + count)]);
    Interval {
        lower: half(0),
        upper: half(count).neg(),
    }
}

/// Forms `[B, K, N]` that are each one of `N` elements, `picked` `[B, K]`; an index past `N` picks
/// nothing.
pub(super) fn unit_rows(picked: Tensor<2, Int>, features: usize, like: &AnyTensor) -> AnyTensor {
    let [batch, count] = picked.dims();
    let positions = Tensor::<1, Int>::arange(0..features as i64, &picked.device())
        .reshape([1, 1, features as i32])
        .expand([batch, count, features]);
    let picked = picked
        .reshape([batch as i32, count as i32, 1])
        .expand([batch, count, features]);
    AnyTensor::new(picked.equal(positions).float()).cast_like(like)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bound::Method;
    use crate::graph::{Node, Source};
    use crate::ops::{Bilinear, MulScalar, Operator};

    /// An operator on a matrix `[1, 4, 4]`, which is all of its operands.
    fn rows(operator: impl Operator + 'static, operands: usize, limit: usize) -> usize {
        let node = |source| Node {
            source,
            shape: vec![1, 4, 4],
            perturbed: true,
            module: None,
            origin: None,
        };
        let operator = Source::Operator {
            operator: std::sync::Arc::new(operator),
            inputs: vec![0; operands],
        };
        let graph = Graph {
            nodes: vec![node(Source::Input(0)), node(operator)],
            outputs: vec![1],
            batch: 1,
        };
        let config = BoundConfig::new(Method::Crown).with_memory_limit(Some(limit));
        rows_at_once(&graph, 1, &config)
    }

    #[test]
    fn planes_of_matrix_products_leave_less_memory_for_rows() {
        let row = 16 * 4 * COPIES;
        // Sixteen arrays of the 64 products.
        let planes = 16 * 64 * 4;
        let limit = planes + 10 * row;
        assert_eq!(rows(MulScalar(2.0), 1, limit), limit / row);
        assert_eq!(rows(Bilinear, 2, limit), 10);
        assert_eq!(rows(Bilinear, 2, 8 * row), 4);
        assert_eq!(rows(Bilinear, 2, 1), 1);
    }
}
