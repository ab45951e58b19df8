//! Numbers that are infinite, NaN or enormous, in images and parameters.

use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::tensor::activation::relu;
use burn::tensor::{DType, Tensor};
use burn_crown::{Bounded, Perturbation};
use burn_crown_tests::parameters::map_parameters;
use burn_crown_tests::test_device;

use crate::nets::{BETWEEN, Net, UNBOUNDED, assert_certified, images, images_with};
use crate::outcome::{Outcome, Row};

pub(crate) const ROWS: &[Row] = &[
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "an image with a NaN",
        run: || image(&[f64::NAN]),
    },
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "an image with an infinity",
        run: || image(&[f64::INFINITY, f64::NEG_INFINITY]),
    },
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "a weight that is NaN",
        run: || weight(&[f64::NAN]),
    },
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "a weight that is infinite",
        run: || weight(&[f64::INFINITY, f64::NEG_INFINITY]),
    },
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "a running mean that is NaN or infinite, a running variance that is NaN or negative",
        run: statistics,
    },
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "weights whose values or bounds overflow: 1e30, the largest number",
        run: enormous,
    },
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "weights whose bounds are finite and whose linear coefficients overflow",
        run: coefficients,
    },
];

/// A region of each kind for rectifiers, and one of them for other functions.
fn regions(between: usize) -> Vec<Perturbation> {
    let (box_of, ball) = (Perturbation::linf(0.01), Perturbation::l2(0.01));
    match between {
        1 => vec![
            box_of,
            ball,
            Perturbation::l1(0.01),
            Perturbation::linf(0.0),
        ],
        even if even % 2 == 0 => vec![box_of],
        _ => vec![ball],
    }
}

fn image(values: &[f64]) -> Outcome {
    for between in 0..BETWEEN.len() {
        let dtypes = match between {
            1 => vec![DType::F32, DType::F64],
            _ => vec![DType::F32],
        };
        for dtype in dtypes {
            let net = Net::new(between, dtype);
            for region in regions(between) {
                assert_certified(&net, images(dtype), &region, [true, true]);
                for &value in values {
                    let images = images_with(value, dtype);
                    assert_certified(&net, images, &region, [false, true]);
                }
            }
        }
    }
    Outcome::Defined(
        "its bounds certify nothing; other images of the batch are bounded as without it",
    )
}

/// The first ones for all functions.
const PARAMETERS: [&str; 6] = [
    "first.weight",
    "second.weight",
    "last.bias",
    "first.bias",
    "second.bias",
    "last.weight",
];

fn weight(values: &[f64]) -> Outcome {
    for between in 0..BETWEEN.len() {
        let parameters = match between {
            1 => &PARAMETERS[..],
            _ => &PARAMETERS[..3],
        };
        for parameter in parameters {
            for &value in values {
                let net = Net::new(between, DType::F32).with(parameter, 1, value);
                for region in regions(between) {
                    assert_certified(&net, images(DType::F32), &region, [false, false]);
                }
            }
        }
    }
    Outcome::Defined("bounds that certify nothing")
}

/// Batch normalisation between two layers.
#[derive(Module, Bounded, Debug)]
struct Normalised {
    first: Linear,
    norm: BatchNorm,
    last: Linear,
}

impl Normalised {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.norm.forward::<2>(self.first.forward(x));
        self.last.forward(relu(x))
    }
}

fn statistics() -> Outcome {
    for (statistic, value) in [
        ("norm.running_mean", f64::NAN),
        ("norm.running_mean", f64::INFINITY),
        ("norm.running_mean", f64::NEG_INFINITY),
        ("norm.running_var", f64::NAN),
        ("norm.running_var", -1.0),
    ] {
        let Net { first, last, .. } = Net::new(1, DType::F32);
        let net = Normalised {
            first,
            norm: BatchNormConfig::new(4).init(&test_device()),
            last,
        };
        assert_certified(&net, images(DType::F32), &regions(1)[0], [true, true]);
        let mut found = false;
        let net = map_parameters(net, DType::F32, |path, _, values| {
            if path == statistic {
                values[1] = value;
                found = true;
            }
        });
        assert!(found, "{statistic}");
        for region in regions(1) {
            assert_certified(&net, images(DType::F32), &region, [false, false]);
        }
    }
    Outcome::Defined("bounds that certify nothing")
}

fn enormous() -> Outcome {
    for between in 0..UNBOUNDED {
        for (value, dtype) in [
            (1e30, DType::F32),
            (f64::from(f32::MAX), DType::F32),
            (1e300, DType::F64),
            (f64::MAX, DType::F64),
        ] {
            let net = Net::new(between, dtype)
                .with_all("first.weight", value)
                .with_all("second.weight", value);
            for region in regions(between) {
                assert_certified(&net, images(dtype), &region, [false, false]);
            }
        }
    }
    Outcome::Defined("bounds that certify nothing")
}

/// The second class wins by far: small numbers times 1e38 times 100, of which the product of the
/// last two is more than any number.
fn coefficients() -> Outcome {
    for between in 0..UNBOUNDED {
        // With a neuron that a rectifier cuts off, whose slope is 0.
        for cut in [0.0, -1.0] {
            let net = Net::new(between, DType::F32)
                .with_all("first.weight", 1e-3)
                .with_all("first.bias", 0.0)
                .with("first.bias", 0, cut)
                .with_all("second.weight", 1e38)
                .with_all("second.bias", 0.0);
            let net = (0..4).fold(net, |net, neuron| {
                net.with("last.weight", 2 * neuron, 0.0)
                    .with("last.weight", 2 * neuron + 1, 100.0)
            });
            for region in regions(between) {
                assert_certified(&net, images(DType::F32), &region, [false, false]);
            }
        }
    }
    Outcome::Defined("bounds that certify nothing")
}
