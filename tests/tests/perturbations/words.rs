//! Random sentences and their synonyms.

use burn::tensor::{DType, Tensor, TensorData};
use burn_crown::{Input, Perturbation};
use burn_crown_tests::test_device;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Sentences with a list of synonyms for each word.
pub(crate) struct Words {
    pub(crate) sentences: usize,
    pub(crate) length: usize,
    pub(crate) synonyms: usize,
    pub(crate) width: usize,
    pub(crate) changes: usize,
    pub(crate) dtype: DType,
    /// `[B, T, E]`.
    original: Vec<f64>,
    /// `[B, T, K, E]`.
    candidates: Vec<f64>,
}

impl Words {
    /// `[B, T, K, E]` as `dims`. Some lists are filled up with the original, and some synonyms are
    /// given twice.
    pub(crate) fn new(dims: [usize; 4], changes: usize, dtype: DType, seed: u64) -> Self {
        Self::random(dims, changes, dtype, seed, true)
    }

    /// Synonyms that all differ, from each other and from the word.
    pub(crate) fn distinct(dims: [usize; 4], changes: usize, seed: u64) -> Self {
        Self::random(dims, changes, DType::F64, seed, false)
    }

    fn random(dims: [usize; 4], changes: usize, dtype: DType, seed: u64, repeats: bool) -> Self {
        let [sentences, length, synonyms, width] = dims;
        let mut random = StdRng::seed_from_u64(seed);
        let size = sentences * length * width;
        let original: Vec<f64> = (0..size).map(|_| random.random_range(-1.0..1.0)).collect();
        let mut candidates = Vec::with_capacity(size * synonyms);
        for word in original.chunks(width) {
            let start = candidates.len();
            for synonym in 0..synonyms {
                match random.random_range(0..5) {
                    0 if repeats => candidates.extend_from_slice(word),
                    1 if repeats && synonym > 0 => {
                        candidates.extend_from_within(start..start + width)
                    }
                    _ => {
                        let near = |value| value + random.random_range(-0.8..0.8);
                        candidates.extend(word.iter().map(near));
                    }
                }
            }
        }
        Self {
            sentences,
            length,
            synonyms,
            width,
            changes,
            dtype,
            original,
            candidates,
        }
    }

    /// The same words with another limit.
    pub(crate) fn with_changes(self, changes: usize) -> Self {
        Self { changes, ..self }
    }

    fn tensor<const D: usize>(&self, values: Vec<f64>, dims: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, dims), (&test_device(), self.dtype))
    }

    pub(crate) fn original(&self) -> Tensor<3> {
        let dims = [self.sentences, self.length, self.width];
        self.tensor(self.original.clone(), dims)
    }

    pub(crate) fn candidates(&self) -> Tensor<4> {
        let dims = [self.sentences, self.length, self.synonyms, self.width];
        self.tensor(self.candidates.clone(), dims)
    }

    pub(crate) fn perturbation(&self) -> Perturbation {
        Perturbation::substitution(self.candidates(), self.changes)
    }

    pub(crate) fn input(&self) -> Input {
        Input::perturbed(self.original(), self.perturbation())
    }

    /// The smallest box that holds the original and the candidates.
    pub(crate) fn hull(&self) -> Perturbation {
        let all = Tensor::cat(vec![self.original().unsqueeze_dim(2), self.candidates()], 2);
        let dims = [self.sentences, self.length, self.width];
        let (lower, upper) = (all.clone().min_dim(2), all.max_dim(2));
        Perturbation::between(lower.reshape(dims), upper.reshape(dims))
    }

    /// A sentence with the words that are `chosen`: 0 for the original, `k` for a candidate.
    fn extend(&self, values: &mut Vec<f64>, sentence: usize, chosen: &[usize]) {
        for (position, &word) in chosen.iter().enumerate() {
            let at = sentence * self.length + position;
            let row = |values: &[f64], row: usize| {
                values[row * self.width..(row + 1) * self.width].to_vec()
            };
            values.extend(match word {
                0 => row(&self.original, at),
                word => row(&self.candidates, at * self.synonyms + word - 1),
            });
        }
    }

    /// Random allowed sentences `[count · B, T, E]`, the originals first. Every second one uses all
    /// its changes.
    pub(crate) fn points(&self, count: usize, seed: u64) -> Tensor<3> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut values = Vec::new();
        for point in 0..count {
            for sentence in 0..self.sentences {
                let mut chosen = vec![0; self.length];
                let most = self.changes.min(self.length);
                let changes = match point {
                    0 => 0,
                    point if point % 2 == 1 => most,
                    _ => random.random_range(0..=most),
                };
                let mut left: Vec<usize> = (0..self.length).collect();
                for _ in 0..changes {
                    let position = left.swap_remove(random.random_range(0..left.len()));
                    chosen[position] = random.random_range(1..=self.synonyms);
                }
                self.extend(&mut values, sentence, &chosen);
            }
        }
        self.tensor(values, [count * self.sentences, self.length, self.width])
    }

    /// Every allowed sentence: `[count · B, T, E]`.
    pub(crate) fn all(&self) -> Tensor<3> {
        let choices = self.synonyms + 1;
        let total = choices.pow(self.length as u32);
        let allowed: Vec<Vec<usize>> = (0..total)
            .map(|number| {
                let digit = |position| number / choices.pow(position as u32) % choices;
                (0..self.length).map(digit).collect()
            })
            .filter(|chosen: &Vec<usize>| {
                chosen.iter().filter(|&&word| word > 0).count() <= self.changes
            })
            .collect();
        let mut values = Vec::new();
        for chosen in &allowed {
            for sentence in 0..self.sentences {
                self.extend(&mut values, sentence, chosen);
            }
        }
        self.tensor(
            values,
            [allowed.len() * self.sentences, self.length, self.width],
        )
    }
}
