#![allow(clippy::unwrap_used)]

use burn::module::{Module, ModuleMapper, Param};
use burn::nn::conv::{Conv1d, Conv1dConfig, Conv2d, Conv2dConfig, Conv3d, Conv3dConfig};
use burn::nn::pool::{AvgPool2d, AvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{
    BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig1d, PaddingConfig2d,
    PaddingConfig3d,
};
use burn::tensor::activation::{leaky_relu, relu};
use burn::tensor::{DType, Device, Distribution, Tensor};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::bound::Method;
use crate::bound::crown::{bound_in_whole, tighten};
use crate::trace::GraphCache;
use crate::{Bounded, Norm, Perturbation};

/// Strides, paddings that differ, dilation and groups.
#[derive(Module, Bounded, Debug)]
struct Plain {
    first: Conv2d,
    second: Conv2d,
    third: Conv2d,
    fourth: Conv2d,
    output: Linear,
}

impl Plain {
    fn new(device: &Device) -> Self {
        let padded = PaddingConfig2d::Explicit(1, 0, 0, 2);
        Self {
            first: Conv2dConfig::new([2, 3], [3, 3]).init(device),
            second: Conv2dConfig::new([3, 4], [4, 3])
                .with_stride([2, 1])
                .with_padding(padded)
                .init(device),
            third: Conv2dConfig::new([4, 4], [2, 2])
                .with_dilation([1, 2])
                .with_groups(2)
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device),
            fourth: Conv2dConfig::new([4, 2], [2, 2])
                .with_stride([2, 3])
                .init(device),
            output: LinearConfig::new(2 * 2 * 2, 3).init(device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = relu(self.first.forward(x * 1.5 - 0.1));
        let x = self.second.forward(x).tanh();
        let x = leaky_relu(self.third.forward(x), 0.1);
        let x = relu(self.fourth.forward(x));
        relu(self.output.forward(x.flatten::<2>(1, 3)))
    }
}

/// Residual blocks, in which two consumers read different windows of a node.
#[derive(Module, Bounded, Debug)]
struct Residual {
    stem: Conv2d,
    first: Conv2d,
    norm: BatchNorm,
    second: Conv2d,
    short: Conv2d,
    place: Param<Tensor<4>>,
    pool: AvgPool2d,
}

impl Residual {
    fn new(device: &Device) -> Self {
        let same = || PaddingConfig2d::Explicit(1, 1, 1, 1);
        Self {
            stem: Conv2dConfig::new([1, 3], [3, 3])
                .with_padding(same())
                .init(device),
            first: Conv2dConfig::new([3, 3], [3, 3])
                .with_stride([2, 2])
                .with_padding(same())
                .init(device),
            norm: BatchNormConfig::new(3).init(device),
            second: Conv2dConfig::new([3, 3], [3, 3])
                .with_padding(same())
                .init(device),
            short: Conv2dConfig::new([3, 3], [1, 1])
                .with_stride([2, 2])
                .init(device),
            place: Param::from_tensor(Tensor::random([1, 3, 4, 4], Distribution::Default, device)),
            pool: AvgPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = relu(self.stem.forward(x));
        let y = relu(self.norm.forward(self.first.forward(x.clone())));
        let y = self.second.forward(y) * 0.8;
        let x = relu(y - self.short.forward(x) + self.place.val());
        let x = x.clone() + relu(self.second.forward(x));
        relu(self.pool.forward(x)).flatten(1, 3)
    }
}

/// Max pooling with padding, an average, channels side by side and a product of two values.
#[derive(Module, Bounded, Debug)]
struct Pooled {
    first: Conv2d,
    pool: MaxPool2d,
    second: Conv2d,
    average: AvgPool2d,
}

impl Pooled {
    fn new(device: &Device) -> Self {
        Self {
            first: Conv2dConfig::new([1, 2], [3, 3]).init(device),
            pool: MaxPool2dConfig::new([2, 2])
                .with_strides([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(),
            second: Conv2dConfig::new([4, 2], [2, 2]).init(device),
            average: AvgPool2dConfig::new([2, 2]).with_strides([1, 1]).init(),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = self.pool.forward(self.first.forward(x).sin());
        let x = Tensor::cat(vec![x.clone(), x.clone() * x], 1);
        let x = self.average.forward(relu(self.second.forward(x)));
        relu(x.slice([0..3, 0..2, 1..2]) * 2.0 - 0.1).flatten(1, 3)
    }
}

/// Sequences and volumes.
#[derive(Module, Bounded, Debug)]
struct OtherDims {
    sequence: Conv1d,
    next: Conv1d,
    volume: Conv3d,
    last: Conv3d,
}

impl OtherDims {
    fn new(device: &Device) -> Self {
        Self {
            sequence: Conv1dConfig::new(2, 3, 3)
                .with_padding(PaddingConfig1d::Explicit(2, 0))
                .with_dilation(2)
                .init(device),
            next: Conv1dConfig::new(3, 4, 3).with_stride(2).init(device),
            volume: Conv3dConfig::new([1, 2], [2, 1, 1]).init(device),
            last: Conv3dConfig::new([2, 2], [2, 1, 2])
                .with_padding(PaddingConfig3d::Explicit(1, 0, 0))
                .init(device),
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let batch = x.dims()[0];
        let x = relu(self.sequence.forward(x));
        let x = relu(self.next.forward(x).swap_dims(1, 2));
        let x = relu(self.volume.forward(x.reshape([batch, 1, 5, 2, 2])));
        relu(self.last.forward(x)).flatten(1, 4)
    }
}

/// All parameters in `f64`.
struct Doubles;

impl ModuleMapper for Doubles {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            let (tracked, device) = (tensor.is_require_grad(), tensor.device());
            let values = tensor.into_data().convert_dtype(DType::F64);
            let tensor = Tensor::from_data(values, (&device, DType::F64));
            tensor.set_require_grad(tracked)
        })
    }
}

const IMAGES: usize = 3;

fn images<const D: usize>(features: [usize; D], device: &Device) -> Tensor<D> {
    let spread = Distribution::Uniform(-1.0, 1.0);
    Tensor::random(features, spread, (device, DType::F64))
}

fn regions<const D: usize>(x: &Tensor<D>) -> Vec<Perturbation> {
    let width = x.clone().abs() * 0.2;
    vec![
        Perturbation::linf(0.1).with_range(-0.9, 0.9),
        Perturbation::l2(0.3),
        Perturbation::ball(Norm::L2, 0.4).with_range(-0.9, 0.9),
        Perturbation::ball(Norm::L1, 0.5),
        Perturbation::between(x.clone() - width.clone(), x.clone() + width * 2.0),
    ]
}

/// Some elements of each image: of the first one all, of the second one none.
fn some_open(features: usize, random: &mut StdRng) -> Open {
    let mut open = Open::all(IMAGES, features);
    open.images[1].clear();
    open.images[2].retain(|_| random.random_bool(0.3));
    open
}

/// Windows of every size give the bounds of passes over the whole graph, and smaller ones are less
/// work.
fn assert_same<M: Bounded, const D: usize>(net: &M, x: Tensor<D>, cropped: usize) {
    let mut random = StdRng::seed_from_u64(7);
    let config = BoundConfig::new(Method::Crown);
    for region in regions(&x) {
        let x = x.clone().clamp(-0.9, 0.9);
        let analysis = GraphCache::new().analyse(net, x, &region).unwrap();
        let mut known = analysis.leaves.clone();
        let graph = known.graph.clone();
        let target = graph.outputs[0];
        tighten(&mut known, target, &config);
        let mut smaller = 0;
        for index in graph.pre_activations(target) {
            let shape = &graph.nodes[index].shape;
            let open = some_open(graph.features(index), &mut random);
            let whole = bound_in_whole(&known, index, &open, &config);
            let elements = |side| {
                let middle = Tiles::new(shape, side).middle();
                Crop::new(&known, index, &middle).unwrap().elements()
            };
            for side in Tiles::sides(shape) {
                smaller += usize::from(2 * elements(side) < elements(usize::MAX));
                // One row a pass, and all rows at once.
                for limit in [1, 1 << 30] {
                    let config = config.clone().with_memory_limit(Some(limit));
                    let tiles = Tiles::new(shape, side);
                    let windows = bound_tiles(&known, index, &tiles, &open, &config).unwrap();
                    assert_close(&windows, &whole, &format!("node {index}, side {side}"));
                }
            }
        }
        assert!(
            smaller >= cropped,
            "{smaller} of {cropped} windows are small"
        );
    }
}

fn assert_close(left: &Interval, right: &Interval, place: &str) {
    for (left, right) in [(&left.lower, &right.lower), (&left.upper, &right.upper)] {
        let size = right.clone().detach().abs().largest().max(1e-3);
        let apart = left.clone().sub(right.clone()).detach().abs().largest();
        assert!(apart <= 1e-10 * size, "{place}: {apart} apart");
    }
}

fn device() -> Device {
    let device = Device::flex();
    device.seed(3);
    device
}

#[test]
fn windows_of_convolutions() {
    let net = Plain::new(&device()).map(&mut Doubles);
    assert_same(&net, images([IMAGES, 2, 9, 8], &device()), 6);
}

#[test]
fn windows_of_residual_blocks() {
    let net = Residual::new(&device()).map(&mut Doubles);
    assert_same(&net, images([IMAGES, 1, 8, 8], &device()), 4);
}

#[test]
fn windows_of_pooling() {
    let net = Pooled::new(&device()).map(&mut Doubles);
    assert_same(&net, images([IMAGES, 1, 8, 8], &device()), 4);
}

#[test]
fn windows_of_sequences_and_volumes() {
    let net = OtherDims::new(&device()).map(&mut Doubles);
    assert_same(&net, images([IMAGES, 2, 13], &device()), 2);
}

#[test]
fn gradients_through_windows() {
    let device = device().autodiff();
    let net = Residual::new(&device).map(&mut Doubles);
    let x = images([IMAGES, 1, 8, 8], &device);
    let config = BoundConfig::new(Method::Crown);
    let gradients = |side: Option<usize>| {
        let region = Perturbation::l2(0.3);
        let analysis = GraphCache::new().analyse(&net, x.clone(), &region).unwrap();
        let mut known = analysis.leaves.clone();
        let graph = known.graph.clone();
        let target = graph.outputs[0];
        let index = *graph.pre_activations(target).last().unwrap();
        known.ensure_fixed_operands(target);
        for index in graph.pre_activations(target) {
            known.ensure(index);
        }
        let open = Open::all(IMAGES, graph.features(index));
        let bounds = match side {
            None => bound_in_whole(&known, index, &open, &config),
            Some(side) => {
                let tiles = Tiles::new(&graph.nodes[index].shape, side);
                bound_tiles(&known, index, &tiles, &open, &config).unwrap()
            }
        };
        let weighted = bounds.lower.clone().mul(bounds.lower).sub(bounds.upper);
        let loss = weighted.into_tensor::<2>().sum();
        let gradients = loss.backward();
        let of = |weight: &Param<Tensor<4>>| weight.val().grad(&gradients).unwrap();
        [of(&net.stem.weight), of(&net.second.weight), of(&net.place)]
    };
    let whole = gradients(None);
    for side in [1, 2] {
        for (windows, whole) in gradients(Some(side)).into_iter().zip(&whole) {
            let size = whole.clone().abs().max().into_scalar::<f64>();
            assert!(size > 1e-3);
            let apart = (windows - whole.clone()).abs().max().into_scalar::<f64>();
            assert!(
                apart <= 1e-10 * size,
                "side {side}: {apart} apart, of {size}"
            );
        }
    }
}
