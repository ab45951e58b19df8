//! Of Burn's operations, for every backend and data type.

use super::{AnyTensor, Factors};

pub(super) fn signed(form: AnyTensor, factors: Factors) -> AnyTensor {
    let shape = form.shape();
    let row = |factor: AnyTensor| factor.reshape(&[shape[0], 1, shape[2]]);
    let [positive, negative] = parts(form);
    positive
        .mul(row(factors.positive))
        .add(negative.mul(row(factors.negative)))
}

pub(super) fn signed_sum(form: AnyTensor, factors: Factors) -> AnyTensor {
    let shape = form.shape();
    let column = |factor: AnyTensor| factor.reshape(&[shape[0], shape[2], 1]);
    let [positive, negative] = parts(form);
    positive
        .matmul(column(factors.positive))
        .add(negative.matmul(column(factors.negative)))
        .reshape(&shape[..2])
}

/// The coefficients above zero and the others, with zeros in place of the rest.
pub(super) fn parts(form: AnyTensor) -> [AnyTensor; 2] {
    let positive = form.clone().clamp_min(0.0);
    // As a difference, so that a coefficient that is not a number stays one.
    let negative = form.sub(positive.clone());
    [positive, negative]
}
