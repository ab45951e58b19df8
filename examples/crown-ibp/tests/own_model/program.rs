use std::process::ExitCode;

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use burn_crown::Bounded;
use crown_ibp::config::ModelSource;
use crown_ibp::data::{CustomDataset, DataSource, ImageDataset, LoadError, Split};
use crown_ibp::models::Architecture;
use crown_ibp::program;

// Step 1: the model. It maps images [B, C, H, W] to logits [B, classes].

#[derive(Module, Bounded, Debug)]
pub struct StripesNet {
    hidden: Linear,
    output: Linear,
}

impl StripesNet {
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.hidden.forward(images.flatten(1, 3)));
        self.output.forward(x)
    }
}

// Its fields are the keys of `model_params`.
#[derive(Config, Debug, PartialEq)]
pub struct StripesNetConfig {
    pub neurons: usize,
}

impl Architecture for StripesNetConfig {
    type Model = StripesNet;

    fn read(source: &ModelSource<'_>) -> Option<Self> {
        source.class(&["stripes_net"])?;
        source.params()
    }

    fn init(&self, device: &Device) -> StripesNet {
        StripesNet {
            hidden: LinearConfig::new(64, self.neurons).init(device),
            output: LinearConfig::new(self.neurons, 2).init(device),
        }
    }

    fn class(&self) -> &str {
        "stripes_net"
    }
}

// Step 2: the dataset. One byte a pixel, image by image, channel by channel, row by row.

pub static DATASETS: [CustomDataset; 1] = [CustomDataset {
    name: "stripes",
    shape: [1, 8, 8],
    classes: 2,
    load: stripes,
}];

/// Horizontal stripes (class 0) and vertical ones (class 1), of all widths and brightnesses.
fn stripes(split: Split, _source: &DataSource) -> Result<ImageDataset, LoadError> {
    let (first, count) = match split {
        Split::Train => (0, 512),
        Split::Test => (512, 128),
    };
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for index in first..first + count {
        let (label, width, shift) = (index % 2, 1 + index / 2 % 3, index / 6 % 4);
        let brightness = 128 + (37 * index % 128) as u8;
        for (row, column) in (0..64).map(|pixel| (pixel / 8, pixel % 8)) {
            let across = if label == 0 { row } else { column };
            let bright = (across + shift) / width % 2 == 1;
            pixels.push(if bright { brightness } else { 0 });
        }
        labels.push(label as u8);
    }
    Ok(ImageDataset::new(pixels, labels, [1, 8, 8]))
}

// Step 3: the program. It has the sub-commands and options of `crown-ibp`.

pub fn main() -> ExitCode {
    program::main::<StripesNetConfig>(&DATASETS)
}
