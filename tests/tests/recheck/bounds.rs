//! The checker's bounds beside the library's and beside points of the region.

use burn::module::Module;
use burn::tensor::{DType, Int, Tensor, TensorData};
use burn_crown::recheck::{Recheck, RecheckRegion};
use burn_crown::{BoundConfig, LowerSlope, Method, Norm, Perturbation, Verifier};
use burn_crown_tests::parameters::map_parameters;
use burn_crown_tests::test_device;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::networks::{CLASSES, Net, SHAPE};

const SIZE: usize = SHAPE[0] * SHAPE[1] * SHAPE[2];
const LABEL: usize = 1;
const METHODS: [Method; 4] = [
    Method::Interval,
    Method::CrownIbp,
    Method::Crown,
    Method::ConvexAdversarial,
];
const NORMS: [(Norm, f64); 3] = [(Norm::Linf, 0.06), (Norm::L2, 0.3), (Norm::L1, 0.8)];
/// The radius of each channel, relative.
const SCALE: [f64; 2] = [0.5, 1.25];

fn image(random: &mut StdRng) -> Vec<f64> {
    let mut pixel = || f64::from(random.random_range(0.0_f32..1.0));
    (0..SIZE).map(|_| pixel()).collect()
}

fn tensor(values: &[f64], dtype: DType) -> Tensor<4> {
    let data = TensorData::new(values.to_vec(), [1, SHAPE[0], SHAPE[1], SHAPE[2]]);
    Tensor::from_data(data, (&test_device(), dtype))
}

fn region(image: &[f64], norm: Norm, epsilon: f64) -> RecheckRegion {
    RecheckRegion::new(image, SHAPE, norm, epsilon, &SCALE, Some((&[0.0], &[1.0]))).unwrap()
}

fn double(net: &Net) -> Net {
    map_parameters(net.valid(), DType::F64, |_, _, _| ())
}

/// The library's lower bounds, in `f64`.
fn library(net: &Net, image: &[f64], norm: Norm, epsilon: f64, config: &BoundConfig) -> Vec<f64> {
    let perturbation = Perturbation::ball(norm, epsilon)
        .with_channel_scale(SCALE.to_vec())
        .with_range(0.0, 1.0);
    let labels = Tensor::<1, Int>::from_ints([LABEL as i64], &test_device());
    let bounds = Verifier::new(double(net))
        .with_config(config.clone())
        .margins(tensor(image, DType::F64), labels, &perturbation)
        .unwrap();
    bounds.lower.into_data().iter::<f64>().collect()
}

#[test]
fn bounds_are_those_of_the_library() {
    let random = &mut StdRng::seed_from_u64(1);
    for (name, net) in Net::all(1, &test_device()) {
        let image = image(random);
        let checker = Recheck::new(&net, tensor(&image, DType::F32)).unwrap();
        assert_eq!(checker.classes(), CLASSES);
        for (norm, epsilon) in NORMS {
            let region = region(&image, norm, epsilon);
            for method in METHODS {
                for slope in [LowerSlope::Adaptive, LowerSlope::Zero, LowerSlope::One] {
                    let config = BoundConfig::new(method).with_slope(slope);
                    let expected = library(&net, &image, norm, epsilon, &config);
                    let found = checker
                        .margins(&region, LABEL, method, slope, false)
                        .unwrap();
                    for (found, expected) in found.iter().zip(&expected) {
                        // The checker may know more, where several affine layers follow each other
                        // behind a round region; it never knows less.
                        assert!(
                            *found >= expected - 1e-6,
                            "{name}, {norm:?}, {method}, {slope:?}: {found} for {expected}"
                        );
                        let better = norm != Norm::Linf || name == "pooled";
                        assert!(
                            better || *found <= expected + 1e-6,
                            "{name}, {norm:?}, {method}, {slope:?}: {found} for {expected}"
                        );
                    }
                }
            }
        }
    }
}

/// A point of the region: on its surface, at a corner or inside.
fn neighbour(image: &[f64], norm: Norm, epsilon: f64, random: &mut StdRng) -> Vec<f64> {
    let corner = random.random_bool(0.4);
    let sparse = random.random_bool(0.4);
    let change: Vec<f64> = (0..SIZE)
        .map(|_| {
            let uniform: f64 = random.random_range(-1.0..1.0);
            match (corner, sparse && random.random_bool(0.9)) {
                (_, true) => 0.0,
                (true, false) => uniform.signum(),
                (false, false) => uniform,
            }
        })
        .collect();
    let length: f64 = match norm {
        Norm::L1 => change.iter().map(|c| c.abs()).sum(),
        Norm::L2 => change.iter().map(|c| c * c).sum::<f64>().sqrt(),
        _ => change.iter().fold(0.0, |most, c| c.abs().max(most)),
    };
    let plane = SHAPE[1] * SHAPE[2];
    let radius = epsilon / length.max(1e-9);
    let moved = image.iter().zip(&change).enumerate();
    moved
        .map(|(at, (pixel, change))| (pixel + radius * SCALE[at / plane] * change).clamp(0.0, 1.0))
        .collect()
}

#[test]
fn every_point_of_the_region_is_within_the_bounds() {
    let random = &mut StdRng::seed_from_u64(2);
    for (name, net) in Net::all(2, &test_device()) {
        let image = image(random);
        let checker = Recheck::new(&net, tensor(&image, DType::F32)).unwrap();
        let double = double(&net);
        for (norm, epsilon) in NORMS {
            let region = region(&image, norm, epsilon);
            let bounds = METHODS.map(|method| {
                let slope = LowerSlope::Adaptive;
                (
                    method,
                    checker
                        .margins(&region, LABEL, method, slope, false)
                        .unwrap(),
                )
            });
            for _ in 0..60 {
                let point = neighbour(&image, norm, epsilon, random);
                let logits = double.forward(tensor(&point, DType::F64));
                let logits: Vec<f64> = logits.into_data().iter::<f64>().collect();
                let others = (0..CLASSES).filter(|&other| other != LABEL);
                let margins: Vec<f64> = others.map(|other| logits[LABEL] - logits[other]).collect();
                for (method, bounds) in &bounds {
                    for (margin, bound) in margins.iter().zip(bounds) {
                        assert!(
                            *bound <= margin + 1e-12,
                            "{name}, {norm:?}, {method}: {margin} is below {bound}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn at_radius_zero_the_bounds_are_the_margins() {
    let random = &mut StdRng::seed_from_u64(3);
    for (name, net) in Net::all(3, &test_device()) {
        let image = image(random);
        let checker = Recheck::new(&net, tensor(&image, DType::F32)).unwrap();
        let logits = double(&net).forward(tensor(&image, DType::F64));
        let logits: Vec<f64> = logits.into_data().iter::<f64>().collect();
        let region = region(&image, Norm::Linf, 0.0);
        for method in METHODS {
            let slope = LowerSlope::Adaptive;
            let bounds = checker.margins(&region, 0, method, slope, false).unwrap();
            for (other, bound) in (1..CLASSES).zip(bounds) {
                let margin = logits[0] - logits[other];
                let gap = margin - bound;
                assert!(
                    (0.0..1e-10).contains(&(gap + 1e-13)),
                    "{name}, {method}: {bound} for {margin}"
                );
            }
        }
    }
}
