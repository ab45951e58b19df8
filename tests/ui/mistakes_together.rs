use burn::module::Module;
use burn::nn::Linear;
use burn_crown::Bounded;

#[derive(Module, Bounded, Debug)]
#[bounded(forward = 3, rank = 2)]
#[bounded(forward = "logits")]
struct Net {
    #[bounded(forward = "logits")]
    layer: Linear,
}

fn main() {
    // The mistakes above are not repeated where the type is used.
    Net::signature();
}
