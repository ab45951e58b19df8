//! Numbers that are not finite certify nothing.

use burn::module::Module;
use burn::tensor::{DType, Int, Tensor};
use burn_crown::{Norm, Perturbation, Verifier, certified};
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::random_net::{RandomNet, Recipe};
use burn_crown_tests::test_device;

use crate::case::configs;

/// Three linear layers with rectifiers between them and a batch norm, of which every margin of
/// class 0 is certified for small regions around [`input`].
fn certified_net() -> RandomNet<2> {
    let linear = |outputs| Recipe::Linear {
        outputs,
        bias: true,
    };
    let relu = Recipe::Relu { function: true };
    let recipes = [
        linear(4),
        Recipe::BatchNorm,
        relu.clone(),
        linear(4),
        relu,
        linear(3),
    ];
    let net = RandomNet::new(&recipes, [1, 3], 5, DType::F32, &test_device());
    map_parameters(net, DType::F32, |path, _, values| {
        if path == "layers.5.Linear.bias" {
            values[0] = 100.0;
        }
    })
}

/// A batch of two.
fn input() -> Tensor<2> {
    Tensor::from_floats([[0.3, -0.2, 0.5], [-0.4, 0.1, 0.2]], &test_device())
}

fn regions() -> Vec<Perturbation> {
    vec![
        Perturbation::linf(0.05),
        Perturbation::linf(0.05).with_range(-1.0, 1.0),
        Perturbation::l2(0.05),
        Perturbation::l2(0.05).with_range(-1.0, 1.0),
        Perturbation::l1(0.05),
        Perturbation::ball(Norm::Lp(3.0), 0.05),
    ]
}

/// How many of the two images are certified, at most, by any method in any region.
fn most_certified(net: &RandomNet<2>, input: &Tensor<2>) -> usize {
    let labels = Tensor::<1, Int>::from_data([0, 0], &test_device());
    let mut most = 0;
    for perturbation in regions() {
        for config in configs() {
            let verifier = Verifier::new(net.clone()).with_config(config);
            let bounds = verifier
                .margins(input.clone(), labels.clone(), &perturbation)
                .unwrap();
            let certified = bounds.certified().into_data();
            most = most.max(
                certified
                    .iter::<bool>()
                    .filter(|certified| *certified)
                    .count(),
            );
        }
    }
    most
}

/// The net with one value of a parameter replaced.
fn with_value(name: &str, at: usize, value: f64) -> RandomNet<2> {
    let mut found = false;
    // `valid` copies the running statistics, which a mapper changes in place.
    let net = map_parameters(certified_net().valid(), DType::F32, |path, _, values| {
        if path == name {
            values[at] = value;
            found = true;
        }
    });
    assert!(found, "{name} is no parameter");
    net
}

const PARAMETERS: [&str; 10] = [
    "layers.0.Linear.weight",
    "layers.0.Linear.bias",
    "layers.1.BatchNorm.gamma",
    "layers.1.BatchNorm.beta",
    "layers.1.BatchNorm.running_mean",
    "layers.1.BatchNorm.running_var",
    "layers.3.Linear.weight",
    "layers.3.Linear.bias",
    "layers.5.Linear.weight",
    "layers.5.Linear.bias",
];

#[test]
fn the_net_is_certified_while_it_is_sound() {
    let (net, input) = (certified_net(), input());
    for perturbation in regions() {
        for config in configs() {
            let verifier = Verifier::new(net.clone()).with_config(config.clone());
            let labels = Tensor::<1, Int>::from_data([0, 0], &test_device());
            let bounds = verifier
                .margins(input.clone(), labels, &perturbation)
                .unwrap();
            let certified: Vec<bool> = bounds.certified().into_data().iter::<bool>().collect();
            assert_eq!(certified, [true, true], "{config:?} {perturbation:?}");
        }
    }
}

#[test]
fn a_parameter_that_is_not_a_number_certifies_nothing() {
    for name in PARAMETERS {
        assert_eq!(
            most_certified(&with_value(name, 1, f64::NAN), &input()),
            0,
            "{name}"
        );
    }
}

#[test]
fn an_infinite_parameter_certifies_nothing() {
    // An infinite variance is left out: it takes its channel to a finite constant, which the
    // network then truly computes.
    for name in PARAMETERS
        .iter()
        .filter(|name| !name.ends_with("running_var"))
    {
        for value in [f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(
                most_certified(&with_value(name, 1, value), &input()),
                0,
                "{name} {value}"
            );
        }
    }
}

#[test]
fn a_negative_variance_certifies_nothing() {
    let net = with_value("layers.1.BatchNorm.running_var", 1, -1.0);
    assert_eq!(most_certified(&net, &input()), 0);
}

#[test]
fn rectifiers_that_are_dead_for_sure_do_not_hide_a_nan() {
    // Neuron 1 of the second layer is dead on every region, and its weights are not numbers.
    let net = map_parameters(
        with_value("layers.3.Linear.bias", 1, -1e6),
        DType::F32,
        |path, _, values| {
            if path == "layers.3.Linear.weight" {
                values[1] = f64::NAN;
            }
        },
    );
    assert_eq!(most_certified(&net, &input()), 0);
}

#[test]
fn overflow_certifies_nothing() {
    let net = map_parameters(certified_net(), DType::F32, |path, _, values| {
        if path.ends_with("weight") {
            values
                .iter_mut()
                .for_each(|value| *value = 1e30 * value.signum());
        }
    });
    assert_eq!(most_certified(&net, &input()), 0);
}

#[test]
fn enormous_weights_certify_only_what_holds() {
    for name in PARAMETERS.iter().filter(|name| name.ends_with("weight")) {
        let net = with_value(name, 1, 1e30);
        let outputs = to_vec(net.forward(input()));
        let holds = outputs.chunks(3).all(|y| y[0] > y[1] && y[0] > y[2]);
        assert!(holds || most_certified(&net, &input()) < 2, "{name}");
    }
}

#[test]
fn an_input_that_is_not_finite_certifies_nothing() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let input =
            Tensor::<2>::from_floats([[0.3, value, 0.5], [value, value, value]], &test_device());
        let labels = Tensor::<1, Int>::from_data([0, 0], &test_device());
        for perturbation in regions() {
            for config in configs() {
                let verifier = Verifier::new(certified_net()).with_config(config.clone());
                // With a valid range the input is refused; without one, its bounds are no numbers.
                match verifier.margins(input.clone(), labels.clone(), &perturbation) {
                    Ok(bounds) => {
                        let certified = bounds.certified().into_data();
                        assert!(
                            !certified.iter::<bool>().any(|image| image),
                            "{value} {config:?}"
                        );
                    }
                    Err(error) => assert!(error.to_string().contains("valid range"), "{error}"),
                }
            }
        }
    }
}

#[test]
fn a_broken_image_leaves_the_others_of_its_batch_certified() {
    let input = Tensor::<2>::from_floats([[0.3, -0.2, 0.5], [f32::NAN, 0.1, 0.2]], &test_device());
    let labels = Tensor::<1, Int>::from_data([0, 0], &test_device());
    for config in configs() {
        let verifier = Verifier::new(certified_net()).with_config(config.clone());
        let perturbation = Perturbation::linf(0.05);
        let bounds = verifier
            .margins(input.clone(), labels.clone(), &perturbation)
            .unwrap();
        let certified: Vec<bool> = bounds.certified().into_data().iter::<bool>().collect();
        assert_eq!(certified, [true, false], "{config:?}");
    }
}

#[test]
fn only_positive_finite_margins_are_certificates() {
    let margins = Tensor::<2>::from_floats(
        [
            [1.0, 1e-30],
            [1.0, 0.0],
            [1.0, -1.0],
            [1.0, f32::NAN],
            [1.0, f32::INFINITY],
            [f32::NEG_INFINITY, 1.0],
        ],
        &test_device(),
    );
    let images: Vec<bool> = certified(margins).into_data().iter::<bool>().collect();
    assert_eq!(images, [true, false, false, false, false, false]);
}
