//! The loops over boxes against centre and radius by Burn's operations: values and gradients.
#![allow(clippy::unwrap_used)]

use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{DType, Tensor, TensorData};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::tests::{Case, assert_alike, cases, wide_cases};
use super::{AnyTensor, Boxes, Convolve, Dims, around_boxes};
use crate::tensor::native::devices;

/// Which of the ends of a box something is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Used {
    Lower,
    Upper,
    Both,
}

/// Convolutions of boxes, or of their positive parts, by their own loops, against centre and radius by
/// Burn's operations with double precision.
fn check_boxes(case: &Case, used: Used, rectified: bool) {
    for device in devices() {
        let outcome = |native: bool| {
            let mut draw = StdRng::seed_from_u64(case.seed);
            let dtype = if case.double || !native {
                DType::F64
            } else {
                DType::F32
            };
            let device = if case.tracked.contains(&true) {
                device.clone().autodiff()
            } else {
                device.clone()
            };
            let mut random = |shape: &[usize], least: f32, tracked: bool| {
                let count = shape.iter().product();
                let numbers = (0..count).map(|_| f64::from(draw.random_range(least..1.0_f32)));
                let data = TensorData::new(numbers.collect::<Vec<f64>>(), [count]);
                let flat = Tensor::<1>::from_data(data, (&device, dtype));
                let flat = if tracked { flat.require_grad() } else { flat };
                (flat.clone(), AnyTensor::new(flat).reshape(shape))
            };
            let [inputs, outputs] = case.channels.map(|channels| channels * case.groups);
            let shape = [case.rows, inputs, case.size, case.size];
            let weights = if case.transposed {
                [inputs, case.channels[1], case.kernel, case.kernel]
            } else {
                [outputs, case.channels[0], case.kernel, case.kernel]
            };
            let lower = random(&shape, -1.0, case.tracked[0]);
            let width = random(&shape, 0.0, case.tracked[0]);
            let weights = random(&weights, -1.0, case.tracked[1]);
            let bias = random(&[outputs], -1.0, case.tracked[2]);
            let boxes = Boxes {
                lower: lower.1.clone(),
                upper: lower.1.clone().add(width.1.clone()),
                rectified,
            };
            let of_bias = case.bias.then(|| bias.1.clone());
            let w = weights.1.clone();
            let out = if case.transposed {
                let padding = case.padding[0].min((case.size - 1) * case.stride / 2);
                let options = ConvTransposeOptions::new(
                    [case.stride; 2],
                    [padding; 2],
                    [case.padding[1].min(case.stride - 1); 2],
                    [case.dilation; 2],
                    case.groups,
                );
                if native {
                    Dims::conv_transpose_of_boxes(boxes, w, of_bias, options)
                } else {
                    around_boxes(boxes.ends(), w, of_bias, |x, weight, bias| {
                        Dims::composed_transpose(x, weight, bias, options.clone())
                    })
                }
            } else {
                let options = ConvOptions::new(
                    [case.stride; 2],
                    [case.padding[0]; 2],
                    [case.dilation; 2],
                    case.groups,
                );
                if native {
                    Dims::conv_of_boxes(boxes, w, of_bias, options)
                } else {
                    around_boxes(boxes.ends(), w, of_bias, |x, weight, bias| {
                        Dims::composed(x, weight, bias, options.clone())
                    })
                }
            };
            let mut results: Vec<_> = out.iter().cloned().map(AnyTensor::values).collect();
            let [of_ends, of_weights, of_bias] = case.tracked;
            if of_ends || of_weights || (of_bias && case.bias) {
                let squares = out.into_iter().enumerate().filter_map(|(index, out)| {
                    let unused = [Used::Upper, Used::Lower][index];
                    let count = out.shape().iter().product();
                    let flat = out.reshape(&[count]).into_tensor::<1>();
                    (used != unused).then(|| (flat.clone() * flat).sum())
                });
                let grads = squares.reduce(|sum, part| sum + part).unwrap().backward();
                for (leaf, _) in [&lower, &width, &weights, &bias] {
                    let grad = leaf.grad(&grads);
                    results.push(grad.map_or(vec![], |grad| AnyTensor::new(grad).values()));
                }
            }
            results
        };
        assert_alike(&outcome(true), &outcome(false), case.double);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn loops_over_boxes_are_centres_and_radii(
        case in cases(),
        used in prop_oneof![Just(Used::Lower), Just(Used::Upper), Just(Used::Both)],
        rectified in any::<bool>(),
    ) {
        check_boxes(&case, used, rectified);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn loops_over_boxes_of_many_channels_are_centres_and_radii(
        case in wide_cases(),
        used in prop_oneof![Just(Used::Lower), Just(Used::Upper), Just(Used::Both)],
        rectified in any::<bool>(),
    ) {
        check_boxes(&Case { rows: case.rows.min(45), ..case }, used, rectified);
    }
}
