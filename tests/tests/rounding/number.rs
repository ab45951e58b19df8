//! Numbers with 256 bits.

use dashu_float::FBig;
use dashu_float::round::mode::HalfEven;

/// A number with 256 bits.
pub(crate) type Number = FBig<HalfEven, 2>;

const BITS: usize = 256;

/// A float, exactly.
pub(crate) fn number(x: f64) -> Number {
    Number::try_from(x).unwrap().with_precision(BITS).value()
}

/// Floats, exactly.
pub(crate) fn numbers(values: &[f64]) -> Vec<Number> {
    values.iter().copied().map(number).collect()
}

pub(crate) fn max(a: Number, b: Number) -> Number {
    if a < b { b } else { a }
}

pub(crate) fn min(a: Number, b: Number) -> Number {
    if b < a { b } else { a }
}

/// `tanh x = (e^2x − 1) / (e^2x + 1)`.
pub(crate) fn tanh(x: &Number) -> Number {
    let power = (x * number(2.0)).exp();
    (&power - number(1.0)) / (power + number(1.0))
}

#[test]
fn numbers_have_their_bits() {
    let third = number(1.0) / number(3.0);
    let off = third * number(3.0) - number(1.0);
    assert!(off.to_f64().value().abs() < 2.0_f64.powi(-250));
    let rounded = tanh(&number(0.1)).to_f64().value();
    assert!((rounded - 0.1_f64.tanh()).abs() <= f64::EPSILON * 0.1);
}
