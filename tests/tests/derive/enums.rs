//! Enums: one architecture for each variant.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn_crown::{AnyTensor, Bounded};

use crate::{check, linear, points};

#[derive(Module, Debug)]
struct Residual {
    layer: Linear,
}

#[derive(Module, Bounded, Debug)]
enum Network {
    Plain(Linear),
    Residual(Residual),
}

impl Network {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Plain(layer) => layer.forward(x),
            Self::Residual(block) => x.clone() + block.layer.forward(x),
        }
    }
}

#[test]
fn each_variant_runs_its_own_architecture() {
    let layer = linear();
    let plain = layer.forward(points(2));
    check(&Network::Plain(layer.clone()), points(2), plain.clone());
    let residual = Network::Residual(Residual { layer });
    check(&residual, points(2), points(2) + plain);
}

#[derive(Module, Bounded, Debug)]
#[bounded(forward = "logits")]
enum Either<A: Bounded, B: Bounded> {
    Left(A),
    Right(B),
}

impl<A: Bounded, B: Bounded> Either<A, B> {
    fn logits(&self, x: Tensor<2>) -> Tensor<2> {
        let input = vec![AnyTensor::new(x)];
        match self {
            Self::Left(model) => model.forward_any(input),
            Self::Right(model) => model.forward_any(input),
        }
        .into_tensor()
    }
}

#[derive(Module, Bounded, Debug)]
struct Twice {
    layer: Linear,
}

impl Twice {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layer.forward(self.layer.forward(x))
    }
}

#[test]
fn the_architectures_can_be_parameters() {
    let layer = linear();
    let once = layer.forward(points(2));
    let left: Either<Network, Twice> = Either::Left(Network::Plain(layer.clone()));
    let right: Either<Network, Twice> = Either::Right(Twice {
        layer: layer.clone(),
    });
    check(&left, points(2), once.clone());
    check(&right, points(2), layer.forward(once));
}
