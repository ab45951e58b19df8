//! Stock embeddings: of words, in front of the pass that is bounded, and of positions, within it.

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, Lstm, LstmConfig};
use burn::tensor::{DType, Int, Tensor, TensorData, activation};
use burn_crown::{AnyTensor, Bounded, Input, Perturbation};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::test_device;

use crate::holds::{METHODS, ROUNDING, ROUNDING_F32, assert_holds, bounds_of};
use crate::layers::{linear, shaken};
use crate::words::Words;

/// A classifier of token ids, with a pass that starts at their embeddings.
#[derive(Module, Bounded, Debug)]
#[bounded(forward = "forward_embedded")]
struct Sentiment {
    embedding: Embedding,
    lstm: Lstm,
    output: Linear,
}

impl Sentiment {
    fn forward(&self, words: Tensor<2, Int>) -> Tensor<2> {
        self.forward_embedded(self.embedding.forward(words))
    }

    fn forward_embedded(&self, words: Tensor<3>) -> Tensor<2> {
        let (states, _) = self.lstm.forward(words, None);
        self.output.forward(states.mean_dim(1).squeeze_dim(1))
    }
}

/// Tokens `[1, 3]`.
fn tokens(words: [i64; 3]) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(words.to_vec(), [1, 3]), &test_device())
}

#[test]
fn every_allowed_text_is_within_the_bounds() {
    let device = test_device();
    let words = [7, 12, 3];
    // The second word has one synonym, so its list is filled up.
    let synonyms = [[1, 4], [12, 9], [15, 2]];
    for seed in 0..4 {
        let net = Sentiment {
            embedding: shaken(
                EmbeddingConfig::new(20, 3).init(&device),
                DType::F32,
                0.5,
                seed,
            ),
            lstm: shaken(
                LstmConfig::new(3, 4, true).init(&device),
                DType::F32,
                2.0,
                seed,
            ),
            output: shaken(linear(4, 2, seed), DType::F32, 1.0, seed),
        };
        let embed = |words| net.embedding.forward(words);
        let lists = TensorData::new(synonyms.concat(), [1, 6]);
        let candidates = embed(Tensor::from_data(lists, &device)).reshape([1, 3, 2, 3]);
        for changes in 1..=3 {
            let perturbation = Perturbation::substitution(candidates.clone(), changes);
            let input = [Input::perturbed(embed(tokens(words)), perturbation)];
            let bounds = bounds_of(&net, &input, "tokens");
            for choice in 0..27_usize {
                let mut text = words;
                let mut changed = 0;
                for position in 0..3 {
                    let chosen = choice / 3_usize.pow(position as u32) % 3;
                    if chosen > 0 {
                        text[position] = synonyms[position][chosen - 1];
                        changed += usize::from(text[position] != words[position]);
                    }
                }
                if changed > changes {
                    continue;
                }
                let values = to_vec(net.forward(tokens(text)));
                for (method, bounds) in METHODS.iter().zip(&bounds) {
                    let (lower, upper) =
                        (to_vec(bounds.lower.clone()), to_vec(bounds.upper.clone()));
                    for (at, value) in values.iter().enumerate() {
                        assert!(
                            lower[at] - ROUNDING_F32 <= *value
                                && *value <= upper[at] + ROUNDING_F32,
                            "{method}, {text:?}: {value} is not in [{}, {}]",
                            lower[at],
                            upper[at]
                        );
                    }
                }
            }
        }
    }
}

/// Words with learned embeddings of their positions added, and one of them as a feature.
#[derive(Module, Bounded, Debug)]
struct Placed {
    places: Embedding,
    word: Linear,
    output: Linear,
    /// Whether each sentence looks its positions up, or one serves all.
    each: bool,
}

impl Placed {
    fn forward(&self, words: Tensor<3>) -> Tensor<2> {
        let [batch, length, _] = words.dims();
        let places = Tensor::<1, Int>::arange(0..length as i64, &words.device()).unsqueeze::<2>();
        let places = if self.each {
            places.expand([batch, length])
        } else {
            places
        };
        let hidden = activation::relu(self.word.forward(words + self.places.forward(places)));
        self.output.forward(hidden.flatten(1, 2))
    }
}

#[test]
fn learned_embeddings_of_positions_are_bounded() {
    for seed in 0..12 {
        let changes = 1 + seed as usize % 3;
        let words = Words::new([2, 3, 2, 3], changes, DType::F64, seed);
        let places = EmbeddingConfig::new(5, 3).init(&test_device());
        let net = Placed {
            places: shaken(places, DType::F64, 1.0, seed),
            word: linear(3, 4, seed),
            output: linear(12, 2, seed + 10),
            each: seed % 2 == 0,
        };
        let points = vec![AnyTensor::new(words.all())];
        let what = format!("seed {seed}");
        assert_holds(&net, &[words.input()], points, ROUNDING, &what);
        let region = Perturbation::l2(0.3);
        let inputs = [Input::perturbed(words.original(), region)];
        let points = vec![AnyTensor::new(words.original().repeat_dim(0, 2))];
        assert_holds(&net, &inputs, points, ROUNDING, &what);
    }
}
