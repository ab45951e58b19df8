use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Int, Tensor};
use burn_crown::Bounded;

#[derive(Module, Bounded, Debug)]
struct NoOutput {
    layer: Linear,
}

impl NoOutput {
    fn forward(&self, _x: Tensor<2>) {
        loop {}
    }
}

#[derive(Module, Bounded, Debug)]
struct IntOutput {
    layer: Linear,
}

impl IntOutput {
    fn forward(&self, _x: Tensor<2>) -> Tensor<1, Int> {
        loop {}
    }
}

#[derive(Module, Bounded, Debug)]
struct TupleOutput {
    layer: Linear,
}

impl TupleOutput {
    fn forward(&self, _x: Tensor<2>) -> (Tensor<2>, f32) {
        loop {}
    }
}

#[derive(Module, Bounded, Debug)]
struct FutureOutput {
    layer: Linear,
}

impl FutureOutput {
    async fn forward(&self, _x: Tensor<2>) -> Tensor<2> {
        loop {}
    }
}

fn main() {}
