//! Functions that are not defined on all of their region certify nothing, whatever follows them.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::{gelu, relu, sigmoid, tanh};
use burn::tensor::{DType, Device, Tensor};
use burn_crown::{BoundConfig, Bounded, GraphCache, Perturbation, Specification};
use burn_crown_tests::parameters::map_parameters;
use burn_crown_tests::test_device;

use crate::case::configs;

/// Functions that have no value for small or negative inputs, or an infinite one.
const PARTIAL: [&str; 12] = [
    "log", "log1p", "sqrt", "recip", "1 / x", "y / x", "-1", "-2", "-0.5", "0.5", "1.5", "exp",
];

/// What a value that is not finite could get lost in.
const HIDING: [&str; 9] = [
    "relu", "clamp", "sigmoid", "tanh", "gelu", "sin", "times 0", "square", "nothing",
];

/// A function that is not defined everywhere, and layers that make a certificate of any number.
#[derive(Module, Bounded, Debug)]
struct Partial {
    output: Linear,
    partial: usize,
    hiding: usize,
}

impl Partial {
    fn new(partial: usize, hiding: usize, device: &Device) -> Self {
        let output = LinearConfig::new(3, 2).init(device);
        let output = map_parameters(output, DType::F32, |path, _, values| {
            let bias = path == "bias";
            values.fill(if bias { 0.0 } else { 1e-3 });
            if bias {
                values[0] = 1e6;
            }
        });
        Self {
            output,
            partial,
            hiding,
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let y = match PARTIAL[self.partial] {
            "log" => x.log(),
            "log1p" => (x - 1.0).log1p(),
            "sqrt" => (x - 1e-6).sqrt(),
            "recip" => x.recip(),
            "1 / x" => x.ones_like() / x,
            "y / x" => x.clone() / x,
            "-1" => x.powf_scalar(-1.0),
            "-2" => x.powf_scalar(-2.0),
            "-0.5" => x.powf_scalar(-0.5),
            "0.5" => (x - 1e-6).powf_scalar(0.5),
            "1.5" => (x - 1e-6).powf_scalar(1.5),
            // Overflows to an infinity.
            "exp" => (x * -1e4).exp(),
            name => panic!("no function {name}"),
        };
        let y = match HIDING[self.hiding] {
            "relu" => relu(y),
            "clamp" => y.clamp(-1.0, 1.0),
            "sigmoid" => sigmoid(y),
            "tanh" => tanh(y),
            "gelu" => gelu(y),
            "sin" => y.sin(),
            "times 0" => y * 0.0,
            "square" => relu(y.clone() * y),
            "nothing" => y,
            name => panic!("no function {name}"),
        };
        self.output.forward(y)
    }
}

/// Which of two images each method certifies, the first with one input in `lower..=upper`.
fn certified(net: &Partial, [lower, upper]: [f32; 2]) -> Vec<(BoundConfig, Vec<bool>)> {
    let device = test_device();
    // Recorded and compared with the forward pass where the function may have a value.
    let input = Tensor::<2>::from_floats([[upper, 1.0, 2.0], [0.5, 1.0, 2.0]], &device);
    let from = Tensor::<2>::from_floats([[lower, 0.9, 1.9], [0.4, 0.9, 1.9]], &device);
    let to = Tensor::<2>::from_floats([[upper, 1.1, 2.1], [0.6, 1.1, 2.1]], &device);
    let region = Perturbation::between(from, to);
    let analysis = GraphCache::new().analyse(net, input, &region).unwrap();
    let labels = Specification::Margins(Tensor::from_data([0, 0], &device));
    configs()
        .into_iter()
        .map(|config| {
            let images = analysis.bounds(&labels, &config).unwrap().certified();
            (config, images.into_data().iter::<bool>().collect())
        })
        .collect()
}

#[test]
fn a_function_without_a_value_somewhere_certifies_nothing() {
    for (partial, name) in PARTIAL.iter().enumerate() {
        for (hiding, behind) in HIDING.iter().enumerate() {
            let net = Partial::new(partial, hiding, &test_device());
            for ends in [[0.0, 0.5], [-0.5, 0.5], [-0.5, 0.0], [0.0, 0.0]] {
                if *name == "exp" && ends[0] == 0.0 {
                    continue;
                }
                for (config, images) in certified(&net, ends) {
                    assert_eq!(
                        images,
                        [false, true],
                        "{name}, {behind}, {ends:?}: {config:?}"
                    );
                }
            }
        }
    }
}
