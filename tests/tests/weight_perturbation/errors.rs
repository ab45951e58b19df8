//! What is refused, and what the messages say.

use burn::module::Module;
use burn::nn::conv::{ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::Tensor;
use burn_crown::{
    BoundError, Bounded, GraphCache, Input, Perturbation, Specification, TraceError, Verifier,
    WeightPerturbation,
};
use burn_crown_tests::test_device;

use crate::{double, random};

#[derive(Module, Bounded, Debug)]
struct Net {
    hidden: Linear,
    upsampling: ConvTranspose2d,
}

impl Net {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.upsampling.forward(self.hidden.forward(x))
    }
}

fn net() -> Net {
    let device = test_device();
    double(Net {
        hidden: LinearConfig::new(2, 2).init(&device),
        upsampling: ConvTranspose2dConfig::new([1, 1], [2, 2]).init(&device),
    })
}

fn error(weights: &WeightPerturbation) -> BoundError {
    let inputs = vec![Input::fixed(random([2, 1, 2, 2], 1))];
    GraphCache::new()
        .analyse_weights(&net(), inputs, weights)
        .unwrap_err()
}

#[test]
fn a_path_that_names_nothing_is_told_with_those_that_do() {
    for path in ["upsampling.weigth", "hidden.", "hidde", "hidden.weight.0"] {
        let weights = WeightPerturbation::new()
            .with("hidden", Perturbation::linf(0.1))
            .with(path, Perturbation::linf(0.1));
        let error = error(&weights);
        let BoundError::UnknownParameter { path: named, known } = &error else {
            panic!("{error}");
        };
        assert_eq!(named, path);
        let near = if path.starts_with('u') {
            "`upsampling.weight`"
        } else {
            "`hidden.weight`"
        };
        assert!(known.starts_with(near), "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
}

#[test]
fn a_kernel_without_relaxation_names_its_layer() {
    let weights = WeightPerturbation::new().with("upsampling.weight", Perturbation::linf(0.1));
    let error = error(&weights);
    let BoundError::Trace(TraceError::Unsupported {
        operator, module, ..
    }) = &error
    else {
        panic!("{error}");
    };
    assert_eq!(operator, "ConvTranspose2d");
    assert!(module.contains("`upsampling`"), "{error}");
}

#[test]
fn a_region_that_is_none_names_the_parameter() {
    let scaled = Perturbation::linf(0.1).with_channel_scale(vec![1.0, 2.0]);
    for perturbation in [Perturbation::l2(f64::NAN), scaled] {
        let error = error(&WeightPerturbation::new().with("hidden.bias", perturbation));
        let BoundError::WeightPerturbation { path, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(path, "hidden.bias");
    }
}

#[test]
fn something_must_be_perturbed() {
    let independent = BoundError::Trace(TraceError::IndependentOutput);
    assert_eq!(error(&WeightPerturbation::new()), independent);
    let x = Input::fixed(random([2, 1, 2, 2], 1));
    let result = Verifier::new(net()).bounds_of(vec![x], &Specification::Outputs);
    assert_eq!(result.unwrap_err(), independent);
}

#[test]
fn a_recording_is_for_the_parameters_that_are_perturbed() {
    let (cache, net) = (GraphCache::new(), net());
    let widths = |weights: &WeightPerturbation| {
        let x = Input::perturbed(random([2, 1, 2, 2], 1), Perturbation::linf(0.1));
        let analysis = cache.analyse_weights(&net, vec![x], weights).unwrap();
        let config = burn_crown::BoundConfig::new(burn_crown::Method::Crown);
        let bounds = analysis.bounds(&Specification::Outputs, &config).unwrap();
        burn_crown_tests::parameters::to_vec(bounds.upper - bounds.lower)
    };
    let perturbed = WeightPerturbation::new().with("hidden", Perturbation::linf(0.1));
    let alone = widths(&WeightPerturbation::new());
    let both = widths(&perturbed);
    for (alone, both) in alone.iter().zip(&both) {
        assert!(both > alone, "{alone} {both}");
    }
    // Libraries of kernels may add in another order where an array lies elsewhere.
    for (before, after) in alone.iter().zip(widths(&WeightPerturbation::new())) {
        assert!((before - after).abs() < 1e-12, "{before} {after}");
    }
}
