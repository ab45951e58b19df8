//! Which layers get the batch's statistics.

use burn::module::{Module, ParamGroup};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{DType, Tensor};
use burn_crown::{
    AnyTensor, BoundConfig, Bounded, GraphCache, Input, Method, Perturbation, Specification,
    Statistics,
};
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::test_device;

use crate::networks::check;
use crate::setup::{bounds, distance, forward_in_training, tensor};

/// The module with parameters and means that are all different, and variances of 1.3, in `f64`.
fn by_rule<M: Module>(module: M) -> M {
    let mut at = 0;
    map_parameters(module, DType::F64, |path, _, values| {
        for value in values {
            at += 1;
            let varies = f64::from(u8::from(!path.ends_with("running_var")));
            *value = 1.3 - varies * 1.5 * (f64::from(at) * 0.7).sin();
        }
    })
}

/// One layer of batch normalisation in two places, and another one.
#[derive(Module, Bounded, Debug)]
struct Shared {
    norms: Vec<BatchNorm>,
    layer: Linear,
}

impl Shared {
    fn new() -> Self {
        let device = test_device();
        let norm = || BatchNormConfig::new(3).init(&device);
        let net = Self {
            norms: vec![norm(), norm()],
            layer: LinearConfig::new(3, 3).init(&device),
        };
        by_rule(net).train()
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = relu(self.norms[0].forward(self.layer.forward(x)));
        let x = relu(self.norms[1].forward(x));
        self.norms[0].forward(self.layer.forward(x))
    }
}

/// A region without a radius.
fn point() -> Perturbation {
    Perturbation::linf(0.0)
}

/// The bounds of `net` without a radius.
fn value<M: Bounded, const D: usize>(
    net: &M,
    input: &Tensor<D>,
    statistics: Statistics,
) -> Vec<f64> {
    let [lower, upper] = bounds(net, input, &point(), Method::CrownIbp, statistics);
    assert!(distance(&lower, &upper) <= 1e-9);
    lower
}

fn in_training<M: Bounded, const D: usize>(net: &M, input: &Tensor<D>) -> Vec<f64> {
    forward_in_training(net, &[AnyTensor::new(input.clone().autodiff())])
}

#[test]
fn each_use_of_a_layer_has_its_own() {
    let (net, input) = (Shared::new(), tensor([4, 3]));
    let expected = in_training(&net, &input);
    assert!(distance(&value(&net, &input, Statistics::Batch), &expected) <= 1e-9);
}

#[test]
fn frozen_layers_keep_their_running_statistics() {
    let (net, input) = (Shared::new(), tensor([4, 3]));
    let running = to_vec(net.valid().forward(input.clone()));
    let cache = GraphCache::new().with_statistics(Statistics::Batch);
    let mut seen: Vec<Vec<f64>> = Vec::new();
    for (net, label) in [
        (net.clone(), "trained"),
        (
            net.clone()
                .freeze_group(ParamGroup::from_predicate("norms.0")),
            "first",
        ),
        (
            net.clone()
                .freeze_group(ParamGroup::from_predicate("norms.1")),
            "second",
        ),
        (net.clone().freeze(), "frozen"),
        (net.valid(), "valid"),
    ] {
        let expected = in_training(&net, &input);
        let expected = if label == "valid" {
            &running
        } else {
            &expected
        };
        // One cache for all: it must tell them apart.
        let bounds = cache.analyse(&net, input.clone(), &point()).unwrap();
        let config = BoundConfig::new(Method::CrownIbp);
        let found = to_vec(bounds.lower(&Specification::Outputs, &config).unwrap());
        let off = distance(&found, expected);
        assert!(off <= 1e-9, "{label}: off by {off:e}");
        let known = seen.iter().filter(|other| distance(other, &found) < 1e-3);
        assert_eq!(known.count(), usize::from(label == "valid"), "{label}");
        seen.push(found);
    }
}

#[test]
fn a_cache_keeps_both_forms_apart() {
    let (net, input) = (Shared::new(), tensor([4, 3]));
    let running = to_vec(net.valid().forward(input.clone()));
    let batch = in_training(&net, &input);
    assert!(distance(&running, &batch) > 1e-2);
    let cache = GraphCache::new();
    let config = BoundConfig::new(Method::Interval);
    for _ in 0..2 {
        for (statistics, expected) in [(Statistics::Batch, &batch), (Statistics::Running, &running)]
        {
            let cache = cache.clone().with_statistics(statistics);
            let analysis = cache.analyse(&net, input.clone(), &point()).unwrap();
            let found = analysis.lower(&Specification::Outputs, &config).unwrap();
            assert!(distance(&to_vec(found), expected) <= 1e-9, "{statistics:?}");
        }
    }
}

/// Batch normalisation of a second input, and of the sum of both.
#[derive(Module, Bounded, Debug)]
struct TwoInputs {
    second: BatchNorm,
    sum: BatchNorm,
}

impl TwoInputs {
    fn forward(&self, x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
        let y = relu(self.second.forward(y));
        self.sum.forward(x + y)
    }
}

#[test]
fn fixed_inputs_are_normalised_by_the_batch_too() {
    let device = test_device();
    let net = TwoInputs {
        second: BatchNormConfig::new(3).init(&device),
        sum: BatchNormConfig::new(3).init(&device),
    };
    let net = map_parameters(net, DType::F64, |_, _, _| {}).train();
    let (x, y) = (tensor([4, 3]), tensor([4, 3]).cos());
    let inputs = [&x, &y].map(|input| AnyTensor::new(input.clone().autodiff()));
    let expected = forward_in_training(&net, &inputs);
    let inputs = vec![Input::perturbed(x, point()), Input::fixed(y)];
    let cache = GraphCache::new().with_statistics(Statistics::Batch);
    let analysis = cache.analyse_inputs(&net, inputs).unwrap();
    let config = BoundConfig::new(Method::Crown);
    let found = analysis.lower(&Specification::Outputs, &config).unwrap();
    assert!(distance(&to_vec(found), &expected) <= 1e-9);
}

/// Batch normalisation of each row of an image, and behind a layer that Burn applies to all rows.
#[derive(Module, Bounded, Debug)]
struct OfRows {
    first: BatchNorm,
    layer: Linear,
    second: BatchNorm,
    output: Linear,
}

impl OfRows {
    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let [batch, rows, features] = x.dims();
        let x = x.reshape([batch * rows, features]);
        let x = relu(self.layer.forward(self.first.forward::<2>(x)));
        let x = relu(self.second.forward::<2>(x));
        self.output.forward(x.reshape([batch, rows * 4]))
    }
}

#[test]
fn a_batch_merged_with_the_rows_of_its_images() {
    let device = test_device();
    let net = OfRows {
        first: BatchNormConfig::new(3).init(&device),
        layer: LinearConfig::new(3, 4).init(&device),
        second: BatchNormConfig::new(4).init(&device),
        output: LinearConfig::new(8, 3).init(&device),
    };
    check(&by_rule(net).train(), &tensor([5, 2, 3]), "rows");
}
