//! What has no account of rounding is refused, by name.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{DType, Tensor};
use burn_crown::{
    Analysis, BoundConfig, BoundError, Bounded, GraphCache, Method, Perturbation, Projections,
    Rounding, Specification, Statement,
};
use burn_crown_tests::parameters::map_parameters;
use burn_crown_tests::{on_libtorch, test_device};

const REAL: Rounding = Rounding::Sound(Statement::RealNetwork);

/// The message of the refusal for inputs `[1, 4]`, with CROWN-IBP.
fn refusal<M: Bounded>(module: M, dtype: DType, rounding: Rounding) -> String {
    let module = map_parameters(module, dtype, |_, _, _| {});
    let x = Tensor::<2>::full([1, 4], 0.5, (&test_device(), dtype));
    let region = Perturbation::linf(0.1);
    let analysis = GraphCache::new().analyse(&module, x, &region).unwrap();
    let config = BoundConfig::new(Method::CrownIbp).with_rounding(rounding);
    let lower = analysis.lower(&Specification::Outputs, &config);
    match (lower, analysis.bounds(&Specification::Outputs, &config)) {
        (Err(BoundError::Rounding(lower)), Err(BoundError::Rounding(both))) => {
            assert_eq!(lower, both);
            both
        }
        other => panic!("not refused: {other:?}"),
    }
}

fn assert_names(message: &str, names: &[&str]) {
    for name in names {
        assert!(message.contains(name), "{name} is not in: {message}");
    }
}

fn linear(inputs: usize, outputs: usize) -> Linear {
    LinearConfig::new(inputs, outputs).init(&test_device())
}

#[derive(Module, Bounded, Debug)]
struct Plain {
    hidden: Linear,
    output: Linear,
}

impl Plain {
    fn new() -> Self {
        Self {
            hidden: linear(4, 5),
            output: linear(5, 2),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(x)))
    }
}

/// Weights that `forward` makes of its parameters.
#[derive(Module, Bounded, Debug)]
struct Normalised {
    weight: Param<Tensor<2>>,
}

impl Normalised {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let weight = self.weight.val();
        let norm = weight.clone().powf_scalar(2.0).sum_dim(0).sqrt();
        x.matmul(weight / norm)
    }
}

#[derive(Module, Bounded, Debug)]
struct Layered {
    hidden: Linear,
    norm: LayerNorm,
}

impl Layered {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.norm.forward(self.hidden.forward(x))
    }
}

#[test]
fn values_computed_from_parameters_are_refused() {
    let weight = Param::from_tensor(Tensor::ones([4, 3], &test_device()));
    let message = refusal(Normalised { weight }, DType::F64, REAL);
    assert_names(&message, &["operator `", "parameters"]);
}

#[derive(Module, Bounded, Debug)]
struct Stepped {
    hidden: Linear,
}

impl Stepped {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.hidden.forward(x).floor()
    }
}

#[test]
fn operators_without_an_account_are_refused() {
    let net = Stepped {
        hidden: linear(4, 5),
    };
    let message = refusal(net, DType::F64, REAL);
    assert_names(
        &message,
        &["operator `Floor`", "module `hidden`", "Rounding::Plain"],
    );
}

#[test]
fn operators_that_run_in_another_way_are_refused_as_they_run() {
    if on_libtorch() {
        return;
    }
    let net = Layered {
        hidden: linear(4, 5),
        norm: LayerNormConfig::new(5).init(&test_device()),
    };
    let message = refusal(net, DType::F32, Rounding::Sound(Statement::AsRun));
    assert_names(
        &message,
        &["operator `LayerNorm`", "module `norm`", "RealNetwork"],
    );
}

#[test]
fn half_precision_is_refused() {
    if on_libtorch() {
        return;
    }
    assert_names(&refusal(Plain::new(), DType::BF16, REAL), &["BF16", "f64"]);
}

#[test]
fn single_precision_on_libtorch_is_refused() {
    if on_libtorch() {
        let message = refusal(Plain::new(), DType::F32, REAL);
        assert_names(&message, &["Winograd", "f64", "Device::flex()"]);
    }
}

/// An analysis in `f64`, which every device of the tests accounts for.
fn analysis() -> Analysis {
    let module = map_parameters(Plain::new(), DType::F64, |_, _, _| {});
    let x = Tensor::<2>::full([1, 4], 0.5, (&test_device(), DType::F64));
    let region = Perturbation::linf(0.1);
    GraphCache::new().analyse(&module, x, &region).unwrap()
}

#[test]
fn forward_methods_are_refused() {
    for method in [Method::Forward, Method::ForwardBackward] {
        let config = BoundConfig::new(method).with_rounding(REAL);
        match analysis().bounds(&Specification::Outputs, &config) {
            Err(BoundError::Rounding(reason)) => {
                assert_names(&reason, &[&method.to_string(), "CROWN"]);
            }
            other => panic!("{method}: {other:?}"),
        }
    }
}

#[test]
fn estimates_are_refused() {
    let config = BoundConfig::new(Method::ConvexAdversarial)
        .with_projections(Some(Projections::new(5)))
        .with_rounding(REAL);
    let estimate = analysis().estimate(&Specification::Outputs, &config);
    assert!(matches!(estimate, Err(BoundError::Rounding(_))));
}
