use burn::module::Module;
use burn::nn::Linear;
use burn_crown::Bounded;

#[derive(Module, Bounded, Debug)]
#[bounded(forward = "my logits")]
struct Words {
    layer: Linear,
}

#[derive(Module, Bounded, Debug)]
#[bounded(forward = "")]
struct Empty {
    layer: Linear,
}

#[derive(Module, Bounded, Debug)]
#[bounded(forward = "Self::logits")]
struct Elsewhere {
    layer: Linear,
}

#[derive(Module, Bounded, Debug)]
#[bounded(forward = "match")]
struct Keyword {
    layer: Linear,
}

fn main() {}
