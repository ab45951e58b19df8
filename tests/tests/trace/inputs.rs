//! Forward passes with several inputs.

use burn::module::Module;
use burn::nn;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn_crown::{
    BoundConfig, BoundError, Bounded, Input, Method, Perturbation, Specification, TraceError,
    Verifier,
};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::sound::METHODS;
use burn_crown_tests::test_device;

use crate::{input, linear};

#[derive(Module, Bounded, Debug)]
struct TwoInputs {
    first: nn::Linear,
    second: nn::Linear,
}

impl TwoInputs {
    fn forward(&self, x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
        relu(self.first.forward(x)) - self.second.forward(y)
    }
}

#[test]
fn a_second_input_fixed_or_perturbed() {
    let module = TwoInputs {
        first: linear(3, 2),
        second: linear(4, 2),
    };
    let device = test_device();
    let second = Tensor::<2>::from_floats([[1., 2., -1., 0.5], [0.3, 0.1, 0.2, -2.0]], &device);
    let small = Perturbation::linf(0.1);
    let widths_by = |method: Method, inputs: Vec<Input>| {
        let verifier = Verifier::new(module.clone()).with_config(BoundConfig::new(method));
        let bounds = verifier.bounds_of(inputs, &Specification::Outputs).unwrap();
        to_vec(bounds.upper - bounds.lower)
    };
    let (perturbed, fixed) = (Input::perturbed::<2>, Input::fixed::<2>);
    for method in METHODS {
        let widths = |inputs: Vec<Input>| widths_by(method, inputs);
        let both = widths(vec![
            perturbed(input(), small.clone()),
            perturbed(second.clone(), small.clone()),
        ]);
        let first = widths(vec![
            perturbed(input(), small.clone()),
            fixed(second.clone()),
        ]);
        let last = widths(vec![
            fixed(input()),
            perturbed(second.clone(), small.clone()),
        ]);
        for ((both, first), last) in both.iter().zip(first).zip(last) {
            assert!(first > 1e-3 && last > 1e-3, "{method}: {first} {last}");
            assert!(
                (both - first - last).abs() < 1e-5,
                "{method}: {both} is not {first} + {last}"
            );
        }
    }

    // A fixed input of one row serves all images, and its values count.
    let row = second.clone().narrow(0, 0, 1);
    let one = Verifier::new(module.clone())
        .bounds_of(
            vec![perturbed(input(), small.clone()), fixed(row.clone())],
            &Specification::Outputs,
        )
        .unwrap();
    let output = to_vec(module.forward(input(), row.repeat_dim(0, 2)));
    for ((lower, upper), value) in to_vec(one.lower).iter().zip(to_vec(one.upper)).zip(output) {
        assert!(
            *lower <= value && value <= upper,
            "{value} is not in [{lower}, {upper}]"
        );
    }

    let verifier = Verifier::new(module);
    let error = |inputs| {
        verifier
            .bounds_of(inputs, &Specification::Outputs)
            .unwrap_err()
    };
    assert_eq!(
        error(vec![fixed(input()), fixed(second.clone())]),
        BoundError::Trace(TraceError::IndependentOutput)
    );
    assert_eq!(
        error(vec![perturbed(input(), small.clone())]),
        BoundError::Trace(TraceError::InputCount {
            expected: 2,
            given: 1
        })
    );
    assert_eq!(
        error(vec![
            perturbed(input(), small.clone()),
            perturbed(second.narrow(0, 0, 1), small),
        ]),
        BoundError::Trace(TraceError::BatchMismatch {
            index: 1,
            expected: 2,
            given: 1
        })
    );
}
