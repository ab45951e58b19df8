use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn_crown::Bounded;

#[derive(Module, Bounded, Debug)]
struct Net {
    layer: Linear,
}

impl Net {
    fn forward<const D: usize>(&self, _x: Tensor<D>) -> Tensor<D> {
        loop {}
    }
}

fn main() {}
