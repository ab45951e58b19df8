//! Where the network is linear, the bounds are the extrema over all allowed sentences.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{DType, Tensor};
use burn_crown::{Bounded, Input};
use burn_crown_tests::parameters::to_vec;

use crate::holds::{METHODS, ROUNDING, merged_bounds_of};
use crate::layers::linear;
use crate::words::Words;

/// A linear network that shifts and scales its words, works on each, and then on all.
#[derive(Module, Bounded, Debug)]
struct Flat {
    word: Linear,
    output: Linear,
}

impl Flat {
    fn forward(&self, words: Tensor<3>) -> Tensor<2> {
        let words = self.word.forward(words * 2.0 - 0.3);
        self.output.forward(words.flatten(1, 2))
    }
}

#[test]
fn bounds_of_a_linear_network_are_the_extrema_over_all_sentences() {
    for seed in 0..60 {
        let (length, synonyms) = (1 + seed as usize % 4, 1 + seed as usize / 4 % 3);
        let changes = seed as usize % (length + 3);
        let words = Words::new([2, length, synonyms, 3], changes, DType::F64, seed);
        let what = format!("{length} words, {synonyms} synonyms, {changes} changes, seed {seed}");
        let net = Flat {
            word: linear(3, 4, seed),
            output: linear(4 * length, 2, seed + 100),
        };
        let values = to_vec(net.forward(words.all()));
        let extremum = |output: usize, pick: fn(f64, f64) -> f64| {
            let of_output = values.iter().skip(output).step_by(4);
            of_output.copied().reduce(pick).unwrap()
        };
        for (method, bounds) in
            METHODS
                .iter()
                .zip(merged_bounds_of(&net, &[words.input()], 2, &what))
        {
            let (lower, upper) = (to_vec(bounds.lower), to_vec(bounds.upper));
            for output in 0..4 {
                let ends = [
                    (lower[output], extremum(output, f64::min)),
                    (upper[output], extremum(output, f64::max)),
                ];
                for (bound, value) in ends {
                    assert!(
                        (bound - value).abs() <= ROUNDING * (1.0 + value.abs()),
                        "{what}, {method}: output {output} has the bound {bound} for {value}"
                    );
                }
            }
        }
    }
}

/// A linear function of two sentences.
#[derive(Module, Bounded, Debug)]
struct Pair {
    first: Linear,
    second: Linear,
}

impl Pair {
    fn forward(&self, premise: Tensor<3>, hypothesis: Tensor<3>) -> Tensor<2> {
        let premise = self.first.forward(premise.flatten(1, 2));
        premise - self.second.forward(hypothesis.flatten(1, 2))
    }
}

#[test]
fn each_sentence_of_a_pair_has_a_limit_of_its_own() {
    for seed in 0..6 {
        let premise = Words::new([1, 3, 2, 2], 1, DType::F64, seed);
        let hypothesis = Words::new([1, 2, 2, 3], 2, DType::F64, seed + 50);
        let net = Pair {
            first: linear(6, 1, seed),
            second: linear(6, 1, seed + 100),
        };
        let (first, second) = (premise.all(), hypothesis.all());
        let [firsts, _, _] = first.dims();
        let [seconds, _, _] = second.dims();
        let first = first.repeat_dim(0, seconds);
        let second = second.unsqueeze_dim::<4>(1).expand([seconds, firsts, 2, 3]);
        let values = to_vec(net.forward(first, second.reshape([seconds * firsts, 2, 3])));
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let inputs: [Input; 2] = [premise.input(), hypothesis.input()];
        for (method, bounds) in METHODS
            .iter()
            .zip(merged_bounds_of(&net, &inputs, 1, "a pair"))
        {
            let lower = to_vec(bounds.lower)[0];
            assert!(
                (lower - least).abs() <= ROUNDING * (1.0 + least.abs()),
                "{method}, seed {seed}: the bound {lower} for {least}"
            );
        }
    }
}
