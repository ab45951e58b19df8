//! Random networks of every supported operator, from recipes that a property test can shrink.

mod activations;
mod elementwise;
mod layers;
mod recipe;

pub use activations::ACTIVATIONS;
pub use elementwise::{Combine, Operand};
pub use layers::{Layer, Sign};
pub use recipe::{Recipe, recipes, short_recipes};

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor};
use burn_crown::{AnyTensor, Bounded};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::parameters::map_parameters;
use elementwise::flat;

/// A network with an input of rank `D` and an output `[B, features]`.
#[derive(Module, Bounded, Debug)]
pub struct RandomNet<const D: usize> {
    layers: Vec<Layer>,
    /// Whether signs are dropped, see [`magnitude`](Self::magnitude).
    absolute: bool,
}

impl<const D: usize> RandomNet<D> {
    /// A network for inputs `[1, features...]` that follows the recipes as far as they fit the
    /// shapes that they meet, with random weights.
    pub fn new(
        recipes: &[Recipe],
        features: [usize; D],
        seed: u64,
        dtype: DType,
        device: &Device,
    ) -> Self {
        let mut layers: Vec<Layer> = Vec::new();
        let mut values = vec![AnyTensor::new(Tensor::<D>::zeros(features, device))];
        for recipe in recipes {
            let shapes: Vec<Vec<usize>> = values.iter().map(AnyTensor::shape).collect();
            if let Some(layer) = recipe.layer(&shapes, device) {
                values.push(layer.forward(&values, Sign::Kept));
                layers.push(layer);
            }
        }
        let net = Self {
            layers,
            absolute: false,
        };
        randomise(net, seed, dtype)
    }

    /// The output.
    pub fn forward(&self, input: Tensor<D>) -> Tensor<2> {
        let sign = if self.absolute {
            Sign::Dropped
        } else {
            Sign::Kept
        };
        let mut values = vec![AnyTensor::new(input)];
        for layer in &self.layers {
            values.push(layer.forward(&values, sign));
        }
        flat(values.swap_remove(values.len() - 1))
    }

    /// Whether no layer bends.
    pub fn is_affine(&self) -> bool {
        let bends = |layer: &Layer| {
            matches!(
                layer,
                Layer::Relu(_)
                    | Layer::Rectify(_)
                    | Layer::Activation(_)
                    | Layer::PRelu(_)
                    | Layer::Times(_)
            )
        };
        !self.layers.iter().any(bends)
    }

    /// The network whose every term is the absolute value of this one's: its output at `|x|` is the
    /// sum of the absolute values of all the terms that make up the output at `x`, so what rounding
    /// errors are relative to.
    pub fn magnitude(&self) -> Self {
        let mut twin = absolute_parameters(self.valid());
        twin.absolute = true;
        twin
    }
}

/// Random parameters: weights that keep the size of values about the same, no zero factors, and
/// statistics as training leaves them.
fn randomise<M: Module>(module: M, seed: u64, dtype: DType) -> M {
    let mut random = StdRng::seed_from_u64(seed);
    map_parameters(module, dtype, |path, shape, values| {
        let name = path.rsplit('.').next().unwrap_or(path);
        let fan_in = if path.contains("Linear") || path.contains("Matmul") {
            shape[0]
        } else {
            shape[1..].iter().product()
        };
        let gain = 1.7 / (fan_in as f64).sqrt();
        for value in values {
            let uniform = random.random_range(-1.0..1.0);
            let drawn: f64 = match name {
                "weight" => gain * uniform,
                "running_var" => 1.0 + 0.9 * uniform,
                "factor" => (0.4 + uniform.abs()) * uniform.signum(),
                "gamma" => 1.5 * uniform,
                _ => 0.5 * uniform,
            };
            // Values that both data types hold make the networks of both the same.
            *value = f64::from(drawn as f32);
        }
    })
}

/// The absolute values of all parameters, in `f64`; a mean is subtracted, so it gets a minus.
pub fn absolute_parameters<M: Module>(module: M) -> M {
    map_parameters(module, DType::F64, |path, _, values| {
        let sign = if path.ends_with("running_mean") {
            -1.0
        } else {
            1.0
        };
        values
            .iter_mut()
            .for_each(|value| *value = sign * value.abs());
    })
}
