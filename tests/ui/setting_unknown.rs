use burn::module::Module;
use burn::nn::Linear;
use burn_crown::Bounded;

#[derive(Module, Bounded, Debug)]
#[bounded(foward = "logits")]
struct Misspelt {
    layer: Linear,
}

#[derive(Module, Bounded, Debug)]
#[bounded(rank = 2)]
struct Foreign {
    layer: Linear,
}

fn main() {}
