//! The values of a graph's nodes at inputs.

use super::check::differs;
use super::parameters;
use crate::bounded::Bounded;
use crate::error::TraceError;
use crate::graph::{Graph, Source};
use crate::tensor::AnyTensor;

/// The values of all nodes, with the module's parameters as they are.
///
/// # Errors
///
/// If a value has another shape than was recorded.
pub(crate) fn evaluate<M: Bounded>(
    graph: &Graph,
    module: &M,
    inputs: &[AnyTensor],
) -> Result<Vec<AnyTensor>, TraceError> {
    let parameters = parameters(module);
    let mut values: Vec<AnyTensor> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let known = |input: usize| values[input].clone();
        let value = graph.value(values.len(), known, |leaf| match leaf {
            Source::Input(index) => inputs[*index].clone(),
            Source::Parameter(position) => parameters[*position].for_node(&node.shape),
            Source::Constant(data) => AnyTensor::from_data_like(data.clone(), &inputs[0]),
            Source::Operator { .. } | Source::Known => {
                unreachable!("an operator is no leaf, and a recorded graph has none that are known by a region")
            }
        });
        if value.shape() != node.shape {
            return Err(differs(format!(
                "a value of shape {:?} was recorded with shape {:?}",
                value.shape(),
                node.shape
            )));
        }
        values.push(value);
    }
    Ok(values)
}
