//! Folding of constants: what a forward pass computes from constants alone is computed once, when
//! the graph is built, whatever operators it takes.
//!
//! Masks of comparisons, positional encodings and counts of padded windows are such values. They
//! need no relaxation, so operators that are refused on perturbed values are welcome here.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::backend::ir::{
    BaseOperationIr, FloatOperationIr, NumericOperationIr, OperationIr, TensorId, TensorIr,
    TensorStatus,
};
use burn::tensor::{TensorData, read_sync};
use burn_flex::{Flex, FlexDevice};
use burn_router::TensorInterpreter;

use super::record::Record;

/// Replaces operators on constants by their values in a record.
///
/// An operator that cannot be run stays, and is lowered or refused like any other.
pub(super) fn fold_constants(record: &mut Record) {
    let is_constant =
        |id: &TensorId| !record.inputs.contains(id) && !record.parameters.contains_key(id);
    let captured = &mut record.captured;
    let leaves = captured.values.iter().filter(|(id, _)| is_constant(id));
    let mut constants = Constants::new(leaves);
    let operations = std::mem::take(&mut captured.graph.operations);
    let (folded, kept): (Vec<_>, Vec<_>) = operations
        .into_iter()
        .partition(|operation| constants.run(operation));
    let read: HashSet<TensorId> = kept
        .iter()
        .flat_map(|operation| operation.inputs().map(|input| input.id))
        .chain(record.outputs.iter().copied())
        .collect();
    for out in folded.iter().flat_map(OperationIr::outputs) {
        if read.contains(&out.id) {
            captured.values.insert(out.id, constants.value(out));
        }
    }
    captured.graph.operations = kept;
}

/// Constants on Burn's pure-Rust backend, which every build has.
pub(super) struct Constants {
    interpreter: TensorInterpreter<Flex>,
    known: HashSet<TensorId>,
}

impl Constants {
    pub(super) fn new<'a>(leaves: impl Iterator<Item = (&'a TensorId, &'a TensorData)>) -> Self {
        let mut constants = Self {
            interpreter: TensorInterpreter::new(FlexDevice),
            known: HashSet::new(),
        };
        for (id, data) in leaves {
            constants
                .interpreter
                .register_tensor_data_id(*id, data.clone());
            constants.known.insert(*id);
        }
        constants
    }

    /// Runs an operator if all that it reads is constant; whether it was run.
    pub(super) fn run(&mut self, operation: &OperationIr) -> bool {
        if !is_function(operation)
            || !operation
                .inputs()
                .all(|input| self.known.contains(&input.id))
        {
            return false;
        }
        let mut operation = defined(operation);
        // Burn marks the last use of a value, after which it would be gone; others may read it yet.
        let inputs: Vec<TensorId> = operation.inputs().map(|input| input.id).collect();
        operation.mark_read_only(&inputs);
        let outputs: Vec<TensorId> = operation.outputs().map(|out| out.id).collect();
        // The interpreter panics on what the backend does not have.
        let interpreter = &mut self.interpreter;
        let ran = catch_unwind(AssertUnwindSafe(|| interpreter.register_op(operation))).is_ok();
        if ran {
            self.known.extend(outputs);
        }
        ran
    }

    pub(super) fn value(&mut self, out: &TensorIr) -> TensorData {
        let out = TensorIr {
            status: TensorStatus::ReadOnly,
            ..out.clone()
        };
        read_sync(self.interpreter.read_tensor_async(out)).expect("a value in memory can be read")
    }
}

/// The operator itself, with zeros for memory that nothing was written to: what is there is not to
/// be read, but a zero coefficient times NaN would be NaN.
fn defined(operation: &OperationIr) -> OperationIr {
    match operation {
        OperationIr::BaseFloat(BaseOperationIr::Empty(op)) => {
            OperationIr::BaseFloat(BaseOperationIr::Zeros(op.clone()))
        }
        other => other.clone(),
    }
}

/// Whether an operator gives the same result each time it is run, and does nothing else.
fn is_function(operation: &OperationIr) -> bool {
    !matches!(
        operation,
        OperationIr::Init(_)
            | OperationIr::Drop(_)
            | OperationIr::Custom(_)
            | OperationIr::Distributed(_)
            | OperationIr::Float(_, FloatOperationIr::Random(_))
            | OperationIr::NumericInt(_, NumericOperationIr::IntRandom(_))
            | OperationIr::NumericFloat(_, NumericOperationIr::IntRandom(_))
    )
}
