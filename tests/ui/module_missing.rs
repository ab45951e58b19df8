use burn::nn::Linear;
use burn::tensor::Tensor;
use burn_crown::Bounded;

#[derive(Bounded, Clone, Debug)]
struct Net {
    layer: Linear,
}

impl Net {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layer.forward(x)
    }
}

fn main() {}
