//! Seconds for the bounds of all outputs of a network with few inputs and many outputs: what
//! forward-mode linear bounds are for.
//!
//! `cargo bench --bench many_outputs`; see `training_step` for devices and threads.
#![allow(missing_docs)]

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Distribution, Tensor, activation::relu};
use burn_crown::{BoundConfig, Bounded, GraphCache, Method, Perturbation, Specification};

const INPUTS: usize = 10;
const HIDDEN: usize = 256;
const OUTPUTS: usize = 1000;
const BATCH: usize = 8;

const METHODS: [Method; 5] = [
    Method::Interval,
    Method::CrownIbp,
    Method::Crown,
    Method::Forward,
    Method::ForwardBackward,
];

/// A decoder of two hidden layers.
#[derive(Module, Bounded, Debug)]
struct Decoder {
    first: Linear,
    second: Linear,
    output: Linear,
}

impl Decoder {
    fn new(device: &Device) -> Self {
        Self {
            first: LinearConfig::new(INPUTS, HIDDEN).init(device),
            second: LinearConfig::new(HIDDEN, HIDDEN).init(device),
            output: LinearConfig::new(HIDDEN, OUTPUTS).init(device),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let hidden = relu(self.second.forward(relu(self.first.forward(x))));
        self.output.forward(hidden)
    }
}

fn main() {
    divan::main();
}

#[divan::bench(args = METHODS, sample_count = 5)]
fn all_outputs(bencher: divan::Bencher, method: Method) {
    let device = Device::flex();
    device.seed(1);
    let decoder = Decoder::new(&device);
    let input = Tensor::<2>::random([BATCH, INPUTS], Distribution::Default, &device);
    let (cache, region) = (GraphCache::new(), Perturbation::linf(0.1));
    let config = BoundConfig::new(method);
    let bounds = || {
        let analysis = cache
            .analyse(&decoder, input.clone(), &region)
            .expect("the decoder can be bounded");
        let bounds = analysis
            .bounds(&Specification::Outputs, &config)
            .expect("the specification fits");
        (bounds.lower.into_data(), bounds.upper.into_data())
    };
    let (lower, upper) = bounds();
    let widths = lower.iter::<f32>().zip(upper.iter::<f32>());
    let width = widths.map(|(lower, upper)| upper - lower).sum::<f32>();
    println!(
        "{method}: mean width {:.4}",
        width / (BATCH * OUTPUTS) as f32
    );
    bencher.bench_local(bounds);
}
