//! Masks of fixed inputs: comparisons, and what is done with their results. In the graph, a mask
//! holds 0 and 1.

use burn::backend::ir::{
    BaseOperationIr, BoolOperationIr, NumericOperationIr, OperationIr, ScalarOpIr,
};

use super::emit::element_wise;
use super::lower::Lowering;
use crate::ops::{Compare, Comparison, Refusal};

/// Lowers an operator that makes a mask of a value, or takes one for numbers; `None` for others.
pub(super) fn lower_mask(
    operation: &OperationIr,
    graph: &mut Lowering,
) -> Option<Result<(), Refusal>> {
    if let Some((comparison, op)) = comparison(operation) {
        let value = op.rhs.elem();
        let compare = Compare { comparison, value };
        return Some(element_wise(graph, compare, &op.lhs, &op.out));
    }
    match operation {
        OperationIr::Bool(BoolOperationIr::IntoFloat(op)) => {
            let value = graph.value(&op.input);
            graph.define(&op.out, value.node, value.layout);
            Some(Ok(()))
        }
        OperationIr::Bool(BoolOperationIr::Not(op)) => {
            let compare = Compare {
                comparison: Comparison::Equal,
                value: 0.0,
            };
            Some(element_wise(graph, compare, &op.input, &op.out))
        }
        _ => None,
    }
}

fn comparison(operation: &OperationIr) -> Option<(Comparison, &ScalarOpIr)> {
    match operation {
        OperationIr::BaseFloat(op) => match op {
            BaseOperationIr::EqualElem(op) => Some((Comparison::Equal, op)),
            BaseOperationIr::NotEqualElem(op) => Some((Comparison::NotEqual, op)),
            _ => None,
        },
        OperationIr::NumericFloat(_, op) => match op {
            NumericOperationIr::GreaterElem(op) => Some((Comparison::Greater, op)),
            NumericOperationIr::GreaterEqualElem(op) => Some((Comparison::GreaterEqual, op)),
            NumericOperationIr::LowerElem(op) => Some((Comparison::Lower, op)),
            NumericOperationIr::LowerEqualElem(op) => Some((Comparison::LowerEqual, op)),
            _ => None,
        },
        _ => None,
    }
}
