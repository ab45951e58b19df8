//! One linear layer, whose bounds are known in closed form.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::Tensor;
use burn_crown::{
    BoundConfig, Bounded, Input, Method, Norm, Perturbation, Specification, Verifier,
    WeightPerturbation,
};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::sound::METHODS;
use burn_crown_tests::test_device;

use crate::{double, random};

#[derive(Module, Bounded, Debug)]
struct Layer {
    linear: Linear,
}

impl Layer {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.linear.forward(x)
    }
}

fn layer() -> Layer {
    double(Layer {
        linear: LinearConfig::new(4, 3).init(&test_device()),
    })
}

/// The norm with `1/p + 1/q = 1`.
fn dual(norm: Norm, x: &[f64]) -> f64 {
    let power = |q: f64| x.iter().map(|x| x.abs().powf(q)).sum::<f64>().powf(1.0 / q);
    match norm {
        Norm::Linf => power(1.0),
        Norm::L2 => power(2.0),
        Norm::L1 => x.iter().fold(0.0, |most, x| most.max(x.abs())),
        Norm::Lp(p) => power(p / (p - 1.0)),
    }
}

const NORMS: [Norm; 4] = [Norm::Linf, Norm::L2, Norm::L1, Norm::Lp(3.0)];

/// Checks that every output is between its value and `±` what `radius` gives for its image.
fn assert_exact(weights: &WeightPerturbation, radius: impl Fn(&[f64]) -> f64, what: &str) {
    let (layer, x) = (layer(), random([2, 4], 3));
    let values = to_vec(layer.forward(x.clone()));
    let images: Vec<Vec<f64>> = to_vec(x.clone()).chunks(4).map(<[f64]>::to_vec).collect();
    for method in METHODS {
        let bounds = Verifier::new(layer.clone())
            .with_config(BoundConfig::new(method))
            .with_weights(weights.clone())
            .bounds_of(vec![Input::fixed(x.clone())], &Specification::Outputs)
            .unwrap();
        let (lower, upper) = (to_vec(bounds.lower), to_vec(bounds.upper));
        for (at, value) in values.iter().enumerate() {
            let radius = radius(&images[at / 3]);
            for (bound, expected) in [(lower[at], value - radius), (upper[at], value + radius)] {
                let distance = (bound - expected).abs();
                assert!(distance < 1e-9, "{what}, {method}: {bound}, not {expected}");
            }
        }
    }
}

#[test]
fn weights_of_a_linear_layer() {
    for norm in NORMS {
        let weights =
            WeightPerturbation::new().with("linear.weight", Perturbation::ball(norm, 0.3));
        assert_exact(&weights, |x| 0.3 * dual(norm, x), &format!("{norm:?}"));
    }
}

#[test]
fn biases_of_a_linear_layer() {
    for norm in NORMS {
        let weights = WeightPerturbation::new().with("linear.bias", Perturbation::ball(norm, 0.3));
        assert_exact(&weights, |_| 0.3, &format!("{norm:?}"));
    }
}

#[test]
fn each_parameter_has_its_own_region_and_the_last_entry_counts() {
    let weights = WeightPerturbation::new()
        .with("linear.weight", Perturbation::linf(9.0))
        .with("linear", Perturbation::l2(0.2))
        .with("linear.bias", Perturbation::linf(0.1));
    assert_exact(&weights, |x| 0.2 * dual(Norm::L2, x) + 0.1, "both");
}

#[test]
fn channels_are_the_outputs_of_a_linear_layer() {
    let scaled = Perturbation::linf(0.1).with_channel_scale(vec![2.0; 3]);
    let weights = WeightPerturbation::new().with("linear.weight", scaled);
    assert_exact(&weights, |x| 0.2 * dual(Norm::Linf, x), "scaled");
}

#[test]
fn a_box_around_a_parameter() {
    let (layer, x) = (layer(), random([2, 4], 5));
    let bounds = |perturbation| {
        let weights = WeightPerturbation::new().with("linear.weight", perturbation);
        let verifier = Verifier::new(layer.clone()).with_weights(weights);
        let bounds = verifier
            .bounds_of(vec![Input::fixed(x.clone())], &Specification::Outputs)
            .unwrap();
        [to_vec(bounds.lower), to_vec(bounds.upper)].concat()
    };
    let weight = layer.linear.weight.val();
    let of_box = bounds(Perturbation::between(weight.clone() - 0.25, weight + 0.25));
    for (of_box, of_ball) in of_box.iter().zip(bounds(Perturbation::linf(0.25))) {
        assert!((of_box - of_ball).abs() < 1e-9, "{of_box} {of_ball}");
    }
}

#[test]
fn margins_are_of_one_set_of_weights() {
    // Both outputs of a margin take the same weights' ball: ε ‖(x, −x)‖₂.
    let (layer, x) = (layer(), random([2, 4], 7));
    let labels = Tensor::<1, burn::tensor::Int>::from_ints([0, 2], &test_device());
    let values = to_vec(layer.forward(x.clone()));
    let weights = WeightPerturbation::new().with("linear.weight", Perturbation::l2(0.1));
    let bounds = Verifier::new(layer)
        .with_weights(weights)
        .bounds_of(
            vec![Input::fixed(x.clone())],
            &Specification::Margins(labels),
        )
        .unwrap();
    let lower = to_vec(bounds.lower);
    let images = to_vec(x);
    for (at, (label, other)) in [(0, 1), (0, 2), (2, 0), (2, 1)].into_iter().enumerate() {
        let row = at / 2 * 3;
        let size = dual(Norm::L2, &images[at / 2 * 4..at / 2 * 4 + 4]);
        let expected = values[row + label] - values[row + other] - 0.1 * 2_f64.sqrt() * size;
        assert!(
            (lower[at] - expected).abs() < 1e-9,
            "{} {expected}",
            lower[at]
        );
    }
}

#[derive(Module, Bounded, Debug)]
struct Twice {
    first: Linear,
    second: Linear,
}

impl Twice {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.second.forward(self.first.forward(x))
    }
}

#[test]
fn intervals_take_the_dual_norm_of_a_perturbed_value() {
    // The input of the second layer lies in `c ± r`, and the ball adds `ε ‖|c| + r‖_q` to what the
    // first layer's box alone gives.
    let device = test_device();
    let net = double(Twice {
        first: LinearConfig::new(4, 3).init(&device),
        second: LinearConfig::new(3, 2).init(&device),
    });
    let x = random([2, 4], 9);
    let bounds = |weights: WeightPerturbation| {
        let bounds = Verifier::new(net.clone())
            .with_config(BoundConfig::new(Method::Interval))
            .with_weights(weights)
            .bounds_of(vec![Input::fixed(x.clone())], &Specification::Outputs)
            .unwrap();
        to_vec(bounds.upper)
    };
    let middle = to_vec(net.first.forward(x.clone()));
    let images = to_vec(x.clone());
    for norm in [Norm::L2, Norm::L1, Norm::Lp(3.0)] {
        let first = WeightPerturbation::new().with("first.weight", Perturbation::linf(0.1));
        let alone = bounds(first.clone());
        let both = bounds(first.with("second.weight", Perturbation::ball(norm, 0.2)));
        for (at, (both, alone)) in both.iter().zip(alone).enumerate() {
            let image = at / 2;
            let reach = 0.1 * dual(Norm::Linf, &images[image * 4..image * 4 + 4]);
            let middle = &middle[image * 3..image * 3 + 3];
            let largest: Vec<f64> = middle.iter().map(|x| x.abs() + reach).collect();
            let expected = alone + 0.2 * dual(norm, &largest);
            // The box of the ball may give a smaller bound still.
            assert!(*both < expected + 1e-9, "{norm:?}: {both}, not {expected}");
            assert!(*both > alone, "{norm:?}: {both} {alone}");
        }
    }
}
