use burn::module::Module;
use burn::nn::Linear;
use burn_crown::Bounded;

#[derive(Module, Bounded, Debug)]
#[bounded(forward = "a", forward = "b")]
struct Once {
    layer: Linear,
}

#[derive(Module, Bounded, Debug)]
#[bounded(forward = "a")]
#[bounded(forward = "a")]
struct Apart {
    layer: Linear,
}

fn main() {}
