//! Intervals of word substitutions.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{DType, Tensor, TensorData, activation};
use burn_crown::{AnyTensor, Bounded, Bounds, Input};
use burn_crown_tests::parameters::to_vec;

use crate::holds::{METHODS, ROUNDING, assert_holds, bounds_of};
use crate::layers::linear;
use crate::words::Words;

/// A function of each word alone, shifted and scaled per position and per feature.
#[derive(Module, Bounded, Debug)]
struct ByWord {
    layer: Linear,
    /// Whether the words are taken out one by one, as recurrent layers do.
    steps: bool,
}

impl ByWord {
    fn forward(&self, words: Tensor<3>) -> Tensor<2> {
        let [batch, length, width] = words.dims();
        let places = TensorData::new(vec![0.5, -1.0, 0.25], [3]);
        let places = Tensor::<1>::from_data(places, (&words.device(), words.dtype()));
        let words = words * places.clone().reshape([1, length, 1]) + places.reshape([1, 1, width]);
        let hidden = if self.steps {
            let step = |at| words.clone().narrow(1, at, 1).reshape([batch, width]);
            let steps = (0..length).map(|at| self.layer.forward(step(at)));
            Tensor::stack::<3>(steps.collect(), 1)
        } else {
            self.layer.forward(words)
        };
        activation::relu(hidden).flatten(1, 2)
    }
}

/// The first affine layers take the candidates through one by one.
#[test]
fn the_interval_of_a_function_of_each_word_is_exact() {
    for seed in 0..12 {
        let words = Words::new([2, 3, 2, 3], 1 + seed as usize % 3, DType::F64, seed);
        let net = ByWord {
            layer: linear(3, 4, seed),
            steps: seed % 2 == 1,
        };
        let bounds = bounds_of(&net, &[words.input()], "each word").remove(0);
        let all = to_vec(net.forward(words.all()));
        let size = 2 * 3 * 4;
        let ends = to_vec(bounds.lower).into_iter().zip(to_vec(bounds.upper));
        for (at, (lower, upper)) in ends.enumerate() {
            let values = || all.iter().copied().skip(at).step_by(size);
            let least = values().fold(f64::INFINITY, f64::min);
            let most = values().fold(f64::NEG_INFINITY, f64::max);
            assert!(
                (lower - least).abs() <= ROUNDING && (upper - most).abs() <= ROUNDING,
                "output {at} is in [{least}, {most}], its bounds are {lower} and {upper}"
            );
        }
    }
}

/// Words that are mixed with each other before anything else, in several ways.
#[derive(Module, Bounded, Debug)]
struct Mixed {
    layer: Linear,
    kind: usize,
}

impl Mixed {
    fn forward(&self, words: Tensor<3>) -> Tensor<2> {
        let [batch, length, width] = words.dims();
        let joined = match self.kind {
            0 => words.swap_dims(1, 2).reshape([batch, length, width]),
            1 => words
                .reshape([batch, 1, length * width])
                .reshape([batch, length, width]),
            2 => words.clone().flip([1]) + words,
            3 => words.clone().cumsum(1) - words.clone().mean_dim(1),
            4 => {
                let pad = Tensor::cat(vec![words.clone().narrow(1, 1, 2), words], 1);
                pad.narrow(1, 1, length)
            }
            _ => words.permute([0, 2, 1]),
        };
        activation::relu(self.layer.forward(joined)).flatten(1, 2)
    }
}

/// Where words are mixed, their elements no longer change together.
#[test]
fn rearranged_words_are_bounded_soundly() {
    for kind in 0..6 {
        for changes in 1..=3 {
            let words = Words::new([2, 3, 2, 3], changes, DType::F64, kind as u64 + 70);
            let net = Mixed {
                layer: linear(3, 4, kind as u64),
                kind,
            };
            let what = format!("kind {kind}, {changes} changes");
            let points = vec![AnyTensor::new(words.all())];
            assert_holds(&net, &[words.input()], points, ROUNDING, &what);
        }
    }
}

/// A rectifier of each word, and an output of all.
#[derive(Module, Bounded, Debug)]
struct Scored {
    words: ByWord,
    output: Linear,
}

impl Scored {
    fn forward(&self, words: Tensor<3>) -> Tensor<2> {
        self.output.forward(self.words.forward(words))
    }
}

fn assert_inside(inner: &Bounds, outer: &Bounds, what: &str) {
    let gains = [
        inner.lower.clone() - outer.lower.clone(),
        outer.upper.clone() - inner.upper.clone(),
    ];
    for gain in gains.map(to_vec).concat() {
        assert!(gain >= -ROUNDING, "{what}: looser by {}", -gain);
    }
}

/// Relaxations stand on intervals, which are the same for every limit above 0.
#[test]
fn bounds_tighten_with_the_limit() {
    for seed in 0..4 {
        let net = Scored {
            words: ByWord {
                layer: linear(3, 4, seed),
                steps: false,
            },
            output: linear(12, 2, seed + 10),
        };
        let mut words = Words::new([2, 3, 2, 3], 3, DType::F64, seed);
        let hull = Input::perturbed(words.original(), words.hull());
        let by_intervals_and_crown_ibp = |input: Input, what: &str| {
            let bounds = bounds_of(&net, &[input], what);
            let [interval, crown_ibp, ..]: [Bounds; METHODS.len()] = bounds.try_into().unwrap();
            (interval, crown_ibp)
        };
        let (of_hull, _) = by_intervals_and_crown_ibp(hull, "the hull");
        let (interval, mut outer) = by_intervals_and_crown_ibp(words.input(), "all");
        assert_inside(&interval, &of_hull, "the hull");
        for changes in (0..3).rev() {
            words = words.with_changes(changes);
            let (_, inner) = by_intervals_and_crown_ibp(words.input(), "fewer");
            assert_inside(&inner, &outer, &format!("{changes} changes"));
            let widths = to_vec(inner.upper.clone() - inner.lower.clone());
            let wider = to_vec(outer.upper - outer.lower);
            assert!(widths.iter().sum::<f64>() < 0.999 * wider.iter().sum::<f64>());
            outer = inner;
        }
    }
}
