//! What rounding costs an operator.
//!
//! The derivation is in [`bound::rounding`](crate::bound::rounding); here are its parts for one
//! operator, and what most operators share.

use burn::tensor::DType;

use super::{Interval, Operator, Region};
use crate::tensor::AnyTensor;

/// The data type in which bounds are computed: `fl(a ∘ b) = (a ∘ b)(1 + δ) + η` with `|δ| ≤ unit`
/// and `|η| ≤ tiny`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Precision {
    /// The unit roundoff.
    pub(crate) unit: f64,
    /// The smallest normal number: what underflow may lose.
    pub(crate) tiny: f64,
}

impl Precision {
    /// That of a data type in which rounding is accounted for.
    pub(crate) fn of(dtype: DType) -> Option<Self> {
        match dtype {
            DType::F32 => Some(Self {
                unit: f64::from(f32::EPSILON) / 2.0,
                tiny: f64::from(f32::MIN_POSITIVE),
            }),
            DType::F64 => Some(Self {
                unit: f64::EPSILON / 2.0,
                tiny: f64::MIN_POSITIVE,
            }),
            _ => None,
        }
    }

    /// Whether the error of so many roundings is small enough to be computed with.
    pub(crate) fn allows(&self, terms: usize) -> bool {
        terms as f64 * self.unit < 0.1
    }

    /// `γ_n = n u / (1 − n u)` (Higham 2002, section 3.1), enlarged so that its product with a
    /// magnitude that was itself computed with `n` roundings is an upper bound.
    ///
    /// A computed sum of positive terms is at least `1 − γ_n` times the exact one; `γ_n < 1/9`
    /// gives `(1 + 4 γ_n)(1 − γ_n) > 1`, and the last factor covers the few roundings that follow.
    pub(crate) fn gamma(&self, terms: usize) -> f64 {
        self.gamma_itself(terms) * self.outward(terms)
    }

    /// The factor that makes a sum of so many positive terms, computed in floats, an upper bound.
    pub(crate) fn outward(&self, terms: usize) -> f64 {
        (1.0 + 4.0 * self.gamma_itself(terms)) * (1.0 + 1.0 / 1024.0)
    }

    fn gamma_itself(&self, terms: usize) -> f64 {
        let total = terms as f64 * self.unit;
        total / (1.0 - total)
    }

    /// The largest absolute value of each element of a region. It is nowhere below
    /// `tiny / unit`, so that a relative error of it covers an underflow.
    pub(crate) fn magnitude(&self, region: &Region) -> AnyTensor {
        let largest = match region {
            // The valid range may cut the ball, but the ball itself is computed with.
            Region::Ball(ball) => ball.center.clone().abs().add(ball.radius.clone()),
            _ => {
                let Interval { lower, upper } = region.interval();
                // The product with zero keeps what is not a number, which a comparison can lose.
                let undefined = upper.clone().mul_scalar(0.0);
                lower.abs().max(upper.abs()).add(undefined)
            }
        };
        // Rounded up by more than the sum above was rounded down.
        largest
            .mul_scalar(1.0 + 8.0 * self.unit)
            .add_scalar(self.tiny / self.unit)
    }

    /// A box with its ends moved out by the errors of each, and by the rounding of doing so.
    ///
    /// `fl(l − e)` is off by at most `u (|l| + e) + tiny`, of which the first part is below
    /// `4 u |l| + e / 128`.
    pub(crate) fn widen(&self, interval: Interval, errors: &Interval) -> Interval {
        let margin = |end: &AnyTensor, error: &AnyTensor| {
            let own = end.clone().abs().mul_scalar(4.0 * self.unit);
            let total = own.add(error.clone()).add_scalar(4.0 * self.tiny);
            total.mul_scalar(1.0 + 1.0 / 128.0)
        };
        let below = margin(&interval.lower, &errors.lower);
        let above = margin(&interval.upper, &errors.upper);
        Interval {
            lower: interval.lower.sub(below),
            upper: interval.upper.add(above),
        }
    }

    /// How many roundings more a region's dual norm takes than a sum of absolute values.
    ///
    /// Squares and a root take a few. General powers take the library's `powf` twice, whose
    /// exponent is rounded: `w^(q (1 + u))` is off by `q |log w| u` relative to itself, at most
    /// 88 u in `f32` and 709 u in `f64` above the underflow.
    pub(crate) fn norm_terms(region: &Region) -> usize {
        match region {
            Region::Ball(ball) if ball.dual == 2.0 => 64,
            Region::Ball(ball) if ball.dual.is_finite() => 2048,
            _ => 8,
        }
    }
}

/// How far rounding takes an operator's results, for inputs in given regions.
#[derive(Clone, Debug)]
pub(crate) struct Roundings {
    /// For each element of the output, how far the lower and the upper end of the interval are off.
    /// A value that the network computes from computed inputs is off by no more than what is
    /// between the two, and lies in the interval with twice the errors. None where both are exact.
    pub(crate) value: Option<Interval>,
    /// What neither the output nor what is computed for it is ever below, if that is known.
    pub(crate) floor: Option<AnyTensor>,
    /// For each element of the output, how far one backward step may be off for a coefficient 1 on
    /// it, apart from the sum of the bias. None where the step is exact.
    pub(crate) step: Option<AnyTensor>,
    /// For each element of the output, the largest constant that its coefficient meets in the
    /// bias.
    pub(crate) constant: Option<AnyTensor>,
    /// `[B, 1]`: what underflow of coefficients may cost.
    pub(crate) underflow: AnyTensor,
}

impl Roundings {
    /// For an operator whose values, and what is computed for them, are never below zero.
    pub(crate) fn never_negative(self, rounded: &Rounded) -> Self {
        let floor = AnyTensor::zeros(rounded.output, &self.underflow);
        Self {
            floor: Some(floor),
            ..self
        }
    }
}

/// The operands of an operator whose roundings are asked for.
pub(crate) struct Rounded<'a> {
    pub(crate) inputs: &'a [Region],
    pub(crate) shapes: &'a [&'a [usize]],
    /// The shape of the output.
    pub(crate) output: &'a [usize],
    pub(crate) precision: Precision,
}

impl Rounded<'_> {
    /// The magnitude of an operand, [`Precision::magnitude`].
    pub(crate) fn magnitude(&self, index: usize) -> AnyTensor {
        self.precision.magnitude(&self.inputs[index])
    }

    /// What underflow may cost in results of so many terms: each product loses `tiny`, in a
    /// coefficient times its operand.
    pub(crate) fn underflow(&self, terms: usize) -> AnyTensor {
        let batch = self.output[0];
        let perturbed = self.inputs.iter().enumerate();
        let total = perturbed
            .filter(|(_, region)| !matches!(region, Region::Fixed(_)))
            .map(|(index, _)| self.magnitude(index).sum_features().reshape(&[batch, 1]))
            .reduce(AnyTensor::add);
        let features: usize = self.output[1..].iter().product();
        let scale = self.precision.tiny * (terms + 8) as f64 * self.precision.outward(features);
        match total {
            Some(total) => total.add_scalar(1.0).mul_scalar(scale),
            None => unreachable!("a perturbed node has a perturbed operand"),
        }
    }

    /// `[B, 1]` for each image, to be added to a value of the output's shape.
    pub(crate) fn over_output(&self, per_image: AnyTensor) -> AnyTensor {
        let mut shape = vec![1; self.output.len()];
        shape[0] = self.output[0];
        per_image.reshape(&shape)
    }

    /// `error` per element of the output, which covers every rounding of values and of the
    /// backward step.
    pub(crate) fn nonlinear(&self, value: Option<Interval>, step: AnyTensor) -> Roundings {
        self.nonlinear_sum(value, step, NONLINEAR)
    }

    /// [`nonlinear`](Self::nonlinear) for results of so many terms.
    pub(crate) fn nonlinear_sum(
        &self,
        value: Option<Interval>,
        step: AnyTensor,
        terms: usize,
    ) -> Roundings {
        let underflow = self.underflow(terms);
        let spread = self.over_output(underflow.clone());
        Roundings {
            value: value.map(|value| value.map(|error| error.add(spread.clone()))),
            floor: None,
            step: Some(step.add(spread)),
            constant: None,
            underflow,
        }
    }

    /// The roundings of an affine operator: `γ_n M` with `M` the sum of the absolute values of all
    /// that is added up.
    pub(crate) fn affine<O: Operator + ?Sized>(&self, operator: &O) -> Roundings {
        let terms = operator.terms(self.shapes, self.output);
        let boxes = |scale: f64| -> Vec<Region> {
            let regions = self.inputs.iter().enumerate();
            regions
                .map(|(index, region)| match region {
                    Region::Fixed(_) => region.clone(),
                    _ => {
                        let upper = self.magnitude(index).mul_scalar(scale);
                        let lower = upper.clone().neg();
                        Region::Box(Interval { lower, upper })
                    }
                })
                .collect()
        };
        let constant = operator
            .magnitude(&boxes(0.0))
            .mul_scalar(self.precision.outward(terms));
        let underflow = self.underflow(terms);
        let exact = operator.is_exact();
        if exact && terms == 0 {
            return Roundings {
                value: None,
                floor: None,
                step: None,
                constant: Some(constant),
                underflow,
            };
        }
        let magnitude = operator.magnitude(&boxes(1.0));
        let error = |terms: usize| {
            let error = magnitude.clone().mul_scalar(self.precision.gamma(terms));
            error.add(self.over_output(underflow.clone()))
        };
        let norm_terms = self.inputs.iter().map(Precision::norm_terms).max();
        Roundings {
            value: (!exact).then(|| Interval::of(error(terms + norm_terms.unwrap_or(0)))),
            floor: operator.adds_up().then(|| self.least_sum(operator, terms)),
            step: Some(error(terms)),
            constant: Some(constant),
            underflow,
        }
    }

    /// What a sum with weights that are not negative is never below: the sum of what its terms have
    /// below zero. Its interval, of a centre and a radius, is off by the size of both.
    fn least_sum<O: Operator + ?Sized>(&self, operator: &O, terms: usize) -> AnyTensor {
        let below = self.inputs[0].interval().lower.neg();
        let negative = below.clone().greater_scalar(0.0);
        let zeros = AnyTensor::zeros(&below.shape(), &below);
        // As in a magnitude, a relative error covers an underflow.
        let raised = below.add_scalar(self.precision.tiny / self.precision.unit);
        let upper = zeros.mask_where(negative, raised);
        let lower = upper.clone().neg();
        let least = operator.magnitude(&[Region::Box(Interval { lower, upper })]);
        least.mul_scalar(-self.precision.outward(terms))
    }
}

/// How many products are in a result that is not a sum, its slopes and its intercept, at most.
const NONLINEAR: usize = 128;

/// How many times the largest operand is copied where it is broadcast to `output`, the batch
/// apart.
pub(super) fn copies(shapes: &[&[usize]], output: &[usize]) -> usize {
    let of = |shape: &&[usize]| -> usize {
        if shape.len() != output.len() {
            return output[1..].iter().product();
        }
        let pairs = shape[1..].iter().zip(&output[1..]);
        pairs.map(|(own, out)| out / (*own).max(1)).product()
    };
    shapes.iter().map(of).max().unwrap_or(1).max(1)
}
