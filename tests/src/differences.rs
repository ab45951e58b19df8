//! Gradients of bounds with respect to parameters, against central differences.

use burn::tensor::{DType, Tensor};
use burn_crown::{BoundConfig, Bounded, GraphCache, Method, Perturbation, Specification};

use crate::parameters::{map_parameters, read_parameters, to_vec};
use crate::sound::METHODS;

const STEP: f64 = 1e-6;

/// Checks the gradients of the bounds of all outputs on an L∞ ball, by every method, for a module
/// with parameters in `f64`. All its parameters must have one.
///
/// # Panics
///
/// If a gradient is another one than the difference.
pub fn assert_gradients<const D: usize, M: Bounded>(module: &M, x: &Tensor<D>, radius: f64) {
    let mut names = Vec::new();
    map_parameters(module.valid(), DType::F64, |name, _, _| {
        names.push(name.to_string());
    });
    for method in METHODS {
        let trained = module.clone().train();
        let gradients = objective(&trained, x, radius, method).backward();
        let gradients = read_parameters(&trained, &gradients);
        let found = gradients.iter().map(|(name, _)| name);
        assert!(found.eq(&names), "{method}: parameters with a gradient");
        for (name, gradient) in gradients {
            for (element, gradient) in gradient.into_iter().enumerate() {
                let at = |step: f64| {
                    let moved = map_parameters(module.valid(), DType::F64, |path, _, values| {
                        if path == name {
                            values[element] += step;
                        }
                    });
                    to_vec(objective(&moved, x, radius, method))[0]
                };
                let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                assert!(
                    (gradient - difference).abs() < 1e-5 * (1.0 + difference.abs()),
                    "{method}, {name}[{element}]: {gradient} and {difference}"
                );
            }
        }
    }
}

/// The sum of lower bounds, less a half of the upper ones, so that neither can hide the other.
fn objective<const D: usize>(
    module: &impl Bounded,
    x: &Tensor<D>,
    radius: f64,
    method: Method,
) -> Tensor<1> {
    let analysis = GraphCache::new()
        .analyse(module, x.clone(), &Perturbation::linf(radius))
        .expect("the module can be analysed");
    let bounds = analysis
        .bounds(&Specification::Outputs, &BoundConfig::new(method))
        .expect("it can be bounded");
    bounds.lower.sum() - bounds.upper.sum().mul_scalar(0.5)
}
