//! Seconds for the bounds of all outputs of a network with few inputs and many outputs: what
//! forward-mode linear bounds are for.
//!
//! `cargo bench --bench many_outputs`; see `training_step` for devices and threads.
#![allow(missing_docs)]
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Distribution, Tensor, TensorData, activation::relu};
use burn_crown::{BoundConfig, Bounded, GraphCache, Method, Perturbation, Specification};

const INPUTS: usize = 10;
const HIDDEN: usize = 256;
const OUTPUTS: usize = 1000;
const BATCH: usize = 8;

const METHODS: [Method; 6] = [
    Method::Interval,
    Method::CrownIbp,
    Method::Crown,
    Method::ConvexAdversarial,
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

/// The bounds `[8, 1000]` by a method.
struct Question {
    decoder: Decoder,
    input: Tensor<2>,
    cache: GraphCache,
    config: BoundConfig,
}

impl Question {
    fn new(method: Method) -> Self {
        let device = Device::flex();
        device.seed(1);
        Self {
            decoder: Decoder::new(&device),
            input: Tensor::random([BATCH, INPUTS], Distribution::Default, &device),
            cache: GraphCache::new(),
            config: BoundConfig::new(method),
        }
    }

    fn answer(&self) -> [TensorData; 2] {
        let region = Perturbation::linf(0.1);
        let analysis = self
            .cache
            .analyse(&self.decoder, self.input.clone(), &region);
        let bounds = analysis
            .expect("the decoder can be bounded")
            .bounds(&Specification::Outputs, &self.config)
            .expect("the specification fits");
        [bounds.lower, bounds.upper].map(Tensor::into_data)
    }

    fn mean_width(&self) -> f32 {
        let [lower, upper] = self.answer();
        let pairs = lower.iter::<f32>().zip(upper.iter::<f32>());
        let widths = pairs.map(|(lower, upper)| upper - lower);
        widths.sum::<f32>() / (BATCH * OUTPUTS) as f32
    }
}

fn main() {
    for method in METHODS {
        let width = Question::new(method).mean_width();
        println!("{method}: mean width {width:.4}");
    }
    divan::main();
}

#[divan::bench(args = METHODS, sample_count = 5)]
fn all_outputs(bencher: divan::Bencher, method: Method) {
    let question = Question::new(method);
    question.answer();
    bencher.bench_local(|| question.answer());
}
