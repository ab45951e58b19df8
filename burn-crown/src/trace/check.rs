//! Whether a graph computes what the forward pass computes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::evaluate::evaluate;
use super::record::panic_message;
use crate::bounded::Bounded;
use crate::error::TraceError;
use crate::graph::Graph;
use crate::tensor::AnyTensor;

/// How far the graph may be from the forward pass, relative to the largest output: far above
/// rounding, far below what another function would give.
const TOLERANCE: f64 = 1e-2;

/// Runs a new graph beside the forward pass, on the input that it was recorded for.
///
/// A forward pass can do on a device what it did not do while it was recorded, for example by
/// asking which device it is on. Its bounds would be those of another function.
pub(super) fn reproduces<M: Bounded>(
    graph: &Graph,
    module: &M,
    inputs: &[AnyTensor],
) -> Result<(), TraceError> {
    let module = module.valid();
    let inputs: Vec<AnyTensor> = inputs.iter().map(|input| input.clone().detach()).collect();
    let values = evaluate(graph, &module, &inputs)?;
    let found = graph.outputs.iter().map(|&output| values[output].clone());
    let expected =
        catch_unwind(AssertUnwindSafe(|| module.forward_all(inputs))).map_err(|panic| {
            TraceError::ForwardPanicked {
                message: panic_message(&*panic),
            }
        })?;
    found
        .zip(expected)
        .try_for_each(|(found, expected)| agree(found, expected))
}

fn agree(found: AnyTensor, expected: AnyTensor) -> Result<(), TraceError> {
    if found.shape() != expected.shape() {
        return Err(differs(format!(
            "it gives the shape {:?}, the recording {:?}",
            expected.shape(),
            found.shape()
        )));
    }
    let (found, expected) = (found.values(), expected.values());
    let finite = || expected.iter().filter(|value| value.is_finite());
    let largest = finite().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let allowed = TOLERANCE * largest + f64::from(f32::MIN_POSITIVE);
    for (found, expected) in found.iter().zip(&expected) {
        // Where the forward pass itself overflows there is nothing to compare, nor to certify.
        let distance = (found - expected).abs();
        if expected.is_finite() && (distance.is_nan() || distance > allowed) {
            return Err(differs(format!(
                "it gives {expected}, the recording {found}"
            )));
        }
    }
    Ok(())
}

pub(super) fn differs(reason: String) -> TraceError {
    TraceError::NotReproduced { reason }
}
