//! Recording a forward pass with Burn's graph-capture device, and lowering the record to a
//! [`Graph`](crate::graph::Graph). The only place that knows Burn's intermediate representation.

mod cache;
mod check;
mod composite;
mod emit;
mod fold;
mod lower;
mod maximum;
mod normalize;
mod operators;
mod parameters;
mod rearrange;
mod record;
mod separable;

pub use cache::GraphCache;
pub(crate) use parameters::{Parameter, parameters};
