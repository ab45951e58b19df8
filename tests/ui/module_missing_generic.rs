use burn::module::Module;
use burn::tensor::Tensor;
use burn_crown::Bounded;

trait Layer: Module {
    fn run(&self, x: Tensor<2>) -> Tensor<2>;
}

#[derive(Bounded, Clone, Debug)]
struct Net<L: Layer> {
    layer: L,
}

impl<L: Layer> Net<L> {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layer.run(x)
    }
}

fn main() {}
