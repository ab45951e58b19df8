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

/// `x` to a power, whose exponent is taken as it is.
pub(crate) fn power(x: &Number, exponent: f64) -> Number {
    if exponent.fract() == 0.0 {
        let product = (0..exponent.abs() as usize).fold(number(1.0), |product, _| product * x);
        return if exponent < 0.0 {
            number(1.0) / product
        } else {
            product
        };
    }
    if *x == number(0.0) {
        return number(0.0);
    }
    (x.ln() * number(exponent)).exp()
}

/// By the series, after halving the angle until it is small.
pub(crate) fn arctan(x: &Number) -> Number {
    const HALVINGS: i32 = 24;
    let one = || number(1.0);
    let half = |x: Number| &x / (one() + (one() + &x * &x).sqrt());
    let small = (0..HALVINGS).fold(x.clone(), |x, _| half(x));
    let square = &small * &small;
    let (mut sum, mut term) = (number(0.0), small);
    for odd in 0..16 {
        sum += &term / number(f64::from(2 * odd + 1));
        term = -(term * &square);
    }
    sum * number(2.0_f64.powi(HALVINGS))
}

#[test]
fn numbers_have_their_bits() {
    let third = number(1.0) / number(3.0);
    let off = third * number(3.0) - number(1.0);
    assert!(off.to_f64().value().abs() < 2.0_f64.powi(-250));
    let quarter = arctan(&number(1.0)) * number(4.0);
    assert!((quarter.to_f64().value() - std::f64::consts::PI).abs() <= f64::EPSILON);
    let root = power(&number(2.0), 0.5);
    assert!((&root * &root - number(2.0)).to_f64().value().abs() < 2.0_f64.powi(-250));
    let rounded = tanh(&number(0.1)).to_f64().value();
    assert!((rounded - 0.1_f64.tanh()).abs() <= f64::EPSILON * 0.1);
}
