//! Layers of every kind with perturbed parameters, and parameters that are used in other ways.

use burn::module::{Module, Param};
use burn::nn::conv::{
    Conv1d, Conv1dConfig, Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig,
};
use burn::nn::{
    BatchNorm, BatchNormConfig, Embedding, EmbeddingConfig, GroupNorm, GroupNormConfig, LayerNorm,
    LayerNormConfig, Linear, LinearConfig, PRelu, PReluConfig, PaddingConfig1d, PaddingConfig2d,
    RmsNorm, RmsNormConfig,
};
use burn::tensor::activation::relu;
use burn::tensor::{DType, Int, Tensor};
use burn_crown::{
    BoundConfig, Bounded, GraphCache, Input, Method, Perturbation, Specification, Statistics,
    WeightPerturbation,
};
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::test_device;

use crate::region::assert_sound;
use crate::{double, random, single};

#[derive(Module, Bounded, Debug)]
struct Norms {
    layer: LayerNorm,
    group: GroupNorm,
    batch: BatchNorm,
    rectifier: PRelu,
}

impl Norms {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = self.group.forward(self.layer.forward(x));
        self.rectifier.forward(self.batch.forward(x))
    }
}

#[test]
fn normalizations_and_learned_slopes() {
    let device = test_device();
    let net = double(Norms {
        layer: LayerNormConfig::new(3).init(&device),
        group: GroupNormConfig::new(2, 4).init(&device),
        batch: BatchNormConfig::new(4).init(&device),
        rectifier: PReluConfig::new().with_num_parameters(4).init(&device),
    });
    for batch in [1, 2, 4] {
        let x = random([batch, 4, 3], 19);
        for path in ["layer", "group", "batch.gamma", "batch", "rectifier"] {
            assert_sound(&net, &x, &[path], 0.1, 0.02);
        }
        assert_sound(&net, &x, &[""], 0.01, 0.01);
    }
}

#[derive(Module, Bounded, Debug)]
struct RootMeanSquare {
    norm: RmsNorm,
}

impl RootMeanSquare {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.norm.forward(x)
    }
}

#[test]
fn root_mean_squares() {
    let net = RootMeanSquare {
        norm: RmsNormConfig::new(3).init(&test_device()),
    };
    assert_sound(&net, &single([2, 4, 3], 43), &["norm"], 0.1, 0.02);
}

#[derive(Module, Bounded, Debug)]
struct Convolutions {
    first: Conv2d,
    second: Conv2d,
    last: Conv1d,
}

impl Convolutions {
    fn forward(&self, x: Tensor<4>) -> Tensor<3> {
        let x = self.second.forward(relu(self.first.forward(x)));
        self.last.forward(x.flatten(2, 3))
    }
}

#[test]
fn convolutions() {
    let device = test_device();
    let net = double(Convolutions {
        first: Conv2dConfig::new([2, 4], [2, 3])
            .with_stride([2, 1])
            .with_groups(2)
            .with_padding(PaddingConfig2d::Explicit(1, 0, 0, 1))
            .init(&device),
        second: Conv2dConfig::new([4, 2], [2, 2])
            .with_dilation([1, 2])
            .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
            .with_bias(false)
            .init(&device),
        last: Conv1dConfig::new(2, 2, 3)
            .with_stride(2)
            .with_padding(PaddingConfig1d::Explicit(1, 1))
            .init(&device),
    });
    for batch in [1, 2, 4] {
        let x = random([batch, 2, 3, 4], 23);
        for path in ["first", "first.weight", "first.bias", "second", "last"] {
            assert_sound(&net, &x, &[path], 0.05, 0.05);
        }
        assert_sound(&net, &x, &[""], 0.02, 0.02);
    }
}

#[derive(Module, Bounded, Debug)]
struct Transposed {
    layer: ConvTranspose2d,
}

impl Transposed {
    fn forward(&self, x: Tensor<4>) -> Tensor<3> {
        self.layer.forward(x).flatten(2, 3)
    }
}

#[test]
fn the_bias_of_a_transposed_convolution() {
    let config = ConvTranspose2dConfig::new([1, 2], [2, 2]);
    let net = double(Transposed {
        layer: config.init(&test_device()),
    });
    assert_sound(&net, &random([2, 1, 2, 2], 29), &["layer.bias"], 0.1, 0.1);
}

/// Parameters that `forward` uses itself.
#[derive(Module, Bounded, Debug)]
struct Own {
    token: Param<Tensor<3>>,
    places: Embedding,
    direction: Param<Tensor<2>>,
    length: Param<Tensor<2>>,
    left: Param<Tensor<2>>,
    right: Param<Tensor<2>>,
    output: Linear,
}

impl Own {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, length, width] = x.dims();
        // A token in front, and the places' embeddings.
        let token = self.token.val().expand([batch, 1, width]);
        let x = Tensor::cat(vec![token, x], 1);
        let places = Tensor::<1, Int>::arange(0..length as i64 + 1, &x.device());
        let places = places.unsqueeze::<2>().repeat_dim(0, batch);
        let x = x + self.places.forward(places);
        // A normalized weight, and one of low rank.
        let direction = self.direction.val();
        let size = direction.clone().square().sum_dim(0).sqrt();
        let normal = direction / size * self.length.val();
        let x = relu(x.matmul(normal.unsqueeze::<3>()));
        let low_rank = self.left.val().matmul(self.right.val()).transpose();
        let x = x.matmul(low_rank.slice([0..3, 1..3]).unsqueeze::<3>());
        self.output.forward(x)
    }
}

#[test]
fn parameters_in_the_forward_pass_itself() {
    let device = test_device();
    let parameter = |dims, seed| Param::from_tensor(random(dims, seed).add_scalar(1.5));
    let net = double(Own {
        token: Param::from_tensor(random([1, 1, 2], 1)),
        places: EmbeddingConfig::new(4, 2).init(&device),
        direction: parameter([2, 3], 2),
        length: parameter([1, 3], 3),
        left: parameter([4, 1], 4),
        right: parameter([1, 3], 5),
        output: LinearConfig::new(2, 2).init(&device),
    });
    for batch in [1, 2, 3, 4] {
        let x = random([batch, 2, 2], 31);
        for path in ["token", "places", "direction", "length", "left", "right"] {
            assert_sound(&net, &x, &[path], 0.05, 0.05);
        }
        assert_sound(&net, &x, &["direction", "token", "output"], 0.05, 0.05);
    }
}

/// A sequence whose dims are swapped before a layer.
#[derive(Module, Bounded, Debug)]
struct SwappedDims {
    layer: Linear,
}

impl SwappedDims {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = self.layer.forward(x.swap_dims(1, 2)).swap_dims(1, 2);
        x.clone() / (x.square().sum_dim(1) + 1.0)
    }
}

#[test]
fn running_statistics_are_no_constants() {
    let device = test_device();
    let norm = |path: &str| {
        let net = Norms {
            layer: LayerNormConfig::new(3).init(&device),
            group: GroupNormConfig::new(2, 4).init(&device),
            batch: BatchNormConfig::new(4).init(&device),
            rectifier: PReluConfig::new().with_num_parameters(4).init(&device),
        };
        let net = map_parameters(net, DType::F64, |name, _, values| {
            if name.starts_with("batch.running") {
                values.iter_mut().for_each(|value| *value += 1.5);
            }
        });
        assert_sound(&net, &random([2, 4, 3], 37), &[path], 0.3, 0.02);
    };
    norm("batch.running_mean");
    norm("batch.running_var");
}

#[test]
fn swapped_dims() {
    let net = double(SwappedDims {
        layer: LinearConfig::new(3, 2).init(&test_device()),
    });
    for batch in [1, 2, 3] {
        assert_sound(&net, &random([batch, 3, 2], 41), &["layer"], 0.1, 0.1);
    }
}

#[derive(Module, Bounded, Debug)]
struct Normalized {
    hidden: Linear,
    norm: BatchNorm,
}

impl Normalized {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        relu(self.norm.forward(self.hidden.forward(x)))
    }
}

#[test]
fn statistics_of_the_clean_batch_are_by_the_parameters_as_they_are() {
    let device = test_device();
    let net = double(Normalized {
        hidden: LinearConfig::new(3, 4).init(&device),
        norm: BatchNormConfig::new(4).init(&device),
    })
    .train();
    let cache = GraphCache::new().with_statistics(Statistics::Batch);
    let bounds = |weights: WeightPerturbation| {
        let x = Input::perturbed(random([5, 3], 47), Perturbation::linf(0.1));
        let analysis = cache.analyse_weights(&net, vec![x], &weights).unwrap();
        let config = BoundConfig::new(Method::CrownIbp);
        let bounds = analysis.bounds(&Specification::Outputs, &config).unwrap();
        [to_vec(bounds.lower.neg()), to_vec(bounds.upper)].concat()
    };
    let fixed = bounds(WeightPerturbation::new());
    for path in ["hidden", "norm.gamma", "norm.running_mean", ""] {
        let point = bounds(WeightPerturbation::new().with(path, Perturbation::linf(0.0)));
        let ball = bounds(WeightPerturbation::new().with(path, Perturbation::linf(0.01)));
        for (&fixed, (&point, &ball)) in fixed.iter().zip(point.iter().zip(&ball)) {
            assert!((fixed - point).abs() < 1e-9, "{path}: {fixed} {point}");
            assert!(ball > point - 1e-9, "{path}: {ball} {point}");
        }
    }
}
