//! Rounding up, and towards zero.

use burn::backend::ir::UnaryOpIr;

use super::lower::Lowering;
use crate::ops::{Neg, Refusal, Relu, Rounding, Sub};

/// The next whole number above: the negated one below the negated value.
pub(super) fn ceil(graph: &mut Lowering, op: &UnaryOpIr) -> Result<(), Refusal> {
    let value = graph.value(&op.input);
    let shape = graph.shape(value.node).to_vec();
    let node = graph.apply(Neg, vec![value.node], shape.clone())?;
    let node = graph.apply(Rounding::Floor, vec![node], shape.clone())?;
    let node = graph.apply(Neg, vec![node], shape)?;
    graph.define(&op.out, node, value.layout);
    Ok(())
}

/// The next whole number towards zero: that of the positive part, less that of the negative one.
pub(super) fn trunc(graph: &mut Lowering, op: &UnaryOpIr) -> Result<(), Refusal> {
    let value = graph.value(&op.input);
    let shape = graph.shape(value.node).to_vec();
    let negated = graph.apply(Neg, vec![value.node], shape.clone())?;
    let mut parts = Vec::with_capacity(2);
    for node in [value.node, negated] {
        let part = graph.apply(Relu, vec![node], shape.clone())?;
        parts.push(graph.apply(Rounding::Floor, vec![part], shape.clone())?);
    }
    let node = graph.apply(Sub, parts, shape)?;
    graph.define(&op.out, node, value.layout);
    Ok(())
}
