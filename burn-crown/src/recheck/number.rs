//! Numbers of which only an interval is known, in `f64`, with every rounding outward.

/// The smallest interval of `f64` that is known to hold a real number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) lower: f64,
    pub(super) upper: f64,
}

impl Interval {
    /// Exactly one number.
    pub(super) const fn point(value: f64) -> Self {
        Self {
            lower: value,
            upper: value,
        }
    }

    /// The largest absolute value.
    pub(super) fn magnitude(self) -> f64 {
        largest(self.lower.abs(), self.upper.abs())
    }

    pub(super) fn plus(self, other: Self) -> Self {
        outward(self.lower + other.lower, self.upper + other.upper)
    }

    pub(super) fn minus(self, other: Self) -> Self {
        outward(self.lower - other.upper, self.upper - other.lower)
    }

    pub(super) fn times(self, other: Self) -> Self {
        let ends = [
            self.lower * other.lower,
            self.lower * other.upper,
            self.upper * other.lower,
            self.upper * other.upper,
        ];
        outward(
            ends.into_iter().fold(f64::INFINITY, smallest),
            ends.into_iter().fold(f64::NEG_INFINITY, largest),
        )
    }

    /// `1 / x`; everything, where `x` may be zero.
    pub(super) fn reciprocal(self) -> Self {
        if self.lower > 0.0 || self.upper < 0.0 {
            outward(1.0 / self.upper, 1.0 / self.lower)
        } else {
            Self {
                lower: f64::NEG_INFINITY,
                upper: f64::INFINITY,
            }
        }
    }

    /// `√x`; NaN, where `x` may be negative.
    pub(super) fn square_root(self) -> Self {
        outward(self.lower.sqrt(), self.upper.sqrt())
    }

    /// What is in both; where rounding leaves nothing, the first.
    pub(super) fn and(self, other: Self) -> Self {
        let lower = largest(self.lower, other.lower);
        let upper = smallest(self.upper, other.upper);
        if lower <= upper {
            Self { lower, upper }
        } else {
            self
        }
    }
}

fn outward(lower: f64, upper: f64) -> Interval {
    Interval {
        lower: lower.next_down(),
        upper: upper.next_up(),
    }
}

/// The larger number, or NaN if one of them is: `f64::max` would lose it.
pub(super) fn largest(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// The smaller number, or NaN if one of them is.
pub(super) fn smallest(a: f64, b: f64) -> f64 {
    -largest(-a, -b)
}

/// How far a sum of rounded products may be from the real one.
///
/// For `n` terms of which the absolute values add up to `magnitude`, the error is at most
/// `n u / (1 − n u) · magnitude` with `u = 2⁻⁵³`, in whatever order they are added (Higham, Accuracy
/// and Stability of Numerical Algorithms, 3.1), and a smallest normal number for each term that
/// underflows. Here it is twice that, which makes up for the rounding of `magnitude`.
pub(super) fn rounding(terms: usize, magnitude: f64) -> f64 {
    let terms = (terms + 2) as f64;
    terms * (f64::EPSILON * magnitude + f64::MIN_POSITIVE)
}

/// A sum of products, each with a number of which an interval is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    lower: f64,
    upper: f64,
    magnitude: f64,
    terms: usize,
}

impl Sum {
    pub(super) fn add(&mut self, factor: Interval, value: Interval) {
        let Interval { lower, upper } = factor.times(value);
        self.lower += lower;
        self.upper += upper;
        self.magnitude += largest(lower.abs(), upper.abs());
        self.terms += 1;
    }

    pub(super) fn interval(self) -> Interval {
        let slack = rounding(self.terms, self.magnitude);
        outward(self.lower - slack, self.upper + slack)
    }
}
