//! Colour images from their files to bounds, on a sample of CIFAR-10. Reads the folder that
//! `BURN_CROWN_SHARED` names.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use burn::data::dataset::Dataset;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use burn_crown::train::RobustDataLoader;
use burn_crown::{BoundConfig, Bounded, Method, Norm, Perturbation, Specification, Verifier};
use burn_crown_tests::{shared_folder, test_device};
use crown_ibp::data::{
    DataSource, DatasetName, ImageDataset, Normalization, Split, load, load_first,
};
use crown_ibp::models::{Cnn2Layer, Cnn2LayerConfig};
use crown_ibp::region::perturbation;

fn source() -> Option<DataSource> {
    Some(DataSource::new(Some(shared_folder()?.join("data"))))
}

fn test_images() -> Option<ImageDataset> {
    Some(load(DatasetName::Cifar, Split::Test, &source()?).unwrap())
}

#[test]
fn the_sample_has_the_statistics_of_cifar_10() {
    let Some(source) = source() else { return };
    let first = |count| load_first(DatasetName::Cifar, Split::Train, count, &source);
    let train = first(Some(10_000)).unwrap();
    let test = load(DatasetName::Cifar, Split::Test, &source).unwrap();
    for (images, exactly) in [(&train, false), (&test, true)] {
        assert_eq!(images.len(), 10_000);
        for class in 0..10 {
            let count = images
                .labels()
                .iter()
                .filter(|&&label| label == class)
                .count();
            assert!((900..=1100).contains(&count), "{count} of class {class}");
            assert!(!exactly || count == 1000);
        }
        // Figures of each image apart, and then their means: the deviations of the reference.
        let (mean, std) = statistics(images);
        let expected = DatasetName::Cifar.statistics();
        for channel in 0..3 {
            let off = (mean[channel] - expected.mean()[channel]).abs();
            assert!(off < 0.01, "a mean of {mean:?}");
            let off = (std[channel] - expected.std()[channel]).abs();
            assert!(off < 0.01, "a deviation of {std:?}");
        }
    }
    let error = first(None).unwrap_err().to_string();
    assert!(error.contains("num_examples=10000"), "{error}");
}

/// The mean of each channel, and the mean over the images of each one's deviation.
fn statistics(images: &ImageDataset) -> ([f64; 3], [f64; 3]) {
    let (mut means, mut deviations) = ([0.0; 3], [0.0; 3]);
    let count = images.len() as f64;
    for index in 0..images.len() {
        for (channel, plane) in images.image(index).chunks_exact(1024).enumerate() {
            let mut sums = [0_u64; 2];
            for &byte in plane {
                sums[0] += u64::from(byte);
                sums[1] += u64::from(byte).pow(2);
            }
            let [mean, square] = sums.map(|sum| sum as f64 / 1024.0);
            means[channel] += mean / 255.0 / count;
            deviations[channel] += (square - mean * mean).sqrt() / 255.0 / count;
        }
    }
    (means, deviations)
}

/// A network that normalises by itself, so that it takes pixels.
#[derive(Module, Bounded, Debug)]
struct OnPixels {
    shift: Param<Tensor<4>>,
    scale: Param<Tensor<4>>,
    net: Cnn2Layer,
}

impl OnPixels {
    fn new(net: Cnn2Layer, normalization: &Normalization, device: &Device) -> Self {
        let channels = |values: Vec<f64>| {
            Param::from_tensor(Tensor::from_data(
                TensorData::new(values, [1, 3, 1, 1]),
                device,
            ))
        };
        let shift = normalization.mean().iter().map(|mean| -mean).collect();
        let scale = normalization.std().iter().map(|std| 1.0 / std).collect();
        Self {
            shift: channels(shift),
            scale: channels(scale),
            net,
        }
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.net
            .forward((images + self.shift.val()) * self.scale.val())
    }
}

#[test]
fn bounds_of_normalised_images_are_those_of_their_pixels() {
    let Some(images) = test_images() else { return };
    let device = test_device();
    device.seed(11);
    let net = Cnn2LayerConfig::new(3, 32, 1)
        .with_linear_size(16)
        .init(&device);
    let normalized = images.clone().normalized(true);
    let normalization = normalized.normalization();
    let on_pixels = OnPixels::new(net.clone(), &normalization, &device);
    let (pixels, _) = images.tensors(0..4, &device);
    let (inputs, _) = normalized.tensors(0..4, &device);

    for (norm, epsilon) in [(Norm::Linf, 2.0 / 255.0), (Norm::L2, 0.2), (Norm::L1, 1.0)] {
        for bounded_input in [false, true] {
            for method in [Method::Interval, Method::CrownIbp] {
                let config = BoundConfig::new(method);
                let region = perturbation(norm, epsilon, bounded_input, &normalization);
                let found = Verifier::new(net.clone())
                    .with_config(config.clone())
                    .bounds(inputs.clone(), &region, &Specification::Outputs)
                    .unwrap();
                let mut region = Perturbation::ball(norm, epsilon);
                if bounded_input {
                    region = region.with_range(0.0, 1.0);
                }
                let expected = Verifier::new(on_pixels.clone())
                    .with_config(config)
                    .bounds(pixels.clone(), &region, &Specification::Outputs)
                    .unwrap();
                let case = format!("{norm:?}, bounded input {bounded_input}, {method}");
                for (found, expected) in
                    [(found.lower, expected.lower), (found.upper, expected.upper)]
                {
                    let difference = (found - expected).abs().max().into_scalar::<f64>();
                    assert!(difference < 1e-4, "{case}: they differ by {difference}");
                }
            }
        }
    }
}

#[test]
fn training_batches_are_cropped_flipped_and_normalised() {
    let Some(images) = test_images() else { return };
    let images = Arc::new(images.take(64).normalized(true));
    let (shape, augmentation) = (images.shape(), images.augmentation());
    let black: Vec<f32> = {
        let statistics = images.normalization();
        let of = |(mean, std): (&f64, &f64)| -*mean as f32 / *std as f32;
        statistics
            .mean()
            .iter()
            .zip(statistics.std())
            .map(of)
            .collect()
    };
    let loader = RobustDataLoader::new(images.clone(), images.batcher(), 16)
        .unwrap()
        .with_device(&test_device())
        .with_shuffle(3)
        .with_transform(3, move |item, random| {
            augmentation.apply(item, shape, random)
        });
    let epoch = |epoch| -> Vec<f32> {
        loader
            .epoch(epoch)
            .flat_map(|batch| {
                batch
                    .unwrap()
                    .images
                    .into_data()
                    .iter::<f32>()
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    assert_eq!(epoch(0), epoch(0));
    assert_ne!(epoch(0), epoch(1));
    // The frame of a crop is black before the normalisation.
    let values = epoch(0);
    let framed = values
        .chunks_exact(3 * 1024)
        .filter(|image| {
            image.chunks_exact(1024).zip(&black).all(|(plane, &black)| {
                let rows = plane[..32]
                    .iter()
                    .chain(&plane[31 * 32..])
                    .collect::<Vec<_>>();
                let is_black = |value: &&f32| (**value - black).abs() < 1e-5;
                rows[..32].iter().all(is_black) || rows[32..].iter().all(is_black)
            })
        })
        .count();
    // Eight crops of nine leave the first or the last row black.
    assert!(framed > 64 / 2, "{framed} of 64 images");
}
