//! Candidates that make no region of substitutions.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{DType, Tensor};
use burn_crown::{BoundConfig, Bounded, GraphCache, Perturbation, Specification};
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::test_device;

use crate::nets::{SURE, configs, sure};
use crate::outcome::{Outcome, Row, all, must_refuse};

pub(crate) const ROWS: &[Row] = &[
    Row {
        entry: "`Perturbation::substitution`",
        input: "candidates that are NaN or infinite, also where nothing may change",
        run: || {
            all([f64::NAN, f64::INFINITY].into_iter().flat_map(|value| {
                [0, 1].map(|changes| refuses(&Perturbation::substitution(words(2, value), changes)))
            }))
        },
    },
    Row {
        entry: "`Perturbation::substitution`",
        input: "candidates of another batch",
        run: || {
            let other = Tensor::<4>::zeros([1, 3, 2, 2], &test_device());
            refuses(&Perturbation::substitution(other, 1))
        },
    },
    Row {
        entry: "`Perturbation::substitution`",
        input: "no candidates",
        run: || {
            let none = Tensor::<4>::empty([2, 3, 0, 2], &test_device());
            refuses(&Perturbation::substitution(none, 1))
        },
    },
    Row {
        entry: "`Perturbation::substitution`",
        input: "candidates of another data type",
        run: || {
            refuses(&Perturbation::substitution(
                words(2, 0.0).cast(DType::F64),
                1,
            ))
        },
    },
    Row {
        entry: "`Perturbation::substitution`",
        input: "for an input that is no text, `[B, C]`",
        run: || {
            let region = Perturbation::substitution(words(2, 0.0), 1);
            let net = crate::nets::Net::new(1, DType::F32);
            let images = crate::nets::images(DType::F32);
            must_refuse(GraphCache::new().analyse(&net, images, &region))
        },
    },
    Row {
        entry: "`Perturbation::substitution`",
        input: "with a scale or a valid range",
        run: || {
            let region = || Perturbation::substitution(words(2, 0.0), 1);
            all([
                refuses(&region().with_channel_scale(vec![1.0])),
                refuses(&region().with_range(-1.0, 1.0)),
            ])
        },
    },
    Row {
        entry: "`Perturbation::substitution`",
        input: "more changes than there are words",
        run: || {
            let bounds = |changes| bounds(&Perturbation::substitution(words(2, 0.0), changes));
            assert_eq!(bounds(usize::MAX), bounds(3));
            Outcome::Defined("the bounds where every word may change")
        },
    },
    Row {
        entry: "`Perturbation::substitution`",
        input: "a word of the text that is NaN or infinite",
        run: || {
            for value in [f64::NAN, f64::INFINITY] {
                for changes in [0, 1, 3] {
                    let region = Perturbation::substitution(words(2, 0.0), changes);
                    let bad = Tensor::<3>::full([1, 1, 1], value, &test_device());
                    let text = text().slice_assign([0..1, 1..2, 0..1], bad);
                    let analysis = GraphCache::new().analyse(&net(), text, &region).unwrap();
                    for config in plain() {
                        let bounds = analysis.bounds(&sure(), &config).unwrap();
                        let certified: Vec<bool> = bounds.certified().into_data().iter().collect();
                        assert_eq!(certified, [false, true], "{config:?}");
                    }
                }
            }
            Outcome::Defined("its bounds certify nothing; other texts are bounded as without it")
        },
    },
];

/// Words `[B, T, E]`, each in a layer, then all in one.
#[derive(Module, Bounded, Debug)]
struct Net {
    word: Linear,
    output: Linear,
}

impl Net {
    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let x = relu(self.word.forward(x));
        self.output.forward(x.flatten(1, 2))
    }
}

fn net() -> Net {
    let device = test_device();
    let net = Net {
        word: LinearConfig::new(2, 2).init(&device),
        output: LinearConfig::new(6, 2).init(&device),
    };
    map_parameters(net, DType::F32, |path, _, values| {
        for (index, value) in values.iter_mut().enumerate() {
            *value = 0.3 - 0.1 * (index % 7) as f64;
        }
        if path == "output.bias" {
            values.copy_from_slice(&[SURE, 0.0]);
        }
    })
}

fn text() -> Tensor<3> {
    Tensor::full([2, 3, 2], 0.5, &test_device())
}

/// Candidates, one of which has a number of its own.
fn words(count: usize, number: f64) -> Tensor<4> {
    let words = Tensor::<4>::full([2, 3, count, 2], 0.25, &test_device());
    let own = Tensor::<4>::full([1, 1, 1, 1], number, &test_device());
    words.slice_assign([1..2, 2..3, 1..2, 0..1], own)
}

fn plain() -> impl Iterator<Item = BoundConfig> {
    let configs = configs().into_iter();
    configs.filter(|config| config.rounding == burn_crown::Rounding::Plain)
}

fn refuses(region: &Perturbation) -> Outcome {
    must_refuse(GraphCache::new().analyse(&net(), text(), region))
}

fn bounds(region: &Perturbation) -> Vec<f64> {
    let analysis = GraphCache::new().analyse(&net(), text(), region).unwrap();
    let bounds = plain().flat_map(|config| {
        let bounds = analysis.bounds(&Specification::Outputs, &config).unwrap();
        [to_vec(bounds.lower), to_vec(bounds.upper)].concat()
    });
    bounds.collect()
}
