//! Maxima and minima, and max pooling.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool1d, MaxPool1dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig1d, PaddingConfig2d, Relu};
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{DType, Tensor, module};
use burn_crown::{BoundConfig, Bounded, GraphCache, Method, Norm, Perturbation, Specification};
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::sound::assert_sound;
use burn_crown_tests::test_device;

const RADII: &[f64] = &[0.05, 1.0, 10.0];

/// Maxima of sums of the input, which depend on each other.
#[derive(Module, Bounded, Debug)]
struct Extremes {
    kind: usize,
}

impl Extremes {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let y = x.clone() * 2.0 - x.clone().swap_dims(1, 2);
        match self.kind {
            0 => x.max_dim(2),
            1 => y.max_dim(1),
            2 => y.min_dim(2),
            3 => x.max_pair(y),
            4 => x.min_pair(y),
            5 => x.clone().max_pair(y.narrow(1, 0, 1)),
            6 => x.max_dim_with_indices(2).0 + y.min_dim_with_indices(2).0,
            _ => y.clone().min_dim(2).min_pair(y).max_dim(1),
        }
    }
}

fn extremes(kind: usize) {
    assert_sound([2, 4, 4], 0.0, RADII, 4, |_| Extremes { kind });
}

#[test]
fn max_dim_is_sound() {
    extremes(0);
    extremes(1);
}

#[test]
fn min_dim_is_sound() {
    extremes(2);
}

#[test]
fn max_pair_is_sound() {
    extremes(3);
    extremes(5);
}

#[test]
fn min_pair_is_sound() {
    extremes(4);
}

#[test]
fn extremes_with_their_places_are_sound() {
    extremes(6);
}

#[test]
fn nested_extremes_are_sound() {
    extremes(7);
}

/// Where lower and upper bounds of several elements are equal.
#[derive(Module, Bounded, Debug)]
struct Ties {
    relu: Relu,
}

impl Ties {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let y = self.relu.forward(x);
        Tensor::cat(vec![y.clone(), y], 1).max_dim(1)
    }
}

#[test]
fn ties_are_sound() {
    assert_sound([2, 4], 0.0, RADII, 4, |_| Ties { relu: Relu::new() });
}

#[derive(Module, Bounded, Debug)]
struct Pool2d {
    pool: MaxPool2d,
}

impl Pool2d {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.pool.forward(x)
    }
}

fn pool2d(config: MaxPool2dConfig) {
    assert_sound([2, 2, 5, 6], 0.0, RADII, 2, |_| Pool2d {
        pool: config.clone().init(),
    });
}

#[test]
fn max_pooling_is_sound() {
    pool2d(MaxPool2dConfig::new([2, 2]).with_strides([2, 2]));
}

#[test]
fn overlapping_windows_are_sound() {
    pool2d(MaxPool2dConfig::new([3, 2]).with_strides([1, 2]));
}

#[test]
fn padded_windows_are_sound() {
    let padding = PaddingConfig2d::Explicit(1, 1, 1, 1);
    let config = MaxPool2dConfig::new([3, 2]).with_strides([2, 1]);
    pool2d(config.with_padding(padding));
}

#[test]
fn dilated_windows_are_sound() {
    let config = MaxPool2dConfig::new([2, 3]).with_strides([1, 1]);
    pool2d(config.with_dilation([3, 2]));
}

#[test]
fn windows_beyond_the_end_are_sound() {
    let padding = PaddingConfig2d::Explicit(1, 1, 1, 1);
    let config = MaxPool2dConfig::new([3, 3]).with_strides([3, 2]);
    pool2d(config.with_padding(padding).with_ceil_mode(true));
}

#[derive(Module, Bounded, Debug)]
struct Pool1d {
    pool: MaxPool1d,
}

impl Pool1d {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.pool.forward(x)
    }
}

#[test]
fn max_pooling_of_sequences_is_sound() {
    let config = MaxPool1dConfig::new(3).with_stride(2).with_dilation(2);
    let padding = PaddingConfig1d::Explicit(1, 1);
    assert_sound([2, 3, 9], 0.0, RADII, 3, |_| Pool1d {
        pool: config.clone().with_padding(padding.clone()).init(),
    });
}

// With the places of the maxima, which nothing reads.
module_of!(PoolWithPlaces, 4, 4, |x| {
    module::max_pool2d_with_indices(x, MaxPoolOptions::new([2, 2])).0
});
module_of!(SequencesWithPlaces, 3, 3, |x| {
    module::max_pool1d_with_indices(x, MaxPoolOptions::new([3]).with_stride([2])).0
});

#[test]
fn max_pooling_with_places_is_sound() {
    assert_sound([2, 2, 4, 5], 0.0, RADII, 2, |_| PoolWithPlaces {
        unused: 0,
    });
    assert_sound([2, 2, 6], 0.0, RADII, 2, |_| SequencesWithPlaces {
        unused: 0,
    });
}

#[derive(Module, Bounded, Debug)]
struct Net {
    conv: Conv2d,
    relu: Relu,
    pool: MaxPool2d,
    linear: Linear,
}

impl Net {
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let y = self.relu.forward(self.conv.forward(x));
        self.linear.forward(self.pool.forward(y).flatten(1, 3))
    }
}

#[test]
fn network_with_max_pooling_is_sound() {
    let device = test_device();
    assert_sound([2, 2, 6, 6], 0.0, RADII, 4, |_| {
        let net = Net {
            conv: Conv2dConfig::new([2, 3], [3, 3]).init(&device),
            relu: Relu::new(),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            linear: LinearConfig::new(12, 3).init(&device),
        };
        map_parameters(net, DType::F64, |_, _, _| {})
    });
}

/// The difference of a maximum and the element that it is.
#[derive(Module, Bounded, Debug)]
struct Dominated {
    pool: MaxPool1d,
}

impl Dominated {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.pool.forward(x.clone()) - x.narrow(2, 1, 1)
    }
}

#[test]
fn dominating_element_is_exact() {
    let x = Tensor::<3>::from_data([[[0.0, 5.0, 1.0]]], (&test_device(), DType::F64));
    let module = Dominated {
        pool: MaxPool1dConfig::new(3).init(),
    };
    let ball = Perturbation::ball(Norm::Linf, 1.5);
    let analysis = GraphCache::new().analyse(&module, x, &ball);
    let bounds = analysis.and_then(|analysis| {
        let config = BoundConfig::new(Method::CrownIbp);
        analysis.bounds(&Specification::Outputs, &config)
    });
    let bounds = bounds.unwrap_or_else(|error| panic!("{error}"));
    for bound in [to_vec(bounds.lower)[0], to_vec(bounds.upper)[0]] {
        assert!(bound.abs() < 1e-12, "{bound} is not zero");
    }
}

/// What stays refused.
#[derive(Module, Bounded, Debug)]
struct Refused {
    kind: usize,
}

impl Refused {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self.kind {
            0 => x.max_dim(0),
            1 => x.max().unsqueeze(),
            2 => {
                let (largest, place) = x.clone().max_dim_with_indices(1);
                largest + x.gather(1, place)
            }
            _ => {
                let smaller = x.clone().lower(x.clone() * 2.0);
                x.clone().mask_where(smaller, x * 3.0)
            }
        }
    }
}

#[test]
fn extremes_over_the_batch_and_other_comparisons_are_refused() {
    let x = Tensor::<2>::ones([2, 3], (&test_device(), DType::F64));
    for (kind, operator) in ["MaxDim", "Max", "MaxDimWithIndices", "Lower"]
        .into_iter()
        .enumerate()
    {
        let ball = Perturbation::ball(Norm::Linf, 0.1);
        let analysis = GraphCache::new().analyse(&Refused { kind }, x.clone(), &ball);
        let error = analysis.map(|_| ()).map_err(|error| error.to_string());
        assert!(
            error.as_ref().is_err_and(|text| text.contains(operator)),
            "{operator}: {error:?}"
        );
    }
}
