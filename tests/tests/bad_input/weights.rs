//! Regions of parameters that are none.

use burn::module::Module;
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::tensor::{DType, Tensor};
use burn_crown::{Bounded, Input, Perturbation, Specification, Verifier, WeightPerturbation};
use burn_crown_tests::test_device;

use crate::nets::{Net, configs, images, sure};
use crate::outcome::{Outcome, Row, all, must_refuse};

pub(crate) const ROWS: &[Row] = &[
    Row {
        entry: "`WeightPerturbation::with`",
        input: "a path that names no parameter",
        run: || refuses("second.weigth", Perturbation::linf(0.1)),
    },
    Row {
        entry: "`WeightPerturbation::with`",
        input: "a radius that is NaN, infinite or negative",
        run: || {
            let refuses = |radius| refuses("last.bias", Perturbation::l2(radius));
            crate::outcome::same_kind([-0.1, f64::NAN, f64::INFINITY].map(refuses))
        },
    },
    Row {
        entry: "`WeightPerturbation::with`",
        input: "a box of another shape",
        run: || {
            let box_of = Tensor::<1>::zeros([3], &test_device());
            refuses("last.bias", Perturbation::between(box_of.clone(), box_of))
        },
    },
    Row {
        entry: "`WeightPerturbation::with`",
        input: "a valid range that does not hold the parameter",
        run: || refuses("last.bias", Perturbation::linf(0.1).with_range(0.0, 1.0)),
    },
    Row {
        entry: "`WeightPerturbation::with`",
        input: "substitutions, for a weight `[O, I, K]`",
        run: || {
            let net = Convolution {
                conv: Conv1dConfig::new(2, 2, 3).init(&test_device()),
            };
            let weight = net.conv.weight.val();
            let candidates = weight.clone().unsqueeze_dim::<4>(2) + 0.1;
            let weights = WeightPerturbation::new()
                .with("conv.weight", Perturbation::substitution(candidates, 1));
            let x = Input::fixed(Tensor::<3>::ones([2, 2, 3], &test_device()));
            let verifier = Verifier::new(net).with_weights(weights);
            must_refuse(verifier.bounds_of(vec![x], &Specification::Outputs))
        },
    },
    Row {
        entry: "`WeightPerturbation::with`",
        input: "a perturbed parameter that is NaN or infinite",
        run: || {
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                for (path, parameter) in [
                    ("", "second.weight"),
                    ("first", "first.bias"),
                    ("last", "last.bias"),
                ] {
                    for region in [Perturbation::linf(0.01), Perturbation::l2(0.01)] {
                        let net = Net::new(1, DType::F32).with(parameter, 1, value);
                        certifies_nothing(net, path, region);
                    }
                }
            }
            Outcome::Defined("bounds that certify nothing")
        },
    },
    Row {
        entry: "`WeightPerturbation::with`",
        input: "a radius that is infinite in the parameters' data type",
        run: || {
            for region in [Perturbation::linf(1e300), Perturbation::l2(1e300)] {
                certifies_nothing(Net::new(1, DType::F32), "second.weight", region);
            }
            Outcome::Defined("bounds that certify nothing")
        },
    },
    Row {
        entry: "`Verifier::bounds_of`",
        input: "neither a perturbed input nor a perturbed parameter",
        run: || {
            let verifier = Verifier::new(Net::new(1, DType::F32));
            must_refuse(verifier.bounds_of(vec![Input::fixed(images(DType::F32))], &sure()))
        },
    },
];

#[derive(Module, Bounded, Debug)]
struct Convolution {
    conv: Conv1d,
}

impl Convolution {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.conv.forward(x)
    }
}

fn refuses(path: &str, region: Perturbation) -> Outcome {
    let weights = WeightPerturbation::new().with(path, region);
    let verifier = Verifier::new(Net::new(1, DType::F32)).with_weights(weights);
    let input = || vec![Input::fixed(images(DType::F32))];
    let perturbed = || {
        vec![Input::perturbed(
            images(DType::F32),
            Perturbation::linf(0.1),
        )]
    };
    all([
        must_refuse(verifier.bounds_of(input(), &sure())),
        must_refuse(verifier.bounds_of(perturbed(), &sure())),
    ])
}

fn certifies_nothing(net: Net, path: &str, region: Perturbation) {
    let weights = WeightPerturbation::new().with(path, region);
    for config in configs() {
        if config.rounding != burn_crown::Rounding::Plain {
            continue;
        }
        let verifier = Verifier::new(net.clone())
            .with_weights(weights.clone())
            .with_config(config.clone());
        let input = vec![Input::fixed(images(DType::F32))];
        let certified = verifier.bounds_of(input, &sure()).unwrap().certified();
        let certified: Vec<bool> = certified.into_data().iter().collect();
        assert_eq!(certified, [false, false], "{path}: {config:?}");
    }
}
