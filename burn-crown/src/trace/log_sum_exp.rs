//! Expressions of exponentials under a sum: the logarithm of the sum, and the quiet softmax.

use burn::backend;
use burn::backend::ir::TensorIr;
use burn::tensor::TensorData;

use super::composite::{Binary, Composite, Makers, Over, Scalar, Unary, View};
use super::emit::{apply, plain};
use super::lower::Lowering;
use crate::ops::{Cat, LogSoftmax, LogSumExp, Refusal, Slice, Softmax};

/// `log Σ exp(x)` over a dim, or `log Σ exp(x − m) + m` with the largest element `m`.
pub(super) fn log_sum_exp<'a>(makers: &Makers<'a>, out: &TensorIr) -> Option<Composite<'a>> {
    let (x, dim) = match makers.view(out)? {
        View::Binary(Binary::Add, left, right) => {
            shifted(makers, left, right).or_else(|| shifted(makers, right, left))?
        }
        _ => log_of_sum(makers, out)?,
    };
    Some(Composite {
        reads: vec![x],
        emit: Box::new(move |graph, out| {
            graph.rewrites();
            let node = plain(graph, x)?;
            apply(graph, LogSumExp { dim }, vec![node], out)
        }),
    })
}

/// What the exponentials are of, and over which dim they are summed.
fn log_of_sum<'a>(makers: &Makers<'a>, log: &TensorIr) -> Option<(&'a TensorIr, usize)> {
    let (exponentials, dim) = makers.over(Over::Sum, makers.unary(Unary::Log, log)?)?;
    Some((makers.unary(Unary::Exp, exponentials)?, dim))
}

fn shifted<'a>(
    makers: &Makers<'a>,
    log: &TensorIr,
    largest: &TensorIr,
) -> Option<(&'a TensorIr, usize)> {
    let (difference, dim) = log_of_sum(makers, log)?;
    let View::Binary(Binary::Sub, x, shift) = makers.view(difference)? else {
        return None;
    };
    let (of, over) = makers.over(Over::Max, shift)?;
    (shift.id == largest.id && of.id == x.id && over == dim).then_some((x, dim))
}

/// `exp(x − m) / (Σ exp(x − m) + exp(−m))` with the largest element `m`, in which minus infinity is
/// replaced by zero: the softmax beside one more element, zero.
pub(super) fn quiet_softmax<'a>(makers: &Makers<'a>, out: &TensorIr) -> Option<Composite<'a>> {
    let View::Binary(Binary::Div, exponentials, total) = makers.view(out)? else {
        return None;
    };
    let View::Binary(Binary::Sub, x, shift) =
        makers.view(makers.unary(Unary::Exp, exponentials)?)?
    else {
        return None;
    };
    let View::Binary(Binary::Add, sum, quiet) = makers.view(total)? else {
        return None;
    };
    let (summed, dim) = makers.over(Over::Sum, sum)?;
    let opposite = makers.unary(Unary::Neg, makers.unary(Unary::Exp, quiet)?)?;
    let (largest, mask, value) = makers.mask_fill(shift)?;
    let (compared, level) = makers.scalar(Scalar::Equal, mask)?;
    let (of, over) = makers.over(Over::Max, largest)?;
    let fits = summed.id == exponentials.id
        && opposite.id == shift.id
        && compared.id == largest.id
        && level == f64::NEG_INFINITY
        && value == 0.0
        && of.id == x.id
        && over == dim;
    fits.then(|| Composite {
        reads: vec![x],
        emit: Box::new(move |graph, out| beside_zero(graph, x, dim, out)),
    })
}

/// The softmax over the elements of a dim and a zero, without that of the zero.
fn beside_zero(
    graph: &mut Lowering,
    x: &TensorIr,
    dim: usize,
    out: &TensorIr,
) -> Result<(), Refusal> {
    graph.rewrites();
    let node = plain(graph, x)?;
    let shape = graph.shape(node).to_vec();
    let sized = |size: usize| {
        let mut shape = shape.clone();
        shape[dim] = size;
        shape
    };
    let count = sized(1).iter().product();
    let zero = graph.add_constant(TensorData::new(vec![0.0_f64; count], sized(1)));
    let wider = sized(shape[dim] + 1);
    let node = graph.apply(Cat { dim }, vec![node, zero], wider.clone())?;
    let logarithm = LogSoftmax { dim };
    let log = graph.apply(logarithm, vec![node], wider.clone())?;
    let node = graph.apply(Softmax { logarithm }, vec![log, node], wider.clone())?;
    let all = |&size: &usize| backend::Slice::new(0, Some(size as isize), 1);
    let ranges: Vec<_> = shape.iter().map(all).collect();
    apply(graph, Slice::new(&ranges, &wider), vec![node], out)
}
