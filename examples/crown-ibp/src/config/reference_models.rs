//! The classes of the reference program, with the parameters of its functions.

use serde_json::Value;

use super::model_source::ModelSource;
use crate::models::{
    CLASSES, Cnn1LayerConfig, Cnn2LayerConfig, Cnn3LayerFixedConfig, Cnn4LayerConfig,
    Cnn10LayerConfig, IbpDebugConfig, IbpLargeConfig, MlpAnyConfig, MlpUniformConfig, ModelConfig,
};

/// The most neurons of a layer, and the largest factor on the channels of one.
const MOST_NEURONS: usize = 1_000_000;
/// The most layers of a network.
const MOST_LAYERS: usize = 1000;

const CLASS_NAMES: &[&str] = &[
    "model_mlp_any",
    "model_mlp_uniform",
    "model_cnn_1layer",
    "model_cnn_2layer",
    "model_cnn_3layer_fixed",
    "model_cnn_4layer",
    "model_cnn_10layer",
    "IBP_large",
    "IBP_debug",
];

impl ModelSource<'_> {
    /// The architecture, for images of the dataset.
    pub(crate) fn reference_model(&self) -> Option<ModelConfig> {
        match self.class(CLASS_NAMES)? {
            "model_mlp_any" => {
                self.allow(&["in_dim", "neurons", "out_dim"]);
                let in_dim = self.flat_size();
                let words = "must list at least one layer, and no layer of 0 neurons";
                let neurons = self
                    .params
                    .get_if("neurons", words, |neurons: &Vec<usize>| {
                        !neurons.is_empty() && !neurons.contains(&0)
                    });
                if let Some(neurons) = &neurons {
                    let words = format!("must list no layer of more than {MOST_NEURONS} neurons");
                    let most = neurons.iter().max();
                    let fits = most.is_none_or(|most| *most <= MOST_NEURONS);
                    self.params.ensure("neurons", &words, fits);
                }
                let classes = self.classes();
                let config = MlpAnyConfig::new(in_dim?, neurons?).with_out_dim(classes?);
                Some(ModelConfig::MlpAny(config))
            }
            "model_mlp_uniform" => {
                self.allow(&["in_dim", "layer", "neurons", "out_dim"]);
                let in_dim = self.flat_size();
                let words = "must be at least 2: it counts the output layer";
                let layers = self.params.count("layer", MOST_LAYERS);
                if let Some(count) = layers {
                    self.params.ensure("layer", words, count >= 2);
                }
                let (neurons, classes) = (self.size("neurons"), self.classes());
                let config = MlpUniformConfig::new(in_dim?, layers?, neurons?);
                Some(ModelConfig::MlpUniform(config.with_out_dim(classes?)))
            }
            "model_cnn_1layer" => {
                self.allow(&["in_ch", "in_dim", "width"]);
                let (in_ch, in_dim, width) = self.image_and_width();
                Some(ModelConfig::Cnn1Layer(Cnn1LayerConfig::new(
                    in_ch?, in_dim?, width?,
                )))
            }
            "model_cnn_2layer" => {
                self.allow(&["in_ch", "in_dim", "width", "linear_size"]);
                let (in_ch, in_dim, width) = self.image_and_width();
                let hidden = self.size_or("linear_size", 128);
                let config = Cnn2LayerConfig::new(in_ch?, in_dim?, width?);
                Some(ModelConfig::Cnn2Layer(config.with_linear_size(hidden?)))
            }
            "model_cnn_3layer_fixed" => {
                self.allow(&["in_ch", "in_dim", "kernel_size", "width", "linear_size"]);
                let (in_ch, in_dim, width) = self.image_and_width();
                let kernel_size =
                    self.params
                        .get_if("kernel_size", "must be 3 or 5", |kernel: &usize| {
                            [3, 5].contains(kernel)
                        });
                let hidden = match self.params.raw("linear_size") {
                    None | Some(Value::Null) => Some(None),
                    Some(_) => self.size("linear_size").map(Some),
                };
                let config = Cnn3LayerFixedConfig::new(in_ch?, in_dim?, kernel_size?, width?);
                Some(ModelConfig::Cnn3LayerFixed(
                    config.with_linear_size(hidden?),
                ))
            }
            "model_cnn_4layer" => {
                self.allow(&["in_ch", "in_dim", "width", "linear_size"]);
                let (in_ch, in_dim, width) = self.image_and_width();
                let hidden = self.size("linear_size");
                let config = Cnn4LayerConfig::new(in_ch?, in_dim?, width?, hidden?);
                Some(ModelConfig::Cnn4Layer(config))
            }
            "model_cnn_10layer" => {
                self.allow(&["in_ch", "in_dim", "width"]);
                let (in_ch, in_dim, width) = self.image_and_width();
                Some(ModelConfig::Cnn10Layer(Cnn10LayerConfig::new(
                    in_ch?, in_dim?, width?,
                )))
            }
            "IBP_large" => {
                self.allow(&["in_ch", "in_dim", "linear_size"]);
                let (in_ch, in_dim) = self.image();
                let hidden = self.size_or("linear_size", 512);
                let config = IbpLargeConfig::new(in_ch?, in_dim?);
                Some(ModelConfig::IbpLarge(config.with_linear_size(hidden?)))
            }
            "IBP_debug" => {
                // The reference's function takes all three, but looks at the side only.
                self.allow(&["in_ch", "in_dim", "linear_size"]);
                let (in_ch, in_dim) = self.image();
                self.size_or("linear_size", 512);
                if let Some(in_ch) = in_ch {
                    let words = "must be 1: IBP_debug is for grey images";
                    self.params.ensure("in_ch", words, in_ch == 1);
                }
                Some(ModelConfig::IbpDebug(IbpDebugConfig::new(in_dim?)))
            }
            _ => None,
        }
    }

    fn allow(&self, known: &[&str]) {
        self.params.allow(known);
    }

    fn size(&self, key: &str) -> Option<usize> {
        self.params.count(key, MOST_NEURONS)
    }

    fn size_or(&self, key: &str, default: usize) -> Option<usize> {
        match self.params.raw(key) {
            Some(_) => self.size(key),
            None => Some(default),
        }
    }

    /// `in_ch`, `in_dim` and `width` of a convolutional model.
    fn image_and_width(&self) -> (Option<usize>, Option<usize>, Option<usize>) {
        let (in_ch, in_dim) = self.image();
        (in_ch, in_dim, self.size("width"))
    }

    /// `in_ch` and `in_dim` of a convolutional model.
    fn image(&self) -> (Option<usize>, Option<usize>) {
        (
            self.image_size("in_ch", |[channels, _, _]| channels),
            self.image_size("in_dim", |[_, height, _]| height),
        )
    }

    /// `in_dim` of a fully connected model.
    fn flat_size(&self) -> Option<usize> {
        self.image_size("in_dim", |shape| shape.iter().product())
    }

    /// `out_dim` of a fully connected model.
    fn classes(&self) -> Option<usize> {
        let classes = self.size_or("out_dim", CLASSES)?;
        let Some(dataset) = self.dataset else {
            return Some(classes);
        };
        let wanted = dataset.classes();
        let words = format!("must be {wanted}: {dataset} has so many classes");
        self.params
            .ensure("out_dim", &words, classes == wanted)
            .then_some(classes)
    }

    /// A size of the model that the images of the dataset determine.
    fn image_size(&self, key: &str, wanted: impl Fn([usize; 3]) -> usize) -> Option<usize> {
        let found = self.size(key)?;
        let Some(dataset) = self.dataset else {
            return Some(found);
        };
        let [channels, height, width] = dataset.shape();
        let wanted = wanted(dataset.shape());
        let words = format!(
            "must be {wanted}: the images of {dataset} are {channels} × {height} × {width}"
        );
        self.params
            .ensure(key, &words, found == wanted)
            .then_some(found)
    }
}
