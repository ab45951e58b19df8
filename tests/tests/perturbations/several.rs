//! Several inputs at once, perturbed in norms of their own or fixed.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, PaddingConfig2d};
use burn::tensor::{DType, Distribution, Tensor, activation};
use burn_crown::{AnyTensor, Bounded, Input, Norm, Perturbation};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::regions::RandomRegion;
use burn_crown_tests::test_device;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::holds::{METHODS, ROUNDING, assert_holds, bounds_of};
use crate::layers::{linear, shaken};

const NORMS: [Norm; 5] = [Norm::Linf, Norm::L2, Norm::L1, Norm::Lp(1.5), Norm::Lp(3.0)];

/// Points of each input.
const POINTS: usize = 60;

/// The inputs of one case, and points of them.
struct Case {
    random: StdRng,
    inputs: Vec<Input>,
    points: Vec<AnyTensor>,
}

impl Case {
    fn new(seed: u64) -> Self {
        test_device().seed(seed);
        Self {
            random: StdRng::seed_from_u64(seed),
            inputs: Vec::new(),
            points: Vec::new(),
        }
    }

    fn value<const D: usize>(dims: [usize; D]) -> Tensor<D> {
        let spread = Distribution::Uniform(-1.0, 1.0);
        Tensor::random(dims, spread, (&test_device(), DType::F64))
    }

    /// Adds an input in a ball of a random norm and radius.
    fn perturb<const D: usize>(&mut self, dims: [usize; D]) -> &mut Self {
        let norm = NORMS[self.random.random_range(0..NORMS.len())];
        let radius = self.random.random_range(0.05..0.8);
        let region = RandomRegion::ball(Self::value(dims), norm, radius);
        let points = region.points(POINTS, self.random.random_range(0..1000));
        self.points.push(AnyTensor::new(points));
        let RandomRegion {
            input,
            perturbation,
            ..
        } = region;
        self.inputs.push(Input::perturbed(input, perturbation));
        self
    }

    /// Adds a fixed input; one row for all images if it has no row for each.
    fn fix<const D: usize>(&mut self, dims: [usize; D], for_all: bool) -> &mut Self {
        let value = Self::value(dims);
        let times = if for_all { 1 } else { POINTS };
        let points = value.clone().repeat_dim(0, times);
        self.points.push(AnyTensor::new(points));
        self.inputs.push(Input::fixed(value));
        self
    }

    fn check<M: Bounded>(&mut self, module: &M, what: &str) {
        let points = std::mem::take(&mut self.points);
        assert_holds(module, &self.inputs, points, ROUNDING, what);
    }
}

/// A vector and a sequence, brought together in several ways.
#[derive(Module, Bounded, Debug)]
struct Two {
    of_vector: Linear,
    of_sequence: Linear,
    output: Linear,
    kind: usize,
}

impl Two {
    fn forward(&self, vector: Tensor<2>, sequence: Tensor<3>) -> Tensor<2> {
        let [batch, length, _] = sequence.dims();
        let row = self.of_vector.forward(vector.clone()).unsqueeze_dim::<3>(1);
        let rows = self.of_sequence.forward(sequence.clone());
        let joined = match self.kind {
            // A node that reads both.
            0 => activation::relu(row + rows),
            // A gate.
            1 => activation::sigmoid(row) * rows.tanh(),
            // The inputs themselves multiplied, then a rectifier.
            2 => activation::relu(vector.unsqueeze_dim::<3>(1) * sequence + row * 0.5),
            // Attention of the vector to the sequence.
            3 => {
                let scores = row.matmul(rows.clone().swap_dims(1, 2));
                activation::softmax(scores, 2)
                    .matmul(rows)
                    .expand([batch, length, 3])
            }
            // Side by side, and the larger of two.
            4 => {
                let row = row.expand([batch, length, 3]);
                let both = Tensor::cat(vec![row.clone(), rows.clone()], 2);
                activation::relu(both).narrow(2, 1, 3) + row.max_pair(rows)
            }
            // A quotient by a positive function of the other.
            _ => rows / (activation::sigmoid(row) + 0.5),
        };
        self.output.forward(joined.flatten(1, 2))
    }
}

#[test]
fn two_inputs_of_different_ranks_are_sound() {
    for seed in 0..60 {
        let mut case = Case::new(seed);
        let (batch, length) = (1 + seed as usize % 2, 1 + seed as usize / 2 % 3);
        let kind = seed as usize % 6;
        let net = Two {
            of_vector: linear(3, 3, seed),
            of_sequence: linear(3, 3, seed + 100),
            output: linear(3 * length, 2, seed + 200),
            kind,
        };
        case.perturb([batch, 3]).perturb([batch, length, 3]);
        case.check(&net, &format!("kind {kind}, seed {seed}"));
        // Each of them fixed.
        let mut case = Case::new(seed + 1000);
        case.perturb([batch, 3]).fix([batch, length, 3], false);
        case.check(&net, &format!("kind {kind}, seed {seed}, a fixed sequence"));
        let mut case = Case::new(seed + 2000);
        case.fix([1, 3], true).perturb([batch, length, 3]);
        case.check(&net, &format!("kind {kind}, seed {seed}, a vector for all"));
    }
}

/// An image with a mask, a sequence and a vector.
#[derive(Module, Bounded, Debug)]
struct Four {
    conv: Conv2d,
    of_image: Linear,
    of_sequence: Linear,
    output: Linear,
}

impl Four {
    fn forward(
        &self,
        image: Tensor<4>,
        mask: Tensor<4>,
        sequence: Tensor<3>,
        vector: Tensor<2>,
    ) -> Tensor<2> {
        let image = activation::relu(self.conv.forward(image * mask));
        let image = self.of_image.forward(image.flatten(1, 3));
        let sequence = self
            .of_sequence
            .forward(sequence.mean_dim(1).squeeze_dim(1));
        let gated = image.clone() * activation::sigmoid(sequence.clone());
        let all = activation::relu(image + sequence - vector.clone());
        self.output
            .forward(Tensor::cat(vec![gated, all, vector], 1))
    }
}

#[test]
fn three_perturbed_inputs_and_a_mask_are_sound() {
    let padding = PaddingConfig2d::Explicit(1, 1, 1, 1);
    for seed in 0..16 {
        let conv = Conv2dConfig::new([2, 2], [3, 3]).with_padding(padding.clone());
        let net = Four {
            conv: shaken(conv.init(&test_device()), DType::F64, 1.5, seed),
            of_image: linear(18, 3, seed),
            of_sequence: linear(4, 3, seed + 100),
            output: linear(9, 2, seed + 200),
        };
        let mut case = Case::new(seed);
        let rows = if seed % 2 == 0 { 2 } else { 1 };
        case.perturb([2, 2, 3, 3]).fix([rows, 2, 3, 3], rows == 1);
        case.perturb([2, 3, 4]).perturb([2, 3]);
        case.check(&net, &format!("seed {seed}"));
    }
}

/// A linear function of three inputs.
#[derive(Module, Bounded, Debug)]
struct Sum {
    first: Linear,
    second: Linear,
    third: Linear,
}

impl Sum {
    fn forward(&self, first: Tensor<2>, second: Tensor<3>, third: Tensor<4>) -> Tensor<2> {
        self.first.forward(first) - self.second.forward(second.flatten(1, 2))
            + self.third.forward(third.flatten(1, 3)) * 2.0
    }
}

/// `‖weights‖_q`, for the exponent `p` of the perturbation.
fn dual_norm(weights: &[f64], norm: Norm) -> f64 {
    let power = |q: f64| {
        let sum: f64 = weights.iter().map(|weight| weight.abs().powf(q)).sum();
        sum.powf(1.0 / q)
    };
    match norm {
        Norm::Linf => power(1.0),
        Norm::L2 => power(2.0),
        Norm::L1 => weights
            .iter()
            .fold(0.0, |most, weight| most.max(weight.abs())),
        Norm::Lp(p) => power(p / (p - 1.0)),
    }
}

#[test]
fn bounds_of_a_linear_function_add_the_dual_norms_of_its_inputs() {
    for seed in 0..10 {
        let norm = |index: usize| NORMS[(seed as usize + index * 2) % NORMS.len()];
        let radii = [0.3, 0.7, 0.2];
        let net = Sum {
            first: linear(3, 1, seed),
            second: linear(4, 1, seed + 100),
            third: linear(8, 1, seed + 200),
        };
        test_device().seed(seed);
        let (first, second) = (Case::value([1, 3]), Case::value([1, 2, 2]));
        let third = Case::value([1, 2, 2, 2]);
        let region = |index: usize| Perturbation::ball(norm(index), radii[index]);
        let inputs = [
            Input::perturbed(first.clone(), region(0)),
            Input::perturbed(second.clone(), region(1)),
            Input::perturbed(third.clone(), region(2)),
        ];
        let value = to_vec(net.forward(first, second, third))[0];
        let weights = [&net.first, &net.second, &net.third].map(|layer| to_vec(layer.weight.val()));
        let radius: f64 = (0..3)
            .map(|index| {
                let factor = if index == 2 { 2.0 } else { 1.0 };
                factor * radii[index] * dual_norm(&weights[index], norm(index))
            })
            .sum();
        for (method, bounds) in METHODS.iter().zip(bounds_of(&net, &inputs, "a sum")) {
            let ends = [to_vec(bounds.lower)[0], to_vec(bounds.upper)[0]];
            for (bound, expected) in ends.iter().zip([value - radius, value + radius]) {
                assert!(
                    (bound - expected).abs() <= 1e-9 * (1.0 + expected.abs()),
                    "{method}, seed {seed}: the bound {bound} for {expected}"
                );
            }
        }
    }
}
