//! Files of images and of weights that are damaged, or those of something else.

use std::collections::HashMap;
use std::path::Path;

use burn_crown::{BoundConfig, Method, Perturbation};
use burn_crown_tests::test_device;
use crown_ibp::data::{
    CustomDataset, DataError, DataSource, DatasetName, Digits, ImageDataset, LoadError, Split, load,
};
use crown_ibp::evaluation::{Verification, evaluate};
use crown_ibp::models::{MlpAnyConfig, ModelConfig};
use crown_ibp::weights::load_weights;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::outcome::{Outcome, Row, must_refuse, refused_in, same_kind};

pub(crate) const ROWS: &[Row] = &[
    Row {
        entry: "`data::load`, MNIST",
        input: "no files",
        run: || mnist(|_| ()),
    },
    Row {
        entry: "`data::load`, MNIST",
        input: "another magic number",
        run: || mnist(|folder| write(folder, &[0, 0, 8, 1, 0, 0, 0, 1], &labels(&[1]))),
    },
    Row {
        entry: "`data::load`, MNIST",
        input: "a label that is no class",
        run: || mnist(|folder| write(folder, &images(1, 1), &labels(&[10]))),
    },
    Row {
        entry: "`data::load`, MNIST",
        input: "more images than labels",
        run: || mnist(|folder| write(folder, &images(2, 2), &labels(&[1]))),
    },
    Row {
        entry: "`data::load`, MNIST",
        input: "a file that is cut off",
        run: || mnist(|folder| write(folder, &images(2, 1), &labels(&[1, 2]))),
    },
    Row {
        entry: "`data::load`, MNIST",
        input: "a header that counts four thousand million images",
        run: || mnist(|folder| write(folder, &images(u32::MAX, 1), &labels(&[1]))),
    },
    Row {
        entry: "`data::load`, MNIST",
        input: "more data than the header counts",
        run: || mnist(|folder| write(folder, &images(1, 2), &labels(&[1]))),
    },
    Row {
        entry: "`data::load`, MNIST",
        input: "files of no images",
        run: || mnist(|folder| write(folder, &images(0, 0), &labels(&[]))),
    },
    Row {
        entry: "`data::load`, MNIST",
        input: "a damaged .gz file",
        run: || mnist(|folder| write(folder, &[0x1f, 0x8b, 8, 0, 1, 2, 3], &labels(&[1]))),
    },
    Row {
        entry: "`data::load`, CIFAR-10",
        input: "a file that is cut off",
        run: || {
            images_of(DatasetName::Cifar, |folder| {
                std::fs::write(folder.join("test_batch.bin"), vec![0; 3073 * 2 + 5]).unwrap();
            })
        },
    },
    Row {
        entry: "`data::load`, CIFAR-10",
        input: "a label that is no class",
        run: || {
            images_of(DatasetName::Cifar, |folder| {
                std::fs::write(folder.join("test_batch.bin"), vec![10; 3073 * 10_000]).unwrap();
            })
        },
    },
    Row {
        entry: "`data::load`, SVHN",
        input: "a file that is no .mat file",
        run: || {
            images_of(DatasetName::Svhn, |folder| {
                std::fs::write(folder.join("test_32x32.mat"), b"<html>not found").unwrap();
            })
        },
    },
    Row {
        entry: "`data::load`, a custom dataset",
        input: "a label that is no class",
        run: || images_of(DatasetName::Custom(&TWO_CLASSES), |_| ()),
    },
    Row {
        entry: "`data::load`, a custom dataset",
        input: "images of another shape",
        run: || images_of(DatasetName::Custom(&TALL), |_| ()),
    },
    Row {
        entry: "`evaluation::evaluate`",
        input: "a model of fewer classes than the dataset has",
        run: || evaluated(&digits_model(5)),
    },
    Row {
        entry: "`evaluation::evaluate`",
        input: "a model of images of another size",
        run: || evaluated(&ModelConfig::MlpAny(MlpAnyConfig::new(9, vec![2]))),
    },
    Row {
        entry: "`evaluation::evaluate`",
        input: "no images",
        run: || {
            let model = digits_model(10).init(&test_device());
            let none = Digits::new(1, 0).draw();
            let errors = evaluate(&model, &none, 10, &test_device(), None, "none").unwrap();
            assert!(errors.clean.is_nan());
            Outcome::Defined("errors that are NaN, not 0")
        },
    },
    Row {
        entry: "`weights::load_weights`",
        input: "no file",
        run: || weights(|_| ()),
    },
    Row {
        entry: "`weights::load_weights`",
        input: "a folder",
        run: || weights(|file| std::fs::create_dir(file).unwrap()),
    },
    Row {
        entry: "`weights::load_weights`",
        input: "an empty file, or a text",
        run: || {
            same_kind(
                [&b""[..], b"<html>not found"]
                    .map(|bytes| weights(|file| std::fs::write(file, bytes).unwrap())),
            )
        },
    },
    Row {
        entry: "`weights::load_weights`",
        input: "a file that is cut off",
        run: || {
            weights(|file| {
                let whole = file_of(Dtype::F32, &4_f32.to_le_bytes());
                std::fs::write(file, &whole[..whole.len() - 1]).unwrap();
            })
        },
    },
    Row {
        entry: "`weights::load_weights`",
        input: "weights of another shape",
        run: || {
            weights(|file| {
                let tensors = [("1.weight", [2, 5]), ("1.bias", [2, 1])];
                std::fs::write(file, file_with(&tensors, Dtype::F32, &4_f32.to_le_bytes()))
                    .unwrap();
            })
        },
    },
    Row {
        entry: "`weights::load_weights`",
        input: "whole numbers",
        run: || weights(|file| std::fs::write(file, file_of(Dtype::I32, &[1, 0, 0, 0])).unwrap()),
    },
    Row {
        entry: "`weights::load_weights`",
        input: "numbers in f64 that are too large for f32",
        run: || {
            let bytes = 1e300_f64.to_le_bytes();
            weights(|file| std::fs::write(file, file_of(Dtype::F64, &bytes)).unwrap())
        },
    },
    Row {
        entry: "`weights::load_weights`, `evaluation::evaluate`",
        input: "weights that are NaN or infinite, in f16, f32 or f64",
        run: || {
            for (dtype, bytes) in [
                (Dtype::F16, 0x7e00_u16.to_le_bytes().to_vec()),
                (Dtype::F32, f32::INFINITY.to_le_bytes().to_vec()),
                (Dtype::F64, f64::NAN.to_le_bytes().to_vec()),
            ] {
                let folder = tempfile::tempdir().unwrap();
                let file = folder.path().join("model");
                let tensors = [("1.weight", [10, 784]), ("1.bias", [10, 0])];
                std::fs::write(&file, file_with(&tensors, dtype, &bytes)).unwrap();
                let config = linear(784, 10);
                let model = load_weights(&config, &test_device(), &file).unwrap();
                for method in [Method::Interval, Method::CrownIbp, Method::Crown] {
                    let errors = evaluate_with(&model, method).unwrap();
                    assert_eq!((errors.clean, errors.verified), (100.0, Some(100.0)));
                }
            }
            Outcome::Defined("every image is classified wrongly, and none is certified")
        },
    },
];

fn images_of(dataset: DatasetName, prepare: impl Fn(&Path)) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let source = DataSource::new(Some(folder.path().into()));
    let error: DataError = load(dataset, Split::Test, &source).expect_err("accepted");
    refused_in(&error, folder.path().to_str().unwrap())
}

fn mnist(prepare: impl Fn(&Path)) -> Outcome {
    images_of(DatasetName::Mnist, prepare)
}

fn write(folder: &Path, images: &[u8], labels: &[u8]) {
    std::fs::write(folder.join("t10k-images-idx3-ubyte"), images).unwrap();
    std::fs::write(folder.join("t10k-labels-idx1-ubyte"), labels).unwrap();
}

/// A file whose header counts so many images.
fn images(header: u32, count: usize) -> Vec<u8> {
    let words = [0x0803, header, 28, 28].map(u32::to_be_bytes);
    [words.concat(), vec![7; count * 28 * 28]].concat()
}

fn labels(labels: &[u8]) -> Vec<u8> {
    let words = [0x0801, labels.len() as u32].map(u32::to_be_bytes);
    [&words.concat(), labels].concat()
}

fn two_images(_: Split, _: &DataSource) -> Result<ImageDataset, LoadError> {
    Ok(ImageDataset::new(vec![0, 200], vec![1, 2], [1, 1, 1]))
}

static TWO_CLASSES: CustomDataset = CustomDataset {
    name: "two",
    shape: [1, 1, 1],
    classes: 2,
    load: two_images,
};

static TALL: CustomDataset = CustomDataset {
    name: "tall",
    shape: [1, 2, 1],
    classes: 3,
    load: two_images,
};

fn digits_model(classes: usize) -> ModelConfig {
    ModelConfig::MlpAny(MlpAnyConfig::new(784, vec![2]).with_out_dim(classes))
}

fn evaluated(config: &ModelConfig) -> Outcome {
    let model = config.init(&test_device());
    let data = Digits::new(1, 20).draw();
    same_kind([
        must_refuse(evaluate(&model, &data, 10, &test_device(), None, "digits")),
        must_refuse(evaluate_with(&model, Method::Interval)),
    ])
}

fn evaluate_with(
    model: &crown_ibp::models::Model,
    method: Method,
) -> Result<crown_ibp::evaluation::Errors, burn_crown::BoundError> {
    let verification = Verification {
        config: BoundConfig::new(method),
        perturbation: Perturbation::linf(0.01),
    };
    let data = Digits::new(1, 20).draw();
    evaluate(
        model,
        &data,
        10,
        &test_device(),
        Some(&verification),
        "digits",
    )
}

/// A network of one layer.
fn linear(inputs: usize, outputs: usize) -> ModelConfig {
    ModelConfig::MlpAny(MlpAnyConfig::new(inputs, Vec::new()).with_out_dim(outputs))
}

fn weights(prepare: impl Fn(&Path)) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model");
    prepare(&file);
    let error = load_weights(&linear(4, 2), &test_device(), &file).expect_err("accepted");
    refused_in(&error, folder.path().to_str().unwrap())
}

/// The file of a layer from 4 to 2 of one number.
fn file_of(dtype: Dtype, number: &[u8]) -> Vec<u8> {
    file_with(&[("1.weight", [2, 4]), ("1.bias", [2, 0])], dtype, number)
}

/// A safetensors file of tensors of one number; a second dim of 0 is none.
fn file_with(tensors: &[(&str, [usize; 2])], dtype: Dtype, number: &[u8]) -> Vec<u8> {
    let numbers: Vec<(&str, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|&(name, [rows, columns])| {
            let shape = if columns == 0 {
                vec![rows]
            } else {
                vec![rows, columns]
            };
            let bytes = number.repeat(shape.iter().product());
            (name, shape, bytes)
        })
        .collect();
    let views: HashMap<&str, TensorView> = numbers
        .iter()
        .map(|(name, shape, bytes)| (*name, TensorView::new(dtype, shape.clone(), bytes).unwrap()))
        .collect();
    safetensors::serialize(views, None).unwrap()
}
