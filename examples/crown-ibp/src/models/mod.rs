//! The reference program's architectures as Burn modules, and one [`Model`] over them.
//!
//! Every model maps images `[B, C, H, W]` to logits `[B, classes]`. Weights and biases start as in
//! PyTorch, uniform in `±1/sqrt(fan_in)`, which is Burn's own default for these layers.

mod architecture;
mod cnn_10layer;
mod cnn_1layer;
mod cnn_2layer;
mod cnn_3layer_fixed;
mod cnn_4layer;
mod ibp_debug;
mod ibp_large;
mod initialization;
mod mlp_any;
mod mlp_uniform;

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use burn_crown::Bounded;

pub use architecture::Architecture;
pub use cnn_1layer::{Cnn1Layer, Cnn1LayerConfig};
pub use cnn_2layer::{Cnn2Layer, Cnn2LayerConfig};
pub use cnn_3layer_fixed::{Cnn3LayerFixed, Cnn3LayerFixedConfig};
pub use cnn_4layer::{Cnn4Layer, Cnn4LayerConfig};
pub use cnn_10layer::{Cnn10Layer, Cnn10LayerConfig};
pub use ibp_debug::{IbpDebug, IbpDebugConfig};
pub use ibp_large::{IbpLarge, IbpLargeConfig};
pub use initialization::ibp_initialization;
pub use mlp_any::{MlpAny, MlpAnyConfig};
pub use mlp_uniform::MlpUniformConfig;

/// The number of classes of every convolutional model; all datasets here have ten.
pub const CLASSES: usize = 10;

/// Any of the reference program's models.
#[derive(Module, Bounded, Debug)]
#[allow(clippy::large_enum_variant, reason = "a program holds a few models")]
pub enum Model {
    /// `model_mlp_any` and `model_mlp_uniform`.
    MlpAny(MlpAny),
    /// `model_cnn_1layer`.
    Cnn1Layer(Cnn1Layer),
    /// `model_cnn_2layer`.
    Cnn2Layer(Cnn2Layer),
    /// `model_cnn_3layer_fixed`.
    Cnn3LayerFixed(Cnn3LayerFixed),
    /// `model_cnn_4layer`.
    Cnn4Layer(Cnn4Layer),
    /// `model_cnn_10layer`.
    Cnn10Layer(Cnn10Layer),
    /// `IBP_large`.
    IbpLarge(IbpLarge),
    /// `IBP_debug`.
    IbpDebug(IbpDebug),
}

/// The class and the parameters of a [`Model`].
#[derive(Config, Debug, PartialEq)]
pub enum ModelConfig {
    /// `model_mlp_any`.
    MlpAny(MlpAnyConfig),
    /// `model_mlp_uniform`.
    MlpUniform(MlpUniformConfig),
    /// `model_cnn_1layer`.
    Cnn1Layer(Cnn1LayerConfig),
    /// `model_cnn_2layer`.
    Cnn2Layer(Cnn2LayerConfig),
    /// `model_cnn_3layer_fixed`.
    Cnn3LayerFixed(Cnn3LayerFixedConfig),
    /// `model_cnn_4layer`.
    Cnn4Layer(Cnn4LayerConfig),
    /// `model_cnn_10layer`.
    Cnn10Layer(Cnn10LayerConfig),
    /// `IBP_large`.
    IbpLarge(IbpLargeConfig),
    /// `IBP_debug`.
    IbpDebug(IbpDebugConfig),
}

impl ModelConfig {
    /// Builds the model with random weights.
    pub fn init(&self, device: &Device) -> Model {
        match self {
            Self::MlpAny(config) => Model::MlpAny(config.init(device)),
            Self::MlpUniform(config) => Model::MlpAny(config.init(device)),
            Self::Cnn1Layer(config) => Model::Cnn1Layer(config.init(device)),
            Self::Cnn2Layer(config) => Model::Cnn2Layer(config.init(device)),
            Self::Cnn3LayerFixed(config) => Model::Cnn3LayerFixed(config.init(device)),
            Self::Cnn4Layer(config) => Model::Cnn4Layer(config.init(device)),
            Self::Cnn10Layer(config) => Model::Cnn10Layer(config.init(device)),
            Self::IbpLarge(config) => Model::IbpLarge(config.init(device)),
            Self::IbpDebug(config) => Model::IbpDebug(config.init(device)),
        }
    }

    /// The name of the class in experiment files.
    pub fn class(&self) -> &'static str {
        match self {
            Self::MlpAny(_) => "model_mlp_any",
            Self::MlpUniform(_) => "model_mlp_uniform",
            Self::Cnn1Layer(_) => "model_cnn_1layer",
            Self::Cnn2Layer(_) => "model_cnn_2layer",
            Self::Cnn3LayerFixed(_) => "model_cnn_3layer_fixed",
            Self::Cnn4Layer(_) => "model_cnn_4layer",
            Self::Cnn10Layer(_) => "model_cnn_10layer",
            Self::IbpLarge(_) => "IBP_large",
            Self::IbpDebug(_) => "IBP_debug",
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
            Self::Cnn1Layer(model) => model.forward(images),
            Self::Cnn2Layer(model) => model.forward(images),
            Self::Cnn3LayerFixed(model) => model.forward(images),
            Self::Cnn4Layer(model) => model.forward(images),
            Self::Cnn10Layer(model) => model.forward(images),
            Self::IbpLarge(model) => model.forward(images),
            Self::IbpDebug(model) => model.forward(images),
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
            Self::Cnn1Layer(_) => named(cnn_1layer::SEQUENTIAL_LAYERS),
            Self::Cnn2Layer(_) => named(cnn_2layer::SEQUENTIAL_LAYERS),
            Self::Cnn3LayerFixed(_) => named(cnn_3layer_fixed::SEQUENTIAL_LAYERS),
            Self::Cnn4Layer(_) => named(cnn_4layer::SEQUENTIAL_LAYERS),
            Self::Cnn10Layer(_) => Cnn10Layer::sequential_layers(),
            Self::IbpLarge(_) => named(ibp_large::SEQUENTIAL_LAYERS),
            Self::IbpDebug(_) => named(ibp_debug::SEQUENTIAL_LAYERS),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use burn::module::Param;
    use burn::store::ModuleSnapshot;
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
            (
                ModelConfig::MlpUniform(MlpUniformConfig::new(784, 3, 20)),
                [1, 28, 28],
                784 * 20 + 20 + 20 * 20 + 20 + 20 * 10 + 10,
            ),
            (
                ModelConfig::Cnn1Layer(Cnn1LayerConfig::new(1, 28, 2)),
                [1, 28, 28],
                (16 * 16 + 16) + (16 * 49 * 10 + 10),
            ),
            (
                ModelConfig::Cnn10Layer(Cnn10LayerConfig::new(3, 32, 1)),
                [3, 32, 32],
                (4 * 3 * 9 + 4)
                    + (8 * 4 * 4 + 8)
                    + (8 * 8 * 9 + 8)
                    + (16 * 8 * 4 + 16)
                    + (16 * 16 * 9 + 16)
                    + (32 * 16 * 4 + 32)
                    + (32 * 32 * 9 + 32)
                    + (64 * 32 * 4 + 64)
                    + (2 * 2 * 64 * 10 + 10),
            ),
            (
                ModelConfig::IbpLarge(IbpLargeConfig::new(1, 28).with_linear_size(8)),
                [1, 28, 28],
                (64 * 9 + 64)
                    + (64 * 64 * 9 + 64)
                    + (128 * 64 * 9 + 128)
                    + 2 * (128 * 128 * 9 + 128)
                    + (14 * 14 * 128 * 8 + 8)
                    + 90,
            ),
            (
                ModelConfig::IbpDebug(IbpDebugConfig::new(28)),
                [1, 28, 28],
                2 * (9 + 1) + (49 * 10 + 10),
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
    fn layers_have_their_positions_in_the_sequence_of_the_reference() {
        let conv_relu = |count| "conv relu ".repeat(count);
        let sequences = [
            "flatten linear relu linear relu linear".to_string(),
            conv_relu(2) + "flatten linear relu linear",
            conv_relu(2) + "flatten linear relu linear",
            conv_relu(3) + "flatten linear relu linear",
            conv_relu(3) + "flatten linear relu linear",
            conv_relu(4) + "flatten linear relu linear relu linear",
            "flatten linear relu linear relu linear".to_string(),
            conv_relu(1) + "flatten linear",
            conv_relu(8) + "flatten linear",
            conv_relu(5) + "flatten linear relu linear",
            conv_relu(2) + "flatten linear",
        ];
        let device = Device::flex();
        assert_eq!(all().len(), sequences.len());
        for ((config, _, _), sequence) in all().into_iter().zip(sequences) {
            let wanted: Vec<_> = sequence
                .split(' ')
                .enumerate()
                .filter(|(_, layer)| ["conv", "linear"].contains(layer))
                .map(|(position, _)| position)
                .collect();
            let model = config.init(&device);
            let layers = model.sequential_layers();
            let found: Vec<_> = layers.iter().map(|(position, _)| *position).collect();
            assert_eq!(found, wanted, "{config:?}");

            let parameters = model.collect(None, None, true);
            let names: Vec<_> = parameters.iter().map(|tensor| &*tensor.name).collect();
            let wanted: Vec<_> = layers
                .iter()
                .flat_map(|(_, path)| [format!("{path}.weight"), format!("{path}.bias")])
                .collect();
            assert_eq!(names, wanted, "{config:?}");
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
