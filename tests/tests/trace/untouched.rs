//! What a recording must leave alone, and what bounds must follow.

use burn::module::Module;
use burn::nn;
use burn::tensor::activation::relu;
use burn::tensor::{DType, Device, Tensor};
use burn_crown::{Bounded, GraphCache, Perturbation, Specification, Verifier};
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::random_net::{RandomNet, Recipe};
use burn_crown_tests::test_device;

use crate::{input, lower, module};

fn statistics(net: &RandomNet<2>) -> Vec<(String, Vec<f64>)> {
    let mut found = Vec::new();
    map_parameters(net.valid(), DType::F32, |path, _, values| {
        if path.contains("running") {
            found.push((path.to_string(), values.to_vec()));
        }
    });
    assert_eq!(found.len(), 2);
    found
}

#[test]
fn running_statistics_survive_a_recording() {
    let recipes = [
        Recipe::Linear {
            outputs: 4,
            bias: true,
        },
        Recipe::BatchNorm,
        Recipe::Relu { function: true },
        Recipe::Linear {
            outputs: 2,
            bias: true,
        },
    ];
    let net = RandomNet::<2>::new(&recipes, [1, 3], 9, DType::F32, &test_device());
    for net in [net.clone(), net.train()] {
        let (devices, before) = (net.devices(), statistics(&net));
        let bounds = lower(&GraphCache::new(), &net, input());
        assert_eq!(net.devices(), devices, "the module was moved");
        assert_eq!(statistics(&net), before, "the running statistics changed");
        assert_eq!(lower(&GraphCache::new(), &net, input()), bounds);
        // The module still runs where it was.
        let outputs = to_vec(net.valid().forward(input()));
        for (lower, value) in bounds.iter().zip(outputs) {
            assert!(*lower <= value, "{value} is below {lower}");
        }
    }
}

#[test]
fn bounds_follow_the_running_statistics() {
    let recipes = [
        Recipe::Linear {
            outputs: 4,
            bias: true,
        },
        Recipe::BatchNorm,
    ];
    let net = RandomNet::<2>::new(&recipes, [1, 3], 9, DType::F32, &test_device());
    let cache = GraphCache::new();
    let before = lower(&cache, &net, input());
    // A training step's forward pass moves the statistics, on the autodiff device.
    let trained = net.train();
    let old = statistics(&trained);
    trained.forward(input().autodiff());
    let after = lower(&cache, &trained, input());
    assert_ne!(statistics(&trained), old);
    assert_ne!(after, before);
    assert_eq!(after, lower(&GraphCache::new(), &trained.valid(), input()));
}

#[test]
fn a_module_on_an_autodiff_device_is_bounded_with_gradients() {
    module!(Plain(first), |this, x| relu(this.first.forward(x)));
    let device: Device = test_device().autodiff();
    let module = Plain {
        first: nn::LinearConfig::new(3, 2).init(&device),
    };
    let verifier = Verifier::new(module.clone());
    let bounds = verifier
        .bounds(input(), &Perturbation::linf(0.1), &Specification::Outputs)
        .unwrap();
    let gradients = bounds.upper.sum().backward();
    let bias = module.first.bias.unwrap().val().grad(&gradients).unwrap();
    assert!(to_vec(bias).iter().all(|value| *value >= 0.0));
}
