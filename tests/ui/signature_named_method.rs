use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn_crown::Bounded;

#[derive(Module, Bounded, Debug)]
#[bounded(forward = "predict")]
struct Net {
    layer: Linear,
}

impl Net {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layer.forward(x)
    }

    fn predict(&self, x: Tensor<2>) -> f32 {
        self.forward(x).sum().into_scalar()
    }
}

fn main() {}
