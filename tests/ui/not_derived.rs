use burn::module::Module;
use burn::nn::Linear;
use burn_crown::{Bounded, Signature};

#[derive(Module, Debug)]
struct Net {
    layer: Linear,
}

fn ranks<M: Bounded>() -> Signature {
    M::signature()
}

fn main() {
    ranks::<Net>();
}
