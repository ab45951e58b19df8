//! The loops against Burn's operations: values and gradients.

use burn::tensor::{DType, Device, Tensor, TensorData};
use proptest::prelude::*;

use super::{AnyTensor, Surrounds};
use crate::tensor::native::devices;

type Compute = fn(&Surrounds, &AnyTensor) -> Option<[AnyTensor; 2]>;

/// The ends of boxes, and the gradient of a sum of them.
fn outcome(
    surrounds: &Surrounds,
    x: &Tensor<3>,
    tracked: bool,
    compute: Compute,
) -> Option<Vec<Vec<f64>>> {
    let x = if tracked {
        x.clone().require_grad()
    } else {
        x.clone()
    };
    let ends = compute(surrounds, &AnyTensor::new(x.clone()))?;
    let mut results: Vec<Vec<f64>> = ends.iter().cloned().map(AnyTensor::values).collect();
    if tracked {
        let [lower, upper] = ends.map(AnyTensor::into_tensor::<3>);
        let weight = x.clone().detach() * 3.0 + 1.0;
        let gradients = (lower * weight.clone() - upper * weight * 2.0)
            .sum()
            .backward();
        let gradient = x.grad(&gradients).map(AnyTensor::new);
        results.push(gradient.map_or(vec![], AnyTensor::values));
    }
    Some(results)
}

fn of_channels(values: &[f64], device: &Device, dtype: DType) -> AnyTensor {
    let data = TensorData::new(values.to_vec(), [1, values.len(), 1]).convert_dtype(dtype);
    AnyTensor::new(Tensor::<3>::from_data(data, (device, dtype)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Points in the range, at its ends, and a little outside; one number for all channels or one for
    /// each; several parts of a run.
    #[test]
    fn loops_are_the_composed_operations(
        batch in 1_usize..4,
        channels in 1_usize..4,
        points in prop::collection::vec(prop_oneof![
            8 => (0_u8..9).prop_map(|eighths| f64::from(eighths) / 8.0),
            8 => 0.0_f64..1.0,
            1 => Just(1.000_005),
        ], 1..20),
        repeat in prop_oneof![8 => Just(1_usize), 1 => Just(3000)],
        (each_radius, each_end, ranged, tracked) in any::<(bool, bool, bool, bool)>(),
        double in any::<bool>(),
        lost in prop_oneof![6 => Just(None), 1 => Just(Some(f64::NAN)), 1 => Just(Some(1.01)), 1 => Just(Some(-0.5))],
        at in any::<prop::sample::Index>(),
    ) {
        for device in devices() {
            let device = if tracked { device.autodiff() } else { device };
            let dtype = if double { DType::F64 } else { DType::F32 };
            let count = batch * channels * points.len() * repeat;
            let mut values: Vec<f64> = points.iter().copied().cycle().take(count).collect();
            if let Some(lost) = lost {
                values[at.index(count)] = lost;
            }
            let data = TensorData::new(values, [batch, channels, points.len() * repeat]);
            let x = Tensor::<3>::from_data(data.convert_dtype(dtype), (&device, dtype));
            let plain = device.clone().inner();
            let numbers = |each: bool, first: f64, step: f64| {
                let count = if each { channels } else { 1 };
                let values: Vec<f64> = (0..count).map(|at| first + step * at as f64).collect();
                of_channels(&values, &plain, dtype)
            };
            let surrounds = Surrounds {
                radius: numbers(each_radius, 0.25, 0.125),
                range: ranged.then(|| [
                    numbers(each_end, 0.0, 0.0),
                    numbers(!each_end, 1.0, 0.0),
                ]),
            };
            let by = |compute: Compute| outcome(&surrounds, &x, tracked, compute);
            let (made, expected) = (by(Surrounds::of), by(Surrounds::composed));
            if ranged {
                prop_assert_eq!(made.is_some(), lost.is_none());
            }
            // What is not a number is not equal to itself.
            prop_assert_eq!(format!("{made:?}"), format!("{expected:?}"));
        }
    }
}
