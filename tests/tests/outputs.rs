//! Forward passes that give several tensors.
#![allow(clippy::unwrap_used)]

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Distribution, Tensor, activation::relu};
use burn_crown::{
    AnyTensor, BoundConfig, BoundError, Bounded, Bounds, GraphCache, Perturbation, Signature,
    Specification, TraceError, Verifier,
};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::sound::METHODS;
use burn_crown_tests::test_device;

/// Two heads on one body; the second is read by rows.
#[derive(Module, Bounded, Debug)]
struct TwoHeads {
    body: Linear,
    class: Linear,
    place: Linear,
}

impl TwoHeads {
    fn new(device: &Device) -> Self {
        Self {
            body: LinearConfig::new(3, 6).init(device),
            class: LinearConfig::new(6, 4).init(device),
            place: LinearConfig::new(4, 6).init(device),
        }
    }

    fn forward(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<3>) {
        let class = self.class.forward(relu(self.body.forward(x)));
        let place = self.place.forward(relu(class.clone()));
        let [batch, _] = place.dims();
        (class, place.reshape([batch, 2, 3]))
    }
}

/// One head of [`TwoHeads`] as the only output.
#[derive(Module, Bounded, Debug)]
struct SecondHead {
    both: TwoHeads,
}

impl SecondHead {
    fn forward(&self, x: Tensor<2>) -> Tensor<3> {
        self.both.forward(x).1
    }
}

fn assert_same(found: &Bounds, expected: &Bounds, what: &str) {
    assert_eq!(
        to_vec(found.lower.clone()),
        to_vec(expected.lower.clone()),
        "{what}"
    );
    assert_eq!(
        to_vec(found.upper.clone()),
        to_vec(expected.upper.clone()),
        "{what}"
    );
}

#[test]
fn each_output_has_the_bounds_that_it_has_alone() {
    let device = test_device();
    device.seed(1);
    let both = TwoHeads::new(&device);
    let alone = SecondHead { both: both.clone() };
    let x = Tensor::<2>::random([3, 3], Distribution::Default, &device);
    let region = Perturbation::l2(0.4);
    for method in METHODS {
        let config = BoundConfig::new(method);
        let analysis = GraphCache::new()
            .analyse(&both, x.clone(), &region)
            .unwrap();
        let first = analysis.bounds(&Specification::Outputs, &config).unwrap();
        let second = analysis.with_output(1).unwrap();
        let second = second.bounds(&Specification::Outputs, &config).unwrap();
        assert_eq!((first.lower.dims(), second.lower.dims()), ([3, 4], [3, 6]));
        let expected = Verifier::new(alone.clone()).with_config(config.clone());
        let expected = expected
            .bounds(x.clone(), &region, &Specification::Outputs)
            .unwrap();
        assert_same(&second, &expected, &format!("{method}"));
        let verifier = Verifier::new(both.clone())
            .with_config(config)
            .with_output(1);
        let found = verifier
            .bounds(x.clone(), &region, &Specification::Outputs)
            .unwrap();
        assert_same(&found, &expected, &format!("{method}, by the verifier"));
    }
}

#[test]
fn bounds_of_every_output_hold() {
    let device = test_device();
    for case in 0..20 {
        device.seed(case);
        let model = TwoHeads::new(&device);
        let x = Tensor::<2>::random([2, 3], Distribution::Default, &device);
        for method in METHODS {
            let region = Perturbation::linf(0.3);
            let mut analysis = GraphCache::new()
                .analyse(&model, x.clone(), &region)
                .unwrap();
            for output in 0..2 {
                analysis = analysis.with_output(output).unwrap();
                let config = BoundConfig::new(method);
                let bounds = analysis.bounds(&Specification::Outputs, &config).unwrap();
                let (lower, upper) = (to_vec(bounds.lower), to_vec(bounds.upper));
                for _ in 0..20 {
                    let step = Tensor::random([2, 3], Distribution::Uniform(-0.3, 0.3), &device);
                    let values = model.forward_all(vec![AnyTensor::new(x.clone() + step)]);
                    let values = match output {
                        0 => to_vec(values[0].clone().into_tensor::<2>()),
                        _ => to_vec(values[1].clone().into_tensor::<3>()),
                    };
                    for ((value, low), high) in values.iter().zip(&lower).zip(&upper) {
                        let slack = 1e-5 * (1.0 + value.abs());
                        assert!(
                            *low <= value + slack && *value <= high + slack,
                            "{method}, output {output}, case {case}: {low} {value} {high}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn ranks_and_missing_outputs() {
    let device = test_device();
    let model = TwoHeads::new(&device);
    let (inputs, outputs) = (vec![2], vec![2, 3]);
    assert_eq!(TwoHeads::signature(), Signature { inputs, outputs });
    let x = Tensor::<2>::ones([1, 3], &device);
    let verifier = Verifier::new(model).with_output(2);
    let error = verifier
        .bounds(x, &Perturbation::linf(0.1), &Specification::Outputs)
        .unwrap_err();
    assert_eq!(
        error,
        BoundError::Output {
            output: 2,
            outputs: 2
        }
    );
    assert!(error.to_string().contains("there is no output 2"));
}

/// Its second output is the same for all inputs.
#[derive(Module, Bounded, Debug)]
struct Constant {
    layer: Linear,
}

impl Constant {
    fn forward(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        (self.layer.forward(x.clone()), x.zeros_like())
    }
}

#[test]
fn an_output_that_does_not_depend_on_the_input_is_refused_alone() {
    let device = test_device();
    let layer = LinearConfig::new(2, 2).init(&device);
    let verifier = Verifier::new(Constant { layer });
    let bounds = |verifier: Verifier<Constant>| {
        let x = Tensor::<2>::ones([1, 2], &device);
        verifier.bounds(x, &Perturbation::linf(0.1), &Specification::Outputs)
    };
    assert!(bounds(verifier.clone()).is_ok());
    let refused = bounds(verifier.with_output(1)).unwrap_err();
    assert_eq!(refused, BoundError::Trace(TraceError::IndependentOutput));
}
