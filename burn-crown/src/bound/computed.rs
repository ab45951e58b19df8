//! Fixed values that `forward` computes, with the rounding of doing so.
//!
//! The first state of a recurrent layer times its weights, or a fixed input behind a layer, does not
//! depend on a perturbed input, but is off by rounding. Where the network reads such a value it is
//! known by an interval, as a perturbed input is, and the operator that reads it is one for several
//! perturbed operands.

use std::sync::Arc;

use super::intervals::Intervals;
use super::rounding::{Soundness, refused_at};
use crate::error::BoundError;
use crate::graph::{Graph, Node, Source};
use crate::ops::{Interval, Operand, Operator, Region, Rounded};

/// Why a value's rounding has no account, as a predicate of the operator that makes or reads it.
const REFUSED: &str = "computes with parameters or fixed inputs, with a rounding of its own that has \
                       no account here; compute the value beforehand and make it the parameter or \
                       the input";

/// The graph and the leaves for an account of rounding: those that are given, where `target` reads
/// no computed value.
pub(super) fn account(
    leaves: Intervals,
    soundness: Soundness,
    target: usize,
) -> Result<Intervals, BoundError> {
    let known = leaves.with_soundness(soundness);
    let graph = known.graph.clone();
    let reached = graph.ancestors(target);
    let mut inexact: Vec<Option<Interval>> = vec![None; target + 1];
    for index in (0..=target).filter(|&index| reached[index] && !graph.nodes[index].perturbed) {
        if let Source::Operator { operator, inputs } = &graph.nodes[index].source {
            inexact[index] = image(
                &known,
                soundness,
                index,
                operator.as_ref(),
                inputs,
                &inexact,
            )?;
        }
    }
    if inexact.iter().all(Option::is_none) {
        return Ok(known);
    }
    let read = |input: &usize| graph.nodes[*input].perturbed || inexact[*input].is_some();
    let mut changed = Graph::clone(&graph);
    let mut found = Vec::new();
    for index in (0..=target).filter(|&index| reached[index] && graph.nodes[index].perturbed) {
        let Source::Operator { operator, inputs } = &graph.nodes[index].source else {
            continue;
        };
        let computed = inputs.iter().filter(|&&input| inexact[input].is_some());
        let computed: Vec<usize> = computed.copied().collect();
        if computed.is_empty() {
            continue;
        }
        let operands: Vec<Operand> = inputs
            .iter()
            .map(|input| operand(&graph.nodes[*input], read(input)))
            .collect();
        let several = operator
            .for_several()
            .filter(|several| several.refuse(&operands).is_none())
            .ok_or_else(|| refused_at(&graph, index, REFUSED))?;
        changed.nodes[index].source = Source::Operator {
            operator: several,
            inputs: inputs.clone(),
        };
        for input in computed {
            changed.nodes[input].perturbed = true;
            changed.nodes[input].source = Source::Known;
            found.push(input);
        }
    }
    let regions = found
        .into_iter()
        .filter_map(|index| Some((index, Region::Box(inexact[index].clone()?))));
    Ok(known.with_leaves(Arc::new(changed), regions))
}

fn operand(node: &Node, perturbed: bool) -> Operand {
    Operand {
        shape: node.shape.clone(),
        perturbed,
    }
}

/// An interval that holds a fixed value of exact arithmetic, and the computed one for a statement
/// about the network as it runs; none where there is no rounding.
///
/// The operator is asked as if what varies among its operands was perturbed. Where nothing varies,
/// that is its first operand, in an interval without width.
fn image(
    known: &Intervals,
    soundness: Soundness,
    index: usize,
    operator: &dyn Operator,
    inputs: &[usize],
    inexact: &[Option<Interval>],
) -> Result<Option<Interval>, BoundError> {
    let graph = &known.graph;
    let refused = || refused_at(graph, index, REFUSED);
    let mut varying: Vec<bool> = inputs
        .iter()
        .map(|&input| inexact[input].is_some())
        .collect();
    let count = varying.iter().filter(|&&varies| varies).count();
    if count == 0 && operator.is_exact() {
        return Ok(None);
    }
    if count == 0 {
        *varying.first_mut().ok_or_else(refused)? = true;
    }
    let several = operator.for_several();
    let operator = match (count, &several) {
        (2.., Some(several)) => several.as_ref(),
        // Sums and products take either operand.
        (0 | 1, Some(_)) => operator,
        (0 | 1, None) if varying[0] => operator,
        _ => return Err(refused()),
    };
    // What varies has the images in its first dim, as a perturbed value does.
    let nodes = || inputs.iter().map(|&input| &graph.nodes[input]);
    let output = &graph.nodes[index].shape;
    let by_image = |shape: &[usize]| shape.first() == Some(&graph.batch);
    let mut pairs = nodes().zip(&varying);
    let operands: Vec<Operand> = nodes()
        .zip(&varying)
        .map(|(node, &varies)| operand(node, varies))
        .collect();
    if !by_image(output)
        || pairs.any(|(node, varies)| *varies && !by_image(&node.shape))
        || operator.refuse(&operands).is_some()
        || !operator.accounts_for_rounding()
    {
        return Err(refused());
    }
    let mut known = known.clone();
    let region = |(&input, &varies): (&usize, &bool)| match &inexact[input] {
        Some(interval) => Region::Box(interval.clone()),
        None if varies => Region::Box(known.ensure(input).interval()),
        None => known.ensure(input).clone(),
    };
    let regions: Vec<Region> = inputs.iter().zip(&varying).map(region).collect();
    let shapes: Vec<&[usize]> = nodes().map(|node| node.shape.as_slice()).collect();
    let rounded = Rounded {
        inputs: &regions,
        shapes: &shapes,
        output,
        precision: soundness.precision,
    };
    let roundings = operator.roundings(&rounded).ok_or_else(refused)?;
    let region = soundness.node(operator.interval(&regions), &roundings);
    Ok(Some(region.interval()))
}
