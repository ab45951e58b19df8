//! Recording a forward pass with Burn's graph-capture device, and lowering the record to a
//! [`Graph`](crate::graph::Graph). The only place that knows Burn's intermediate representation, but
//! for the independent [`recheck`](crate::recheck).

mod batch_norms;
mod cache;
mod check;
mod composite;
mod convolve;
mod emit;
mod evaluate;
mod fold;
mod log_sum_exp;
mod lower;
mod mask;
mod maximum;
mod normalize;
mod operators;
mod parameters;
mod paths;
mod rearrange;
mod record;
mod rounding;
mod separable;
mod shared;
mod statistics;

pub(crate) use batch_norms::{BatchNormLayer, batch_norms};
pub use cache::GraphCache;
pub(crate) use evaluate::evaluate;
pub(crate) use operators::name as operator_name;
pub(crate) use parameters::{Parameter, parameters};
pub(crate) use paths::{PathVisitor, visit};
pub(crate) use record::{Record, panic_message, record};
pub use statistics::Statistics;
