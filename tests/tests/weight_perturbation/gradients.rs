//! Gradients of bounds over regions of parameters, with respect to those parameters.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::tanh;
use burn::tensor::{DType, Tensor};
use burn_crown::{
    BoundConfig, Bounded, GraphCache, Input, Method, Norm, Perturbation, Specification,
    WeightPerturbation,
};
use burn_crown_tests::parameters::{map_parameters, read_parameters, to_vec};
use burn_crown_tests::sound::METHODS;
use burn_crown_tests::test_device;

use crate::{double, random};

#[derive(Module, Bounded, Debug)]
struct Net {
    hidden: Linear,
    output: Linear,
}

impl Net {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.output.forward(tanh(self.hidden.forward(x)))
    }
}

/// The sum of all lower bounds.
fn total(net: &Net, x: &Input, weights: &WeightPerturbation, method: Method) -> Tensor<1> {
    GraphCache::new()
        .analyse_weights(net, vec![x.clone()], weights)
        .unwrap()
        .lower(&Specification::Outputs, &BoundConfig::new(method))
        .unwrap()
        .sum()
}

#[test]
fn gradients_are_those_of_finite_differences() {
    const STEP: f64 = 1e-6;
    let device = test_device();
    let net = double(Net {
        hidden: LinearConfig::new(2, 3).init(&device),
        output: LinearConfig::new(3, 2).init(&device),
    });
    let x = random([2, 2], 3);
    for norm in [Norm::Linf, Norm::L2, Norm::L1] {
        for method in METHODS {
            let weights = WeightPerturbation::new()
                .with("hidden", Perturbation::ball(norm, 0.05))
                .with("output.weight", Perturbation::ball(norm, 0.1));
            let fixed = Input::fixed(x.clone());
            let trained = net.clone().train();
            let gradients = total(&trained, &fixed, &weights, method).backward();
            let found = read_parameters(&trained, &gradients);
            assert_eq!(found.len(), 4);
            for (path, gradient) in found {
                for (place, gradient) in gradient.into_iter().enumerate() {
                    let at = |step: f64| {
                        let moved = map_parameters(net.clone(), DType::F64, |name, _, values| {
                            if name == path {
                                values[place] += step;
                            }
                        });
                        to_vec(total(&moved, &fixed, &weights, method))[0]
                    };
                    let expected = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                    assert!(
                        (gradient - expected).abs() < 1e-4 * (1.0 + expected.abs()),
                        "{method}, {norm:?}, {path}[{place}]: {gradient}, not {expected}"
                    );
                }
            }
        }
    }
}
