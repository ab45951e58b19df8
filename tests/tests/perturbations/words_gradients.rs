//! Gradients of bounds over word substitutions, against central differences.

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear};
use burn::tensor::{DType, Int, Tensor, TensorData, activation};
use burn_crown::{BoundConfig, Bounded, GraphCache, Method, Perturbation, Specification};
use burn_crown_tests::parameters::{map_parameters, read_parameters, to_vec};
use burn_crown_tests::test_device;

use crate::holds::METHODS;
use crate::layers::{linear, shaken};
use crate::words::Words;

const STEP: f64 = 1e-5;
const TOLERANCE: f64 = 1e-7;

#[derive(Module, Bounded, Debug)]
struct Net {
    places: Embedding,
    word: Linear,
    output: Linear,
}

impl Net {
    fn forward(&self, words: Tensor<3>) -> Tensor<2> {
        let places = Tensor::<1, Int>::arange(0..3, &words.device()).unsqueeze::<2>();
        let words = words + self.places.forward(places);
        let hidden = activation::relu(self.word.forward(words));
        self.output.forward(hidden.flatten(1, 2))
    }
}

fn net(seed: u64) -> Net {
    let places = EmbeddingConfig::new(3, 3).init(&test_device());
    Net {
        places: shaken(places, DType::F64, 0.5, seed),
        word: linear(3, 4, seed),
        output: linear(12, 2, seed + 10),
    }
}

/// The sum of all lower bounds minus half of all upper ones, so that neither can hide the other.
fn objective(
    net: &Net,
    original: Tensor<3>,
    candidates: Tensor<4>,
    changes: usize,
    method: Method,
) -> Tensor<1> {
    let perturbation = Perturbation::substitution(candidates, changes);
    let analysis = GraphCache::new().analyse(net, original, &perturbation);
    let bounds = analysis
        .unwrap()
        .bounds(&Specification::Outputs, &BoundConfig::new(method))
        .unwrap();
    bounds.lower.sum() - bounds.upper.sum().mul_scalar(0.5)
}

fn assert_close(found: &[f64], expected: impl Fn(usize) -> f64, what: &str) {
    let scale = found
        .iter()
        .fold(0.0_f64, |most, value| most.max(value.abs()));
    assert!(scale > 1e-3, "{what}: the gradient is {scale}");
    for (at, &found) in found.iter().enumerate() {
        let expected = expected(at);
        assert!(
            (found - expected).abs() <= TOLERANCE * scale.max(1.0),
            "{what}, element {at}: the gradient is {found}, the difference quotient {expected}"
        );
    }
}

#[test]
fn gradients_of_the_parameters() {
    for method in METHODS {
        for changes in [1, 2, 3] {
            let words = Words::distinct([2, 3, 2, 3], changes, 5);
            let value = |net: &Net| {
                let (original, candidates) = (words.original(), words.candidates());
                objective(net, original, candidates, changes, method)
            };
            let net = net(1);
            let trained = net.clone().train();
            let gradients = read_parameters(&trained, &value(&trained).backward());
            assert_eq!(gradients.len(), 5);
            for (name, gradient) in &gradients {
                let at = |element: usize, step: f64| {
                    let moved = map_parameters(net.clone(), DType::F64, |path, _, values| {
                        if path == name {
                            values[element] += step;
                        }
                    });
                    to_vec(value(&moved))[0]
                };
                let quotient = |element| (at(element, STEP) - at(element, -STEP)) / (2.0 * STEP);
                assert_close(gradient, quotient, &format!("{method}, {changes}: {name}"));
            }
        }
    }
}

/// The words and their synonyms are embeddings, which may be trained too.
#[test]
fn gradients_of_the_words_and_their_candidates() {
    for method in METHODS {
        for changes in [1, 2, 3] {
            let words = Words::distinct([2, 3, 2, 3], changes, 9);
            let trained = net(2).train();
            let device = words.original().device().autodiff();
            let original =
                Tensor::<3>::from_data(words.original().into_data(), (&device, DType::F64));
            let candidates =
                Tensor::<4>::from_data(words.candidates().into_data(), (&device, DType::F64));
            let (original, candidates) = (original.require_grad(), candidates.require_grad());
            let loss = objective(
                &trained,
                original.clone(),
                candidates.clone(),
                changes,
                method,
            );
            let gradients = loss.backward();
            let what = format!("{method}, {changes} changes");

            let moved = |values: &[f64], element: usize, step: f64| {
                let mut values = values.to_vec();
                values[element] += step;
                values
            };
            let plain = net(2);
            let first = to_vec(words.original());
            let of_original = |element: usize, step: f64| {
                let data = TensorData::new(moved(&first, element, step), [2, 3, 3]);
                let original = Tensor::from_data(data, (&words.original().device(), DType::F64));
                to_vec(objective(
                    &plain,
                    original,
                    words.candidates(),
                    changes,
                    method,
                ))[0]
            };
            let found = to_vec(original.grad(&gradients).unwrap());
            let quotient = |at| (of_original(at, STEP) - of_original(at, -STEP)) / (2.0 * STEP);
            assert_close(&found, quotient, &format!("{what}: words"));

            let second = to_vec(words.candidates());
            let of_candidates = |element: usize, step: f64| {
                let data = TensorData::new(moved(&second, element, step), [2, 3, 2, 3]);
                let candidates = Tensor::from_data(data, (&words.original().device(), DType::F64));
                to_vec(objective(
                    &plain,
                    words.original(),
                    candidates,
                    changes,
                    method,
                ))[0]
            };
            let found = to_vec(candidates.grad(&gradients).unwrap());
            let quotient = |at| (of_candidates(at, STEP) - of_candidates(at, -STEP)) / (2.0 * STEP);
            assert_close(&found, quotient, &format!("{what}: candidates"));
        }
    }
}
