//! Random settings, weights and regions.

use burn::module::Module;
use burn::nn::HardSigmoidConfig;
use burn::nn::activation::ActivationConfig;
use burn::tensor::DType;
use burn_crown::{LowerSlope, Norm};
use burn_crown_tests::on_libtorch;
use burn_crown_tests::parameters::map_parameters;
use burn_crown_tests::regions::{RegionRecipe, Shape};
use rand::RngExt;
use rand::rngs::StdRng;

/// One of some values.
pub(crate) fn pick<T: Clone>(random: &mut StdRng, values: &[T]) -> T {
    values[random.random_range(0..values.len())].clone()
}

/// A value whose logarithm is uniform.
pub(crate) fn log_uniform(random: &mut StdRng, from: f64, to: f64) -> f64 {
    random.random_range(from.ln()..to.ln()).exp()
}

/// A size; small ones are more frequent, as the time of a case grows with the square of it.
pub(crate) fn small(random: &mut StdRng, largest: usize) -> usize {
    let first = random.random_range(1..=largest);
    first.min(random.random_range(1..=largest))
}

/// A setting that is off in half of the cases.
pub(crate) fn optional<T>(random: &mut StdRng, draw: impl FnOnce(&mut StdRng) -> T) -> Option<T> {
    random.random_bool(0.5).then(|| draw(random))
}

pub(crate) fn slope(random: &mut StdRng) -> LowerSlope {
    let slopes = [
        LowerSlope::Adaptive,
        LowerSlope::Same,
        LowerSlope::Zero,
        LowerSlope::One,
    ];
    pick(random, &slopes)
}

/// The activation of a recurrent layer's gates.
pub(crate) fn gate(random: &mut StdRng) -> ActivationConfig {
    let hard = ActivationConfig::HardSigmoid(HardSigmoidConfig::new());
    let drawn = pick(
        random,
        &[ActivationConfig::Sigmoid, ActivationConfig::Sigmoid, hard],
    );
    // Burn computes the hard sigmoid in `f32` on libtorch, whatever the data type.
    if on_libtorch() {
        ActivationConfig::Sigmoid
    } else {
        drawn
    }
}

/// The activation of a recurrent layer's state.
pub(crate) fn state(random: &mut StdRng) -> ActivationConfig {
    let activations = [
        ActivationConfig::Tanh,
        ActivationConfig::Tanh,
        ActivationConfig::Relu,
    ];
    pick(random, &activations)
}

/// A region of any shape, from a point to one that leaves nothing certain.
pub(crate) fn region(random: &mut StdRng) -> RegionRecipe {
    let exponent = random.random_range(1.1..6.0);
    let shapes = [
        Shape::Ball(Norm::Linf),
        Shape::Ball(Norm::L2),
        Shape::Ball(Norm::L1),
        Shape::Ball(Norm::Lp(exponent)),
        Shape::Between,
    ];
    RegionRecipe {
        shape: pick(random, &shapes),
        radius: match random.random_range(0..10) {
            0 => 0.0,
            1 => log_uniform(random, 1.0, 100.0),
            _ => log_uniform(random, 1e-3, 3.0),
        },
        ranged: random.random_bool(0.3),
        per_channel: random.random_bool(0.3),
        frozen: random.random_bool(0.2),
    }
}

/// How large the weights of a module are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights {
    /// The weights of a layer, relative to what keeps values about the same.
    scale: f64,
    /// Its biases.
    bias: f64,
    /// The share of weights that are zero.
    zeros: f64,
}

impl Weights {
    pub(crate) fn draw(random: &mut StdRng) -> Self {
        let scale = match random.random_range(0..5) {
            0 => log_uniform(random, 5.0, 50.0),
            _ => log_uniform(random, 0.1, 5.0),
        };
        Self {
            scale,
            bias: log_uniform(random, 0.05, 3.0),
            zeros: pick(random, &[0.0, 0.0, 0.3]),
        }
    }

    /// The module with such weights, in `f64`: scales of normalisations have both signs, running
    /// variances span four orders.
    pub(crate) fn fill<M: Module>(self, module: M, random: &mut StdRng) -> M {
        map_parameters(module, DType::F64, |path, shape, values| {
            let name = path.rsplit('.').next().unwrap_or(path);
            let fan_in: usize = match shape {
                [inputs, _] => *inputs,
                _ => shape[1..].iter().product(),
            };
            let gain = 1.7 * self.scale / (fan_in as f64).sqrt();
            for value in values {
                let uniform: f64 = random.random_range(-1.0..1.0);
                *value = match name {
                    "weight" if random.random_bool(self.zeros) => 0.0,
                    "weight" => gain * uniform,
                    "running_var" => 10.0_f64.powf(2.0 * uniform - 1.0),
                    "gamma" => 2.0 * uniform,
                    _ => self.bias * uniform,
                };
            }
        })
    }
}
