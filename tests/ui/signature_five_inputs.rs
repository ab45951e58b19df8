use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn_crown::Bounded;

type Image = Tensor<4>;

#[derive(Module, Bounded, Debug)]
struct Net {
    layer: Linear,
}

impl Net {
    fn forward(&self, _a: Image, _b: Image, _c: Image, _d: Image, _e: Image) -> Tensor<2> {
        loop {}
    }
}

fn main() {}
