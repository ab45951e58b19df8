use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn_crown::Bounded;

#[derive(Module, Bounded, Debug)]
struct Net {
    layer: Linear,
}

impl Net {
    fn predict(&self, x: Tensor<2>) -> Tensor<2> {
        self.layer.forward(x)
    }
}

fn main() {}
