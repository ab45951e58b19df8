//! The reference program's architectures as Burn modules, and one [`Model`] over them.
//!
//! Every model maps images `[B, C, H, W]` to logits `[B, classes]`. Weights and biases start as in
//! PyTorch, uniform in `±1/sqrt(fan_in)`, which is Burn's own default for these layers.

mod cnn_2layer;
mod cnn_3layer_fixed;
mod cnn_4layer;
mod import;
mod mlp_any;

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use burn_crown::Bounded;

pub use cnn_2layer::{Cnn2Layer, Cnn2LayerConfig};
pub use cnn_3layer_fixed::{Cnn3LayerFixed, Cnn3LayerFixedConfig};
pub use cnn_4layer::{Cnn4Layer, Cnn4LayerConfig};
pub use import::{ImportError, import_safetensors};
pub use mlp_any::{MlpAny, MlpAnyConfig};

/// The number of classes of every convolutional model; all datasets here have ten.
pub const CLASSES: usize = 10;

/// Any of the reference program's models.
#[derive(Module, Bounded, Debug)]
#[allow(clippy::large_enum_variant, reason = "a program holds a few models")]
pub enum Model {
    /// `model_mlp_any`.
    MlpAny(MlpAny),
    /// `model_cnn_2layer`.
    Cnn2Layer(Cnn2Layer),
    /// `model_cnn_3layer_fixed`.
    Cnn3LayerFixed(Cnn3LayerFixed),
    /// `model_cnn_4layer`.
    Cnn4Layer(Cnn4Layer),
}

/// The class and the parameters of a [`Model`].
#[derive(Config, Debug, PartialEq)]
pub enum ModelConfig {
    /// `model_mlp_any`.
    MlpAny(MlpAnyConfig),
    /// `model_cnn_2layer`.
    Cnn2Layer(Cnn2LayerConfig),
    /// `model_cnn_3layer_fixed`.
    Cnn3LayerFixed(Cnn3LayerFixedConfig),
    /// `model_cnn_4layer`.
    Cnn4Layer(Cnn4LayerConfig),
}

impl ModelConfig {
    /// Builds the model with random weights.
    pub fn init(&self, device: &Device) -> Model {
        match self {
            Self::MlpAny(config) => Model::MlpAny(config.init(device)),
            Self::Cnn2Layer(config) => Model::Cnn2Layer(config.init(device)),
            Self::Cnn3LayerFixed(config) => Model::Cnn3LayerFixed(config.init(device)),
            Self::Cnn4Layer(config) => Model::Cnn4Layer(config.init(device)),
        }
    }

    /// The name of the class in experiment files.
    pub fn class(&self) -> &'static str {
        match self {
            Self::MlpAny(_) => "model_mlp_any",
            Self::Cnn2Layer(_) => "model_cnn_2layer",
            Self::Cnn3LayerFixed(_) => "model_cnn_3layer_fixed",
            Self::Cnn4Layer(_) => "model_cnn_4layer",
        }
    }
}

impl Model {
    /// The forward pass.
    ///
    /// # Shapes
    /// - `images`: `[B, C, H, W]`
    /// - output: logits `[B, classes]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        match self {
            Self::MlpAny(model) => model.forward(images),
            Self::Cnn2Layer(model) => model.forward(images),
            Self::Cnn3LayerFixed(model) => model.forward(images),
            Self::Cnn4Layer(model) => model.forward(images),
        }
    }

    /// The layers with parameters, in the order of the forward pass: the position of each in the
    /// reference's `Sequential`, and its path in this module.
    fn sequential_layers(&self) -> Vec<(usize, String)> {
        let named = |layers: &[(usize, &str)]| {
            layers
                .iter()
                .map(|&(position, path)| (position, path.to_string()))
                .collect()
        };
        match self {
            Self::MlpAny(model) => model.sequential_layers(),
            Self::Cnn2Layer(_) => named(cnn_2layer::SEQUENTIAL_LAYERS),
            Self::Cnn3LayerFixed(_) => named(cnn_3layer_fixed::SEQUENTIAL_LAYERS),
            Self::Cnn4Layer(_) => named(cnn_4layer::SEQUENTIAL_LAYERS),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use burn::module::Param;
    use burn::tensor::Device;

    fn all() -> Vec<(ModelConfig, [usize; 3], usize)> {
        // Parameter counts worked out from the layers' definitions.
        vec![
            (
                ModelConfig::MlpAny(MlpAnyConfig::new(784, vec![20, 30])),
                [1, 28, 28],
                784 * 20 + 20 + 20 * 30 + 30 + 30 * 10 + 10,
            ),
            (
                ModelConfig::Cnn2Layer(Cnn2LayerConfig::new(1, 28, 1)),
                [1, 28, 28],
                (4 * 16 + 4) + (8 * 4 * 16 + 8) + (392 * 128 + 128) + (1280 + 10),
            ),
            (
                ModelConfig::Cnn2Layer(Cnn2LayerConfig::new(3, 32, 2).with_linear_size(64)),
                [3, 32, 32],
                (8 * 3 * 16 + 8) + (16 * 8 * 16 + 16) + (16 * 64 * 64 + 64) + (640 + 10),
            ),
            (
                ModelConfig::Cnn3LayerFixed(Cnn3LayerFixedConfig::new(1, 28, 3, 1)),
                [1, 28, 28],
                (4 * 9 + 4) + (8 * 4 * 9 + 8) + (8 * 8 * 16 + 8) + (8 * 49 * 64 + 64) + 650,
            ),
            (
                ModelConfig::Cnn3LayerFixed(
                    Cnn3LayerFixedConfig::new(3, 32, 5, 2).with_linear_size(Some(20)),
                ),
                [3, 32, 32],
                (8 * 3 * 25 + 8)
                    + (16 * 8 * 25 + 16)
                    + (16 * 16 * 16 + 16)
                    + (16 * 49 * 20 + 20)
                    + 210,
            ),
            (
                ModelConfig::Cnn4Layer(Cnn4LayerConfig::new(1, 28, 1, 100)),
                [1, 28, 28],
                (4 * 9 + 4)
                    + (4 * 4 * 16 + 4)
                    + (8 * 4 * 9 + 8)
                    + (8 * 8 * 16 + 8)
                    + (392 * 100 + 100)
                    + 10_100
                    + 1010,
            ),
        ]
    }

    #[test]
    fn models_have_the_reference_parameters_and_shapes() {
        let device = Device::flex();
        for (config, [channels, height, width], parameters) in all() {
            let model = config.init(&device);
            assert_eq!(model.num_params(), parameters, "{config:?}");
            let logits = model.forward(Tensor::zeros([3, channels, height, width], &device));
            assert_eq!(logits.dims(), [3, CLASSES], "{config:?}");
        }
    }

    #[test]
    fn weights_and_biases_start_uniform_in_one_over_the_root_of_fan_in() {
        fn range<const D: usize>(parameter: &Param<Tensor<D>>) -> f32 {
            parameter.val().abs().max().into_scalar::<f32>()
        }
        let device = Device::flex();
        let Model::Cnn2Layer(model) =
            ModelConfig::Cnn2Layer(Cnn2LayerConfig::new(1, 28, 8)).init(&device)
        else {
            unreachable!()
        };
        for (found, fan_in) in [
            (range(&model.conv1.weight), 16.0_f32),
            (range(&model.conv2.weight), 32.0 * 16.0),
            (range(&model.fc1.weight), 64.0 * 49.0),
            (range(model.fc1.bias.as_ref().unwrap()), 64.0 * 49.0),
            (range(&model.fc2.weight), 128.0),
        ] {
            let limit = 1.0 / fan_in.sqrt();
            assert!(found <= limit, "{found} > {limit}");
            assert!(found > 0.9 * limit, "{found} is far below {limit}");
        }
    }

    #[test]
    fn a_config_survives_json() {
        for (config, _, _) in all() {
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<ModelConfig>(&text).unwrap(), config);
        }
    }
}
