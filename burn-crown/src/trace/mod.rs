//! Recording a forward pass with Burn's graph-capture device, and lowering the record to a
//! [`Graph`](crate::graph::Graph). The only place that knows Burn's intermediate representation.

mod cache;
mod check;
mod emit;
mod fold;
mod lower;
mod operators;
mod parameters;
mod record;

pub use cache::GraphCache;
pub(crate) use parameters::{Parameter, parameters};
