use burn::module::Module;
use burn::nn::Linear;
use burn_crown::Bounded;

#[derive(Module, Bounded, Debug)]
#[bounded(forward = 3)]
struct Number {
    layer: Linear,
}

#[derive(Module, Bounded, Debug)]
#[bounded(forward = logits)]
struct Bare {
    layer: Linear,
}

#[derive(Module, Bounded, Debug)]
#[bounded(forward)]
struct Missing {
    layer: Linear,
}

#[derive(Module, Bounded, Debug)]
#[bounded(forward("logits"))]
struct List {
    layer: Linear,
}

fn main() {}
