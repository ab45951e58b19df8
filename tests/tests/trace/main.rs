//! Recording forward passes: what is refused, and what a recording must not change.
#![allow(clippy::unwrap_used)]

use burn::nn;
use burn::tensor::{DType, Tensor};
use burn_crown::{
    BoundConfig, BoundError, Bounded, Bounds, GraphCache, Method, Perturbation, Specification,
    TraceError, Verifier,
};
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::test_device;

mod cache;
mod contents;
mod inputs;
mod refused;
mod untouched;

/// A module around one or two linear layers.
macro_rules! module {
    ($name:ident($($layer:ident),*), |$this:ident, $x:ident| $forward:expr) => {
        #[derive(Module, Bounded, Debug)]
        struct $name {
            $($layer: nn::Linear),*
        }

        impl $name {
            fn forward(&self, $x: Tensor<2>) -> Tensor<2> {
                let $this = self;
                $forward
            }
        }
    };
}
use module;

/// A layer with fixed weights whose outputs are positive for inputs as small as [`input`], so that
/// rectifiers behind it pass them on.
fn linear(inputs: usize, outputs: usize) -> nn::Linear {
    let layer = nn::LinearConfig::new(inputs, outputs).init(&test_device());
    map_parameters(layer, DType::F32, |path, _, values| {
        for (at, value) in values.iter_mut().enumerate() {
            *value = if path == "bias" {
                3.0
            } else {
                (at as f64 * 1.7 + 0.4).sin()
            };
        }
    })
}

fn input() -> Tensor<2> {
    Tensor::from_floats([[0.3, -0.2, 0.5], [-0.4, 0.1, 0.2]], &test_device())
}

fn bounds<M: Bounded>(module: &M) -> Result<Bounds, BoundError> {
    Verifier::new(module.clone()).bounds(input(), &Perturbation::linf(0.1), &Specification::Outputs)
}

/// The reason why a module cannot be recorded.
fn refusal<M: Bounded>(module: &M) -> TraceError {
    match bounds(module).map(|bounds| to_vec(bounds.lower)) {
        Err(BoundError::Trace(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Whether bounds hold the outputs at the input, and are wider than a point.
fn assert_holds<M: Bounded>(module: &M, outputs: Tensor<2>) {
    let bounds = bounds(module).unwrap();
    for ((lower, upper), value) in to_vec(bounds.lower)
        .iter()
        .zip(to_vec(bounds.upper))
        .zip(to_vec(outputs))
    {
        assert!(
            *lower < value && value < upper,
            "{value} is not in ({lower}, {upper})"
        );
    }
}

/// Lower bounds of the outputs, from the recordings of a cache.
fn lower<M: Bounded>(cache: &GraphCache, module: &M, x: Tensor<2>) -> Vec<f64> {
    let analysis = cache.analyse(module, x, &Perturbation::linf(0.1)).unwrap();
    let config = BoundConfig::new(Method::Crown);
    to_vec(analysis.lower(&Specification::Outputs, &config).unwrap())
}
