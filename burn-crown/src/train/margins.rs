//! The margins that training minimises the loss of, and those that verify its samples.

use burn::tensor::{Int, Tensor};

use crate::{Analysis, BoundConfig, BoundError, Method, Specification};

/// Below this share the CROWN bound is not computed.
pub(super) const NEGLIGIBLE_BETA: f64 = 1e-5;

/// The margins of a batch.
pub(super) struct Margins {
    /// What the robust loss is taken of, `[B, classes - 1]`; of the fused loss, `[B, 1]`.
    pub(super) trained: Tensor<2>,
    /// Lower bounds, which can verify, `[B, classes - 1]`.
    pub(super) bounds: Tensor<2>,
}

impl Margins {
    /// Lower bounds that are trained as they are: for CROWN-IBP mixed with those of intervals, with
    /// the share `beta`, for other methods the method's own.
    ///
    /// The bounds themselves are mixed, not their losses.
    pub(super) fn of_all_classes(
        analysis: &Analysis,
        labels: Tensor<1, Int>,
        bound: &BoundConfig,
        beta: f64,
    ) -> Result<Self, BoundError> {
        let margins = Specification::Margins(labels);
        let bounds = if bound.method != Method::CrownIbp || beta == 1.0 {
            analysis.lower(&margins, bound)?
        } else if beta < NEGLIGIBLE_BETA {
            analysis.lower(&margins, &intervals())?
        } else {
            let [interval, crown] = analysis.lower_by_both(&margins, [&intervals(), bound])?;
            mix(crown, interval, beta)
        };
        Ok(Self {
            trained: bounds.clone(),
            bounds,
        })
    }

    /// Estimates, which are trained only. Intervals verify.
    pub(super) fn estimated(
        analysis: &Analysis,
        labels: Tensor<1, Int>,
        bound: &BoundConfig,
    ) -> Result<Self, BoundError> {
        let margins = Specification::Margins(labels);
        Ok(Self {
            trained: analysis.estimate(&margins, bound)?,
            bounds: analysis.lower(&margins, &intervals())?,
        })
    }

    /// The margin to the runner-up in place of every other one, mixed with each one's interval
    /// bound. Intervals verify.
    ///
    /// `logits` are the outputs at the inputs themselves, `[B, classes]`.
    pub(super) fn of_runner_up(
        analysis: &Analysis,
        logits: &Tensor<2>,
        labels: Tensor<1, Int>,
        bound: &BoundConfig,
        beta: f64,
    ) -> Result<Self, BoundError> {
        let margins = Specification::Margins(labels.clone());
        let interval = analysis.lower(&margins, &intervals())?;
        if beta < NEGLIGIBLE_BETA {
            return Ok(Self {
                trained: interval.clone(),
                bounds: interval,
            });
        }
        let row = Specification::Linear(margin_to_runner_up(logits, labels));
        let crown = analysis.lower(&row, bound)?.expand(interval.dims());
        Ok(Self {
            // 0 times an infinite bound is NaN.
            trained: if beta == 1.0 {
                crown
            } else {
                mix(crown, interval.clone(), beta)
            },
            bounds: interval,
        })
    }
}

pub(super) fn intervals() -> BoundConfig {
    BoundConfig::new(Method::Interval)
}

pub(super) fn mix(crown: Tensor<2>, interval: Tensor<2>, beta: f64) -> Tensor<2> {
    crown * beta + interval * (1.0 - beta)
}

/// One row a sample, `[B, 1, classes]`: the label's output minus the largest other one.
fn margin_to_runner_up(logits: &Tensor<2>, labels: Tensor<1, Int>) -> Tensor<3> {
    let logits = logits.clone().without_autodiff();
    let ([batch, classes], dtype) = (logits.dims(), logits.dtype());
    let labels = labels.without_autodiff().reshape([batch, 1]);
    let is = |class: Tensor<2, Int>| {
        Tensor::<1, Int>::arange(0..classes as i64, &logits.device())
            .reshape([1, classes])
            .expand([batch, classes])
            .equal(class.expand([batch, classes]))
    };
    let is_label = is(labels);
    let others = logits
        .clone()
        .mask_fill(is_label.clone(), f32::NEG_INFINITY);
    let is_runner_up = is(others.argmax(1));
    let row = is_label.float() - is_runner_up.float();
    row.cast(dtype).unsqueeze_dim(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_runner_up_is_the_largest_output_beside_the_label() {
        let device = Device::flex();
        let logits = Tensor::from_floats(
            [
                [3.0, 1.0, 2.0],
                [3.0, 1.0, 2.0],
                // Below the value by which the reference program masks the label.
                [-300.0, -500.0, -400.0],
            ],
            &device,
        );
        let labels = Tensor::from_ints([0, 1, 0], &device);
        let rows: Vec<f32> = margin_to_runner_up(&logits, labels)
            .into_data()
            .iter()
            .collect();
        let expected = [
            [1.0, 0.0, -1.0], //
            [-1.0, 1.0, 0.0],
            [1.0, 0.0, -1.0],
        ];
        assert_eq!(rows, expected.concat());
    }
}
