//! Stock layers with random weights.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::DType;
use burn_crown_tests::parameters::map_parameters;
use burn_crown_tests::test_device;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The module with random parameters in `dtype`, the same for a seed: weights `[inputs, outputs]`
/// of about `scale` over the root of their inputs, vectors near what they are in a layer that was
/// just made.
pub(crate) fn shaken<M: Module>(module: M, dtype: DType, scale: f64, seed: u64) -> M {
    let mut random = StdRng::seed_from_u64(seed);
    map_parameters(module, dtype, |name, shape, values| {
        let (center, spread) = match shape {
            [_] if name.ends_with("gamma") => (1.0, 0.2),
            [_] => (0.0, 0.2),
            _ => (0.0, 1.7 * scale / (shape[0] as f64).sqrt()),
        };
        for value in values {
            *value = center + spread * random.random_range(-1.0..1.0);
        }
    })
}

/// A linear layer in `f64`.
pub(crate) fn linear(inputs: usize, outputs: usize, seed: u64) -> Linear {
    let layer = LinearConfig::new(inputs, outputs).init(&test_device());
    shaken(layer, DType::F64, 1.5, seed)
}
