use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Int, Tensor};
use burn_crown::Bounded;

#[derive(Module, Bounded, Debug)]
struct NoInput {
    layer: Linear,
}

impl NoInput {
    fn forward(&self) -> Tensor<2> {
        loop {}
    }
}

#[derive(Module, Bounded, Debug)]
struct IntInput {
    layer: Linear,
}

impl IntInput {
    fn forward(&self, _tokens: Tensor<2, Int>) -> Tensor<2> {
        loop {}
    }
}

#[derive(Module, Bounded, Debug)]
struct ReferenceInput {
    layer: Linear,
}

impl ReferenceInput {
    fn forward(&self, _x: &Tensor<2>) -> Tensor<2> {
        loop {}
    }
}

#[derive(Module, Bounded, Debug)]
struct ScalarInput {
    layer: Linear,
}

impl ScalarInput {
    fn forward(&self, _x: Tensor<2>, _scale: f32) -> Tensor<2> {
        loop {}
    }
}

fn main() {}
