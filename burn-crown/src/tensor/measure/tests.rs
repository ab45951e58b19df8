//! The loops against Burn's operations.

use burn::tensor::{DType, Tensor, TensorData};

use super::{AnyTensor, Measure};
use crate::tensor::native::devices;

/// An interval, whether it is finite, and whether zero is in it with numbers on both sides.
type Case = (f64, f64, bool, bool);

#[test]
fn each_image_is_measured_by_itself() {
    for device in devices() {
        for (dtype, largest) in [(DType::F32, f64::from(f32::MAX)), (DType::F64, f64::MAX)] {
            let cases: [Case; 9] = [
                (-1.0, 2.0, true, true),
                // The width overflows, though the ends are finite.
                (-largest, largest, false, true),
                (0.0, f64::INFINITY, false, false),
                (f64::NAN, 1.0, false, false),
                (-1.0, f64::NAN, false, true),
                (largest, largest, true, false),
                (-1.0, 0.0, true, false),
                (0.0, 1.0, true, false),
                (-2.0, -1.0, true, false),
            ];
            for features in [1, 63, 64, 65, 70_001] {
                let end = |of: fn(&Case) -> f64| {
                    let image = |case| {
                        let element = move |at| if at == features / 2 { of(case) } else { 0.5 };
                        (0..features).map(element)
                    };
                    let values: Vec<f64> = cases.iter().flat_map(image).collect();
                    let data = TensorData::new(values, [cases.len(), features]);
                    let data = data.convert_dtype(dtype);
                    AnyTensor::new(Tensor::<2>::from_data(data, (&device, dtype)))
                };
                let (lower, upper) = (end(|case| case.0), end(|case| case.1));
                for compute in [AnyTensor::measured, AnyTensor::measured_composed] {
                    let by = |measure| compute(lower.clone(), upper.clone(), measure).values();
                    let finite = by(Measure::ZeroIfFinite).into_iter().map(|sum| sum == 0.0);
                    let open = by(Measure::Straddles).into_iter().map(|count| count == 1.0);
                    let found: Vec<_> = finite.zip(open).collect();
                    assert_eq!(found, cases.map(|case| (case.2, case.3)));
                }
            }
        }
    }
}
