//! The loops against Burn's operations: values and gradients.

use burn::tensor::{DType, Tensor, TensorData};
use proptest::prelude::*;

use super::{AnyTensor, Chord, Steep};
use crate::tensor::native::devices;

type Compute = fn(AnyTensor, AnyTensor, Option<Steep>) -> Chord;

/// What is made of intervals, and the gradients of a sum of slopes and intercepts.
fn outcome(
    ends: &[Tensor<2>; 2],
    tracked: [bool; 2],
    used: [bool; 2],
    steep: Option<Steep>,
    compute: Compute,
) -> Vec<Vec<f64>> {
    let [lower, upper] = [0, 1].map(|end: usize| match tracked[end] {
        true => ends[end].clone().require_grad(),
        false => ends[end].clone(),
    });
    let asked = [&lower, &upper].map(|end| AnyTensor::new(end.clone()));
    let [first, second] = asked;
    let chord = compute(first, second, steep);
    let marks = chord.steep.map(AnyTensor::values);
    let mut results = vec![
        chord.slope.clone().values(),
        chord.intercept.clone().values(),
        marks.unwrap_or_default(),
    ];
    if tracked.contains(&true) && used.contains(&true) {
        // Each element's gradient is one of its own.
        let weight = ends[0].clone().detach() * 3.0 + 1.0;
        let terms = [(chord.slope, 1.0), (chord.intercept, -2.0)];
        let loss = terms
            .into_iter()
            .zip(used)
            .filter(|(_, used)| *used)
            .map(|((term, factor), _)| (term.into_tensor::<2>() * weight.clone()).sum() * factor)
            .reduce(|sum, term| sum + term)
            .expect("one is used");
        let gradients = loss.backward();
        for end in [lower, upper] {
            let gradient = end.grad(&gradients).map(AnyTensor::new);
            results.push(gradient.map_or(vec![], AnyTensor::values));
        }
    }
    results
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Intervals on each side of zero, around it, with ends at it, and without width.
    #[test]
    fn loops_are_the_composed_operations(
        intervals in prop::collection::vec((-6_i8..7, 0_u8..6), 1..60),
        scale in 0.1_f64..2.0,
        repeat in prop_oneof![4 => Just(1_usize), 1 => Just(300)],
        (tracked, used) in any::<([bool; 2], [bool; 2])>(),
        steep in prop_oneof![
            Just(None),
            Just(Some(Steep::Above(0.5))),
            Just(Some(Steep::Above(0.0))),
            Just(Some(Steep::AtLeast(1.0))),
        ],
        (double, view) in any::<(bool, bool)>(),
    ) {
        for device in devices() {
            let device = if tracked == [false; 2] { device } else { device.autodiff() };
            let dtype = if double { DType::F64 } else { DType::F32 };
            let tensor = |of: &dyn Fn(f64, f64) -> f64| {
                let values = intervals.iter().map(|&(low, width)| of(low.into(), width.into()) * scale);
                let values: Vec<f64> = values.collect();
                let shape = [values.len(), 1];
                let data = TensorData::new(values, shape).convert_dtype(dtype);
                let tensor = Tensor::<2>::from_data(data, (&device, dtype));
                if view {
                    tensor.expand([shape[0], repeat])
                } else {
                    tensor.repeat_dim(1, repeat)
                }
            };
            let ends = [tensor(&|low, _| low), tensor(&|low, width| low + width)];
            let by = |compute: Compute| outcome(&ends, tracked, used, steep, compute);
            let (made, expected) = (by(Chord::new), by(Chord::composed));
            prop_assert_eq!(&made[..3], &expected[..3]);
            let precision = if double { 1e-12 } else { 1e-4 };
            prop_assert_eq!(made.len(), expected.len());
            for (made, expected) in made[3..].iter().zip(&expected[3..]) {
                prop_assert_eq!(made.len(), expected.len());
                for (made, expected) in made.iter().zip(expected) {
                    let allowed = precision * expected.abs().max(1.0);
                    prop_assert!((made - expected).abs() <= allowed, "{} {}", made, expected);
                }
            }
        }
    }
}
