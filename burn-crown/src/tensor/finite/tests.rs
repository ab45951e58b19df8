//! Numbers that are not finite, wherever they are, by the loop and by Burn's operations.
#![allow(clippy::unwrap_used)]

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::{AnyTensor, composed};
use crate::tensor::native::devices;

/// Lengths around those of lanes and of what goes to several threads.
const LENGTHS: [usize; 12] = [
    0, 1, 2, 3, 63, 64, 65, 1001, 65_535, 65_536, 65_537, 200_003,
];

/// Whether the numbers are all finite, which the loop and Burn's operations agree on.
fn finite(numbers: &AnyTensor) -> bool {
    let found = [numbers.clone().zero_or_nan(), composed(numbers.clone())].map(|sum| {
        assert_eq!((sum.shape(), sum.dtype()), (vec![1], numbers.dtype()));
        let sum = sum.values()[0];
        assert!(sum == 0.0 || sum.is_nan(), "{sum}");
        sum == 0.0
    });
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], numbers.is_finite());
    found[0]
}

fn tensor(values: &[f64], dtype: DType, device: &Device) -> AnyTensor {
    let data = TensorData::new(values.to_vec(), [values.len()]).convert_dtype(dtype);
    AnyTensor::new(Tensor::<1>::from_data(data, (device, dtype)))
}

#[test]
fn a_number_that_is_not_finite_is_found_wherever_it_is() {
    for device in devices() {
        for dtype in [DType::F32, DType::F64] {
            for length in LENGTHS {
                let mut values: Vec<f64> = (0..length).map(|at| (at as f64).sin()).collect();
                assert!(finite(&tensor(&values, dtype, &device)), "{length} numbers");
                let mut places = vec![0, length / 2, length / 3, length.saturating_sub(1)];
                places.retain(|&place| place < length);
                for place in places {
                    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                        let good = std::mem::replace(&mut values[place], bad);
                        let found = finite(&tensor(&values, dtype, &device));
                        assert!(!found, "{bad} at {place} of {length}, {dtype:?}");
                        values[place] = good;
                    }
                }
            }
        }
    }
}

#[test]
fn large_numbers_are_no_false_alarm() {
    for device in devices() {
        for (dtype, largest) in [(DType::F32, f64::from(f32::MAX)), (DType::F64, f64::MAX)] {
            for values in [
                vec![largest; 200_003],
                vec![-largest; 1001],
                vec![0.0, -0.0, largest, -largest, 1e-310, 1e-40],
            ] {
                assert!(finite(&tensor(&values, dtype, &device)));
            }
        }
    }
}

#[test]
fn views_are_looked_at_alone() {
    for device in devices() {
        let mut values: Vec<f64> = (0..300 * 400).map(|at| (at as f64).cos()).collect();
        values[150 * 400 + 7] = f64::NAN;
        let whole = tensor(&values, DType::F32, &device).reshape(&[300, 400]);
        let whole: Tensor<2> = whole.into_tensor();
        for (view, expected) in [
            (whole.clone().transpose(), false),
            (whole.clone().narrow(0, 0, 150), true),
            (whole.clone().narrow(0, 150, 1), false),
            (whole.clone().narrow(1, 8, 392), true),
            (whole.clone().narrow(1, 7, 1).transpose(), false),
            (whole.narrow(1, 0, 7).transpose(), true),
        ] {
            assert_eq!(finite(&AnyTensor::new(view)), expected);
        }
    }
}

#[test]
fn a_tensor_that_autodiff_tracks_is_looked_at_without_it() {
    for device in devices() {
        let device = device.autodiff();
        let tracked = Tensor::<2>::ones([3, 5], &device).require_grad() * 2.0;
        let sum = AnyTensor::new(tracked).zero_or_nan();
        assert!(!sum.device().is_autodiff());
        assert_eq!(sum.values(), [0.0]);
    }
}
