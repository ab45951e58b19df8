use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn_crown::Bounded;

#[derive(Module, Bounded, Debug)]
struct Missing {
    layer: Linear,
}

impl Missing {
    fn forward(_x: Tensor<2>) -> Tensor<2> {
        loop {}
    }
}

#[derive(Module, Bounded, Debug)]
struct ByValue {
    layer: Linear,
}

impl ByValue {
    fn forward(self, _x: Tensor<2>) -> Tensor<2> {
        loop {}
    }
}

#[derive(Module, Bounded, Debug)]
struct ByMut {
    layer: Linear,
}

impl ByMut {
    fn forward(&mut self, _x: Tensor<2>) -> Tensor<2> {
        loop {}
    }
}

fn main() {}
