//! Cross-entropy on outputs and on the worst case of their margins.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Bool, Int, Tensor};

/// The cross-entropy of each sample's outputs, `[B]`.
///
/// `logits` is `[B, classes]`, `labels` is `[B]`. Training takes the mean over the batch.
///
/// # Panics
///
/// If a label is no class, on backends that check it; elsewhere the result has no meaning then.
pub fn natural_cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    log_softmax(logits, 1)
        .gather(1, labels.unsqueeze_dim(1))
        .squeeze_dim::<1>(1)
        .neg()
}

/// How far below the largest output one is whose share in the loss, at most `exp` of minus this, changes
/// none of its digits. Its gradient is left out: it would often be a denormal number, and processors
/// take a hundred times as long with those, in every layer that it goes back through.
const NEGLIGIBLE: f64 = 40.0;

/// The robust cross-entropy of each sample, `[B]`: `log(1 + Σ exp(−margin))`.
///
/// `margins` is `[B, classes - 1]`, lower bounds of the label's output minus each other output. The
/// result is then an upper bound of the [cross-entropy](natural_cross_entropy) anywhere in the set
/// of inputs that was bounded. Training takes the mean over the batch.
pub fn robust_cross_entropy(margins: Tensor<2>) -> Tensor<1> {
    let [batch, classes] = margins.dims();
    // The label's own margin is 0. Among these "outputs" the label is in column 0.
    let own = Tensor::zeros([batch, 1], (&margins.device(), margins.dtype()));
    let others = margins.neg();
    let largest = others.clone().detach().max_dim(1).clamp_min(0.0);
    let least = (largest - NEGLIGIBLE).expand([-1, classes as i64]);
    let negligible = others.clone().lower(least.clone());
    let others = others.mask_where(negligible, least);
    log_softmax(Tensor::cat(vec![own, others], 1), 1)
        .narrow(1, 0, 1)
        .squeeze_dim::<1>(1)
        .neg()
}

/// Which samples are classified rightly, `[B]`: those whose label has the largest output alone.
///
/// `logits` is `[B, classes]`, `labels` is `[B]`. This is [`certified`](crate::certified) for a single point: a tie
/// is not right, and neither is a sample with an output that is NaN.
///
/// # Panics
///
/// If a label is no class, on backends that check it; elsewhere the result has no meaning then.
pub fn classified(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1, Bool> {
    let [_, classes] = logits.dims();
    let of_label = logits.clone().gather(1, labels.unsqueeze_dim(1));
    logits
        .lower(of_label.expand([-1, classes as i64]))
        .int()
        .sum_dim(1)
        .equal_scalar(classes as i64 - 1)
        .squeeze_dim(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use burn::tensor::Device;

    fn floats(tensor: Tensor<1>) -> Vec<f64> {
        tensor.into_data().iter().collect()
    }

    fn bools(tensor: Tensor<1, Bool>) -> Vec<bool> {
        tensor.into_data().iter().collect()
    }

    fn close(actual: Tensor<1>, expected: &[f64]) {
        let actual = floats(actual);
        assert_eq!(actual.len(), expected.len());
        for (actual, expected) in actual.iter().zip(expected) {
            let allowed = 1e-6 * expected.abs().max(1.0);
            assert!((actual - expected).abs() < allowed, "{actual} {expected}");
        }
    }

    #[test]
    fn robust_cross_entropy_is_its_formula() {
        let margins = Tensor::from_floats([[1.0, -2.0], [0.5, 0.0]], &Device::flex());
        let formula = |a: f64, b: f64| (1.0 + (-a).exp() + (-b).exp()).ln();
        close(
            robust_cross_entropy(margins),
            &[formula(1.0, -2.0), formula(0.5, 0.0)],
        );
    }

    #[test]
    fn robust_cross_entropy_is_stable() {
        let margins = Tensor::from_floats([[-1e4, -1e3], [1e4, 1e4]], &Device::flex());
        close(robust_cross_entropy(margins), &[1e4, 0.0]);
    }

    #[test]
    fn gradients_are_shares_without_those_that_are_negligible() {
        let rows = [
            [0.0, 0.0],
            [30.0, 0.0],
            [80.0, 0.0],
            [80.0, 90.0],
            [-80.0, 0.0],
            [-250.0, -150.0],
        ];
        let margins = Tensor::<2>::from_floats(rows, &Device::flex().autodiff()).require_grad();
        let loss = robust_cross_entropy(margins.clone());
        let (third, small) = (1.0 / 3.0, (-30.0_f64).exp() / 2.0);
        close(
            loss.clone().inner(),
            &[3.0_f64.ln(), 2.0_f64.ln(), 2.0_f64.ln(), 0.0, 80.0, 250.0],
        );
        let gradients = margins.grad(&loss.sum().backward()).unwrap();
        let expected = [
            [-third, -third],
            [-small, -0.5],
            [0.0, -0.5],
            [0.0, 0.0],
            [-1.0, 0.0],
            [-1.0, 0.0],
        ];
        let gradients: Vec<f64> = gradients.into_data().iter().collect();
        for (gradient, expected) in gradients.into_iter().zip(expected.into_iter().flatten()) {
            assert!(
                (gradient - expected).abs() <= 1e-5 * expected.abs(),
                "{gradient} {expected}"
            );
        }
    }

    #[test]
    fn a_margin_that_is_none_shows() {
        let margins = Tensor::from_floats([[f32::NAN, 1.0], [200.0, f32::NAN]], &Device::flex());
        let losses = floats(robust_cross_entropy(margins));
        assert!(losses.iter().all(|loss| loss.is_nan()), "{losses:?}");
    }

    #[test]
    fn at_the_outputs_own_margins_both_losses_agree() {
        let device = Device::flex();
        let logits = Tensor::<2>::from_floats([[0.3, -1.0, 2.0], [1.5, 0.2, 0.1]], &device);
        let labels = Tensor::<1, Int>::from_ints([1, 0], &device);
        let margins = Tensor::from_floats([[-1.3, -3.0], [1.3, 1.4]], &device);
        let expected = floats(robust_cross_entropy(margins));
        close(natural_cross_entropy(logits, labels), &expected);
    }

    #[test]
    fn only_the_largest_output_alone_is_right() {
        let device = Device::flex();
        let logits = Tensor::from_floats(
            [
                [0.1, 0.2, 0.3],
                [0.1, 0.2, 0.3],
                [0.3, 0.2, 0.3],
                [f32::NAN, 0.2, 0.3],
                [0.1, f32::NAN, f32::NAN],
            ],
            &device,
        );
        let labels = Tensor::from_ints([2, 1, 2, 2, 1], &device);
        let expected = [true, false, false, false, false];
        assert_eq!(bools(classified(logits, labels)), expected);
    }
}
