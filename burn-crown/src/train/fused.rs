//! The bound of the fused loss: one linear form an image in place of one for each other class.

use burn::tensor::{Int, Tensor};

use super::margins::{Margins, NEGLIGIBLE_BETA, intervals, mix};
use crate::ops::{ExpChords, Interval};
use crate::{Analysis, AnyTensor, BoundConfig, BoundError, Specification};

/// Rounding may leave nothing of a sum that is nearly zero, and the logarithm would make of that a
/// loss below every other. The largest term of the sum is 1 where its margin is least.
const LEAST_SUM: f64 = 1e-6;

impl Margins {
    /// One margin for all classes, the soft one `−log Σ exp(−margin)`, whose robust cross-entropy is
    /// that of the margins themselves (Xu et al. 2020, arXiv 2002.12920, section 3.3). Intervals
    /// verify.
    ///
    /// Above each exponential lies the chord over the interval of its margin. The sum of these
    /// chords is one linear form on the outputs, which the method bounds. That bound of the sum, not
    /// its logarithm, is mixed with the one of intervals, with the share `beta`.
    pub(super) fn fused(
        analysis: &Analysis,
        labels: Tensor<1, Int>,
        bound: &BoundConfig,
        beta: f64,
    ) -> Result<Self, BoundError> {
        let margins = analysis.rows(&Specification::Margins(labels))?;
        let rows = Specification::Linear(margins.clone().into_tensor());
        if beta < NEGLIGIBLE_BETA {
            let lower = analysis.lower(&rows, &intervals())?;
            return Ok(Self {
                trained: lower.clone(),
                bounds: lower,
            });
        }
        let interval = analysis.bounds(&rows, &intervals())?;
        // How far each output is ahead of the label's.
        let ahead = Interval {
            lower: AnyTensor::new(interval.upper).neg(),
            upper: AnyTensor::new(interval.lower.clone()).neg(),
        };
        // With the largest end taken off all exponents, none overflows.
        let shift = ahead.upper.clone().detach().max_dim(1);
        let ExpChords { height, slope } = ExpChords::new(&ahead, &shift);
        let at_zero = height.sub(slope.clone().mul(ahead.center())).sum_dims(&[1]);
        let [batch, others] = interval.lower.dims();
        let form = slope.reshape(&[batch, 1, others]).matmul(margins);
        // The chords fall with the margins: the form is what is taken off.
        let form = Specification::Linear(form.into_tensor());
        let fallen = analysis.lower(&form, bound)?;
        let sum = at_zero.into_tensor() - fallen;
        // Not a clamp, which may take NaN for a number.
        let sum = sum
            .clone()
            .mask_fill(sum.lower_scalar(LEAST_SUM), LEAST_SUM);
        let sum = if beta == 1.0 {
            sum
        } else {
            let ends = ahead.upper.sub(shift.clone()).exp();
            mix(sum, ends.sum_dims(&[1]).into_tensor(), beta)
        };
        Ok(Self {
            trained: (sum.log() + shift.into_tensor()).neg(),
            bounds: interval.lower,
        })
    }
}
