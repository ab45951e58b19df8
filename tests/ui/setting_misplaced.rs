use burn::module::Module;
use burn::nn::Linear;
use burn_crown::Bounded;

#[derive(Module, Bounded, Debug)]
struct Net {
    #[bounded(forward = "logits")]
    layer: Linear,
}

#[derive(Module, Bounded, Debug)]
enum Nets {
    #[bounded(forward = "logits")]
    Small(Linear),
    Large(#[bounded(forward = "logits")] Linear),
}

fn main() {}
