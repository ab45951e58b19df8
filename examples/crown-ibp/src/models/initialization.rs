//! Other starts of the weights than Burn's.

use std::f64::consts::PI;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Distribution, Tensor};

/// Draws the weights of all linear layers and convolutions anew, so that interval bounds keep
/// their width from layer to layer.
///
/// Every weight is normal with mean 0 and standard deviation `sqrt(2π)/fan_in`, every bias is zero:
/// Shi et al. 2021, arXiv 2103.17268, section 4.1. Intervals through weights of the usual
/// `±1/sqrt(fan_in)` grow by the root of the fan-in in each layer, and a long ramp of ε has to undo
/// that. Other parameters, such as those of a normalisation layer, stay.
///
/// The numbers come from the device's generator: [`Device::seed`](burn::tensor::Device::seed)
/// reproduces them.
pub fn ibp_initialization<M: Module>(model: M) -> M {
    model.map(&mut IbpInitialization::default())
}

/// The place in the module: for each level the field, and the kind of its owner.
#[derive(Default)]
struct IbpInitialization {
    path: Vec<(String, String)>,
}

impl IbpInitialization {
    /// The dims of a weight that are summed over, if the parameter is a weight of a linear layer
    /// or a convolution: `[in, out]` or `[out, in, kernel …]`.
    fn fan_in(&self, dims: &[usize]) -> Option<usize> {
        match (self.field()?, dims) {
            (("weight", "Struct:Linear"), [input, _]) => Some(*input),
            (("weight", kind), [_, input @ ..]) if kind.starts_with("Struct:Conv") => {
                (!kind.contains("Transpose")).then(|| input.iter().product())
            }
            _ => None,
        }
    }

    fn is_bias(&self) -> bool {
        self.field().is_some_and(|(field, kind)| {
            field == "bias" && (kind == "Struct:Linear" || kind.starts_with("Struct:Conv"))
        })
    }

    fn field(&self) -> Option<(&str, &str)> {
        let (field, kind) = self.path.last()?;
        Some((field, kind))
    }
}

impl ModuleMapper for IbpInitialization {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push((name.into(), container_type.into()));
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let drawn = |tensor: Tensor<D>, deviation: f64| {
            let normal = Distribution::Normal(0.0, deviation);
            let weights = Tensor::random(tensor.shape(), normal, &tensor.device());
            weights.set_require_grad(tensor.is_require_grad())
        };
        if self.is_bias() {
            return param.map(|bias| {
                let zeros = bias.zeros_like();
                zeros.set_require_grad(bias.is_require_grad())
            });
        }
        match self.fan_in(&param.dims()) {
            Some(fan_in) => {
                let deviation = (2.0 * PI).sqrt() / fan_in as f64;
                param.map(|weight| drawn(weight, deviation))
            }
            None => param,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::models::{Cnn2LayerConfig, Model, ModelConfig};
    use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
    use burn::tensor::Device;

    fn values<const D: usize>(param: &Param<Tensor<D>>) -> Vec<f32> {
        param.val().into_data().try_to_vec().unwrap()
    }

    /// Asserts that values look normal with mean 0 and this standard deviation: within five
    /// standard errors of the first two moments, and with the share of a normal distribution
    /// within one deviation, which a uniform one misses by 0.1.
    fn assert_normal(values: &[f32], deviation: f64) {
        let count = values.len() as f64;
        let scaled = || values.iter().map(|&value| f64::from(value) / deviation);
        let mean = scaled().sum::<f64>() / count;
        assert!(mean.abs() < 5.0 / count.sqrt(), "mean {mean}");
        let variance = scaled().map(|value| value * value).sum::<f64>() / count;
        assert!(
            (variance - 1.0).abs() < 5.0 * (2.0 / count).sqrt(),
            "variance {variance}"
        );
        let inside = scaled().filter(|value| value.abs() < 1.0).count() as f64 / count;
        assert!(
            (inside - 0.6827).abs() < 5.0 * (0.6827 * 0.3173 / count).sqrt(),
            "{inside} within one deviation"
        );
    }

    #[test]
    fn weights_are_normal_by_their_fan_in_and_biases_zero() {
        let device = Device::flex().autodiff();
        device.seed(11);
        let config = ModelConfig::Cnn2Layer(Cnn2LayerConfig::new(1, 28, 8));
        let Model::Cnn2Layer(model) = ibp_initialization(config.init(&device)) else {
            unreachable!()
        };
        let root = (2.0 * PI).sqrt();
        assert_normal(&values(&model.conv1.weight), root / 16.0);
        assert_normal(&values(&model.conv2.weight), root / (32.0 * 16.0));
        // A linear layer of Burn has its inputs first: 3136 of them, and 128 outputs.
        assert_normal(&values(&model.fc1.weight), root / 3136.0);
        assert_normal(&values(&model.fc2.weight), root / 128.0);
        for bias in [&model.conv1.bias, &model.fc1.bias, &model.fc2.bias] {
            let bias = bias.as_ref().unwrap();
            assert!(values(bias).iter().all(|&value| value == 0.0));
            assert!(bias.val().is_require_grad(), "biases are still trained");
        }
        assert!(model.fc1.weight.val().is_require_grad());
    }

    #[test]
    fn a_seed_reproduces_the_weights() {
        let device = Device::flex();
        let draw = |seed| {
            device.seed(seed);
            values(&ibp_initialization(LinearConfig::new(5, 4).init(&device)).weight)
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn other_parameters_stay() {
        #[derive(Module, Debug)]
        struct Normalised {
            linear: Linear,
            norm: BatchNorm,
        }
        let device = Device::flex();
        let model = Normalised {
            linear: LinearConfig::new(3, 2).init(&device),
            norm: BatchNormConfig::new(2).init(&device),
        };
        let before = values(&model.linear.weight);
        let model = ibp_initialization(model);
        assert_eq!(values(&model.norm.gamma), [1.0, 1.0]);
        assert_ne!(values(&model.linear.weight), before);
    }
}
