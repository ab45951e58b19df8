use burn::module::Module;
use burn::nn::Linear;
use burn_crown::Bounded;

#[derive(Module, Bounded, Debug)]
#[bounded]
struct Bare {
    layer: Linear,
}

#[derive(Module, Bounded, Debug)]
#[bounded = "logits"]
struct Value {
    layer: Linear,
}

#[derive(Module, Bounded, Debug)]
#[bounded()]
struct Empty {
    layer: Linear,
}

#[derive(Module, Bounded, Debug)]
#[bounded(forward: "logits")]
struct Colon {
    layer: Linear,
}

fn main() {}
