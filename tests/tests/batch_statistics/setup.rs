//! Networks, and what Burn itself does with them in training.

use burn::module::Module;
use burn::tensor::{DType, Tensor, TensorData};
use burn_crown::{AnyTensor, BoundConfig, Bounded, GraphCache, Method, Perturbation};
use burn_crown::{Specification, Statistics};
use burn_crown_tests::parameters::{Values, map_parameters, read_parameters, to_vec};
use burn_crown_tests::random_net::{RandomNet, Recipe};
use burn_crown_tests::test_device;

pub(crate) const RELU: Recipe = Recipe::Relu { function: true };

pub(crate) const FLAT: Recipe = Recipe::Reshape { picks: Vec::new() };

pub(crate) fn linear(outputs: usize) -> Recipe {
    Recipe::Linear {
        outputs,
        bias: true,
    }
}

/// A convolution that keeps the size.
pub(crate) fn conv(outputs: usize) -> Recipe {
    Recipe::Conv {
        outputs,
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        padding: [1, 1, 1, 1],
        grouped: false,
        bias: true,
    }
}

/// Plus the first earlier value of the same shape.
pub(crate) const SKIP: Recipe = Recipe::Skip {
    pick: 0,
    minus: false,
};

/// A network of these recipes for inputs of shape `dims`, in training.
pub(crate) fn network<const D: usize>(
    recipes: &[Recipe],
    dims: [usize; D],
    seed: u64,
) -> RandomNet<D> {
    let mut features = dims;
    features[0] = 1;
    RandomNet::new(recipes, features, seed, DType::F64, &test_device()).train()
}

/// Values without order, zeros and equals.
pub(crate) fn tensor<const D: usize>(dims: [usize; D]) -> Tensor<D> {
    let count = dims.iter().product::<usize>();
    let values: Vec<f64> = (0..count)
        .map(|at| (at as f64 * 2.3 + 0.7).sin() * 0.8)
        .collect();
    Tensor::from_data(TensorData::new(values, dims), (&test_device(), DType::F64))
}

/// The running statistics, by their paths.
pub(crate) fn running_statistics<M: Module>(net: &M) -> Vec<(String, Vec<f64>)> {
    // Brings pending updates up to date.
    let mut found = read_parameters(&net.valid(), &Values);
    found.retain(|(path, _)| path.contains("running"));
    found
}

/// What Burn computes in training, by a copy whose running statistics are its own.
pub(crate) fn forward_in_training<M: Bounded>(net: &M, inputs: &[AnyTensor]) -> Vec<f64> {
    flat(net.valid().train().forward_any(inputs.to_vec()))
}

/// The network in inference with the statistics that Burn finds in the batch.
pub(crate) fn fixed_at<M: Bounded>(net: &M, inputs: &[AnyTensor]) -> M {
    // With Burn's momentum of 0.1, the running statistics move from 0 to a tenth of the batch's.
    let scaled = |net: M, factor: f64| {
        map_parameters(net, DType::F64, |path, _, values| {
            if path.contains("running") {
                values.iter_mut().for_each(|value| *value *= factor);
            }
        })
    };
    let moved = scaled(net.valid(), 0.0).train();
    moved.forward_any(inputs.to_vec());
    scaled(moved.valid(), 10.0)
}

pub(crate) fn flat(tensor: AnyTensor) -> Vec<f64> {
    to_vec(tensor.into_tensor::<2>())
}

/// Lower and upper bounds of the outputs.
pub(crate) fn bounds<M: Bounded, const D: usize>(
    net: &M,
    input: &Tensor<D>,
    region: &Perturbation,
    method: Method,
    statistics: Statistics,
) -> [Vec<f64>; 2] {
    let bounds = GraphCache::new()
        .with_statistics(statistics)
        .analyse(net, input.clone(), region)
        .unwrap()
        .bounds(&Specification::Outputs, &BoundConfig::new(method))
        .unwrap();
    [to_vec(bounds.lower), to_vec(bounds.upper)]
}

/// How far apart numbers are, relative to the largest of them and to 1.
pub(crate) fn distance(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1.0_f64, |most, x| most.max(x.abs()));
    found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs() / scale)
        .fold(0.0, |most, x| {
            if x.is_nan() {
                f64::INFINITY
            } else {
                x.max(most)
            }
        })
}
