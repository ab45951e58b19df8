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
        unimplemented!()
    }
}

#[derive(Module, Bounded, Debug)]
struct IntOutput {
    layer: Linear,
}

impl IntOutput {
    fn forward(&self, _x: Tensor<2>) -> Tensor<1, Int> {
        unimplemented!()
    }
}

#[derive(Module, Bounded, Debug)]
struct TupleOutput {
    layer: Linear,
}

impl TupleOutput {
    fn forward(&self, _x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        unimplemented!()
    }
}

#[derive(Module, Bounded, Debug)]
struct FutureOutput {
    layer: Linear,
}

impl FutureOutput {
    async fn forward(&self, _x: Tensor<2>) -> Tensor<2> {
        unimplemented!()
    }
}

fn main() {}
