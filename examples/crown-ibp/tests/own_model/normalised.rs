//! A model of one's own with batch normalisation.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use burn_crown::Bounded;
use crown_ibp::config::ModelSource;
use crown_ibp::models::Architecture;

#[derive(Module, Bounded, Debug)]
pub struct NormalisedNet {
    conv: Conv2d,
    conv_norm: BatchNorm,
    hidden: Linear,
    hidden_norm: BatchNorm,
    output: Linear,
}

impl NormalisedNet {
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.conv_norm.forward(self.conv.forward(images)));
        let x = self.hidden.forward(x.flatten::<2>(1, 3));
        self.output.forward(relu(self.hidden_norm.forward(x)))
    }
}

#[derive(Config, Debug, PartialEq)]
pub struct NormalisedNetConfig {
    pub neurons: usize,
}

impl Architecture for NormalisedNetConfig {
    type Model = NormalisedNet;

    fn read(source: &ModelSource<'_>) -> Option<Self> {
        source.class(&["stripes_net"])?;
        source.params()
    }

    fn init(&self, device: &Device) -> NormalisedNet {
        NormalisedNet {
            conv: Conv2dConfig::new([1, 4], [3, 3])
                .with_stride([2, 2])
                .init(device),
            conv_norm: BatchNormConfig::new(4).init(device),
            hidden: LinearConfig::new(36, self.neurons).init(device),
            hidden_norm: BatchNormConfig::new(self.neurons).init(device),
            output: LinearConfig::new(self.neurons, 2).init(device),
        }
    }

    fn class(&self) -> &str {
        "stripes_net"
    }
}
