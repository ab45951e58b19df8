//! The loops against Burn's operations: values and gradients.
#![allow(clippy::unwrap_used)]

use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{DType, Device, Distribution, Tensor, TensorData};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::test_moves::Moves;
use super::{AnyTensor, Convolve, Dims, sums_of_rows};
use crate::tensor::native::devices;

/// One convolution, or a transposed one.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) rows: usize,
    pub(super) groups: usize,
    /// Of the input and of the output, in a group.
    pub(super) channels: [usize; 2],
    pub(super) size: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: [usize; 2],
    pub(super) dilation: usize,
    pub(super) transposed: bool,
    /// With a bias, or the adjoint with the weighted sums of its rows.
    pub(super) bias: bool,
    /// Input or forms, weights, and bias or weights of channels.
    pub(super) tracked: [bool; 3],
    pub(super) double: bool,
    pub(super) seed: u64,
}

pub(super) fn cases() -> impl Strategy<Value = Case> {
    cases_of(prop_oneof![
        [1_usize..6, 1_usize..6],
        [1_usize..4, 7_usize..18],
        [30_usize..34, 30_usize..34]
    ])
}

/// With so many channels that they are in the lanes where the gradient of weights is computed.
pub(super) fn wide_cases() -> impl Strategy<Value = Case> {
    let channels = prop_oneof![
        [8_usize..20, 24_usize..36],
        [24_usize..36, 8_usize..20],
        [13_usize..17, 13_usize..17]
    ];
    cases_of(channels)
}

fn cases_of(channels: impl Strategy<Value = [usize; 2]>) -> impl Strategy<Value = Case> {
    let rows = prop_oneof![8_usize..80, 120_usize..300];
    let moves = (1_usize..6, 1_usize..4, [0_usize..3, 0_usize..3], 1_usize..3);
    let options = (
        any::<(bool, bool)>(),
        any::<[bool; 3]>(),
        any::<bool>(),
        any::<u64>(),
    );
    (rows, 1_usize..3, channels, 0_usize..8, moves, options).prop_map(
        |(rows, groups, channels, more, moves, options)| {
            let (kernel, stride, padding, dilation) = moves;
            let ((transposed, bias), tracked, double, seed) = options;
            Case {
                // What is large in one way is small in the other.
                rows: if channels[0] < 20 { rows } else { rows.min(40) },
                groups,
                channels,
                size: dilation * (kernel - 1) + 1 + more,
                kernel,
                stride,
                padding,
                dilation,
                transposed,
                bias,
                tracked,
                double,
                seed,
            }
        },
    )
}

impl Case {
    /// The outputs, and the gradients that are asked for; those of Burn's operations with double
    /// precision.
    fn outcome<const N: usize>(&self, native: bool, device: &Device) -> Vec<Vec<f64>>
    where
        Dims<N>: Convolve<N>,
    {
        let mut draw = StdRng::seed_from_u64(self.seed);
        let dtype = if self.double || !native {
            DType::F64
        } else {
            DType::F32
        };
        let device = if self.tracked.contains(&true) {
            device.clone().autodiff()
        } else {
            device.clone()
        };
        let mut random = |shape: Vec<usize>, tracked: bool| {
            let count = shape.iter().product();
            let numbers = (0..count).map(|_| f64::from(draw.random_range(-1.0..1.0_f32)));
            let numbers: Vec<f64> = numbers.collect();
            let flat = Tensor::<1>::from_data(TensorData::new(numbers, [count]), (&device, dtype));
            let flat = if tracked { flat.require_grad() } else { flat };
            (flat.clone(), AnyTensor::new(flat).reshape(&shape))
        };
        let [inputs, outputs] = self.channels.map(|channels| channels * self.groups);
        let places = |size| std::iter::repeat_n(size, N);
        let input: Vec<_> = ([self.rows, inputs].into_iter())
            .chain(places(self.size))
            .collect();
        let weights = if self.transposed {
            [inputs, self.channels[1]]
        } else {
            [outputs, self.channels[0]]
        };
        let weights: Vec<_> = weights.into_iter().chain(places(self.kernel)).collect();
        let moves = self.moves::<N>();
        let x = if self.bias {
            input.clone()
        } else {
            moves.output_shape(&input, &weights)
        };
        let (x, weights, more) = (
            random(x, self.tracked[0]),
            random(weights, self.tracked[1]),
            random(vec![outputs], self.tracked[2]),
        );
        let (a, w, m) = (x.1.clone(), weights.1.clone(), more.1.clone());
        let out = match (native, self.bias) {
            (true, true) => vec![moves.native(a, w, Some(m))],
            (false, true) => vec![moves.composed(a, w, Some(m))],
            (true, false) => {
                let (out, sums) = moves.adjoint(a, w, Some(m), &input[2..]);
                vec![out, sums.unwrap()]
            }
            (false, false) => {
                let sums = sums_of_rows(a.clone(), m);
                vec![moves.composed_adjoint(a, w, &input[2..]), sums]
            }
        };
        let mut results: Vec<_> = out.iter().cloned().map(AnyTensor::values).collect();
        if self.tracked.contains(&true) {
            let flat = |out: AnyTensor| {
                let count = out.shape().iter().product();
                out.reshape(&[count]).into_tensor::<1>()
            };
            // The gradient of every element of the outputs is one of its own.
            let squares = out
                .into_iter()
                .map(flat)
                .map(|out| (out.clone() * out).sum());
            let grads = squares.reduce(|sum, part| sum + part).unwrap().backward();
            for (leaf, _) in [&x, &weights, &more] {
                let grad = leaf.grad(&grads);
                results.push(grad.map_or(vec![], |grad| AnyTensor::new(grad).values()));
            }
        }
        results
    }

    fn moves<const N: usize>(&self) -> Moves<N> {
        if self.transposed {
            let padding = self.padding[0].min((self.size - 1) * self.stride / 2);
            return Moves::Transposed(ConvTransposeOptions::new(
                [self.stride; N],
                [padding; N],
                [self.padding[1].min(self.stride - 1); N],
                [self.dilation; N],
                self.groups,
            ));
        }
        Moves::Plain(ConvOptions::new(
            [self.stride; N],
            [self.padding[0]; N],
            [self.dilation; N],
            self.groups,
        ))
    }

    fn check<const N: usize>(&self)
    where
        Dims<N>: Convolve<N>,
    {
        for device in devices() {
            let [own, expected] = [true, false].map(|native| self.outcome::<N>(native, &device));
            assert_alike(&own, &expected, self.double);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn loops_over_sequences_are_burns_convolutions(case in cases()) {
        case.check::<1>();
    }

    #[test]
    fn loops_over_images_are_burns_convolutions(case in cases()) {
        case.check::<2>();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn loops_over_images_of_many_channels_are_burns_convolutions(case in wide_cases()) {
        // Rows that are taken at once, and images that are taken in strips.
        let more = if case.seed % 2 == 0 { case.size } else { 17 };
        Case {
            rows: case.rows.min(45),
            size: case.size.max(more),
            ..case
        }
        .check::<2>();
    }

    /// Lines of which a strip has a part.
    #[test]
    fn loops_over_long_sequences_are_burns_convolutions(case in wide_cases()) {
        Case {
            rows: case.rows.min(33),
            size: case.size + 500,
            ..case
        }
        .check::<1>();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn loops_over_volumes_of_many_channels_are_burns_convolutions(case in wide_cases()) {
        Case {
            rows: case.rows.min(17),
            kernel: case.kernel.min(3),
            size: case.size.clamp(5, 8),
            padding: case.padding.map(|padding| padding.min(1)),
            ..case
        }
        .check::<3>();
    }

    #[test]
    fn loops_over_volumes_are_burns_convolutions(case in cases()) {
        Case {
            rows: case.rows.min(40),
            channels: case.channels.map(|channels| channels.min(5)),
            ..case
        }
        .check::<3>();
    }
}

pub(super) fn assert_alike(own: &[Vec<f64>], expected: &[Vec<f64>], double: bool) {
    assert_eq!(own.len(), expected.len());
    for (own, expected) in own.iter().zip(expected) {
        assert_eq!(own.len(), expected.len());
        let largest = expected.iter().fold(1.0_f64, |most, x| most.max(x.abs()));
        let allowed = largest * if double { 1e-12 } else { 1e-4 };
        for (own, expected) in own.iter().zip(expected) {
            assert!((own - expected).abs() <= allowed, "{own} is not {expected}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// `⟨conv(x), y⟩` is `⟨x, adjoint(y)⟩`, whatever padding is at each end.
    #[test]
    fn adjoints_are_adjoint(case in cases(), padding in [(0_usize..4, 0_usize..4), (0..4, 0..4)]) {
        let mut draw = StdRng::seed_from_u64(case.seed);
        let moves = match case.moves::<2>() {
            Moves::Plain(options) => Moves::Plain(ConvOptions { padding, ..options }),
            // An output padding as large as the stride leaves places that no input is behind.
            Moves::Transposed(options) => Moves::Transposed(ConvTransposeOptions {
                padding_out: padding.map(|(begin, _)| begin),
                ..options
            }),
        };
        let [inputs, outputs] = case.channels.map(|channels| channels * case.groups);
        let input = [case.rows, inputs, case.size, case.size];
        let weights = if case.transposed {
            [inputs, case.channels[1], case.kernel, case.kernel]
        } else {
            [outputs, case.channels[0], case.kernel, case.kernel]
        };
        for device in devices() {
            let mut random = |shape: &[usize]| {
                let count = shape.iter().product();
                let numbers = (0..count).map(|_| draw.random_range(-1.0..1.0_f64));
                let numbers = TensorData::new(numbers.collect::<Vec<_>>(), [count]);
                let flat = Tensor::<1>::from_data(numbers, (&device, DType::F64));
                AnyTensor::new(flat).reshape(shape)
            };
            let (x, weight) = (random(&input), random(&weights));
            let out = moves.native(x.clone(), weight.clone(), None);
            let form = random(&out.shape());
            let product = |a: AnyTensor, b: AnyTensor| {
                let products = a.values().into_iter().zip(b.values());
                products.map(|(a, b)| a * b).sum::<f64>()
            };
            let expected = product(out, form.clone());
            let (own, sums) = moves.adjoint(form.clone(), weight.clone(), None, &input[2..]);
            prop_assert!(sums.is_none());
            let composed = moves.composed_adjoint(form, weight, &input[2..]);
            for adjoint in [own, composed] {
                let actual = product(x.clone(), adjoint);
                let allowed = 1e-9 * expected.abs().max(1.0);
                prop_assert!((actual - expected).abs() < allowed, "{} {}", actual, expected);
            }
        }
    }
}

/// Padding that differs between the ends and between the dims, which Burn's options for convolutions
/// of images can say.
#[test]
fn padding_may_differ_at_the_ends() {
    for device in devices() {
        let random = |shape: [usize; 4]| {
            AnyTensor::new(Tensor::<4>::random(shape, Distribution::Default, &device))
        };
        let (x, weight) = (random([9, 2, 6, 5]), random([3, 2, 3, 2]));
        let padded = x.clone().pad(&[(0, 0), (0, 0), (1, 0), (0, 2)], 0.0);
        let plain = ConvOptions::new([2, 1], [0, 0], [1, 1], 1);
        let options = ConvOptions {
            padding: [(1, 0), (0, 2)],
            ..plain.clone()
        };
        let own = Dims::conv(x, weight.clone(), None, options).values();
        let expected = Dims::composed(padded, weight, None, plain).values();
        assert_eq!(own.len(), expected.len());
        for (own, expected) in own.into_iter().zip(expected) {
            assert!((own - expected).abs() < 1e-5, "{own} is not {expected}");
        }
    }
}
