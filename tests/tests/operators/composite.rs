//! Functions that Burn records as several operators.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{DType, Tensor, TensorData, activation};
use burn_crown::{BoundConfig, Bounded, GraphCache, Method, Perturbation, Specification};
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::sound::{ROUNDING, assert_sound};
use burn_crown_tests::{on_libtorch, test_device};

/// On libtorch, Burn computes the hard sigmoid in `f32`, whatever the data type.
fn hard_sigmoid_rounding() -> f64 {
    if on_libtorch() { 1e-6 } else { ROUNDING }
}

sound! {
    Silu, silu_is_sound: activation::silu;
    Mish, mish_is_sound: activation::mish;
    GeluApproximate, approximate_gelu_is_sound: activation::gelu_approximate;
    Softplus, softplus_is_sound: |x| activation::softplus(x, 1.0);
    SteepSoftplus, softplus_beyond_its_threshold_is_sound: |x| activation::softplus(x, 3.0);
    LateSoftplus, softplus_with_a_threshold_is_sound:
        |x| activation::softplus_with_threshold(x, 4.0, 16.0);
    Elu, elu_is_sound: |x| activation::elu(x, 1.0);
    FlatElu, flat_elu_is_sound: |x| activation::elu(x, 0.3);
    DeepElu, deep_elu_is_sound: |x| activation::elu(x, 2.5);
    LevelElu, elu_without_depth_is_sound: |x| activation::elu(x, 0.0);
    Celu, celu_is_sound: |x| activation::celu(x, 1.7);
    NarrowCelu, narrow_celu_is_sound: |x| activation::celu(x, 0.4);
    Selu, selu_is_sound: activation::selu;
    Softsign, softsign_is_sound: activation::softsign;
    HardSwish, hard_swish_is_sound within hard_sigmoid_rounding(),: activation::hard_swish;
    SteepHardSwish, hard_swish_with_parameters_is_sound within hard_sigmoid_rounding(),:
        |x| x.clone() * activation::hard_sigmoid(x, 0.4, 0.2);
    Tanhshrink, tanhshrink_is_sound: activation::tanhshrink;
    // Expressions that are close to a known one, or of which a part is read once more.
    OtherGate, another_gate_is_sound: |x| x.clone() * activation::sigmoid(x * 2.0);
    ReadTwice, a_gate_that_is_read_twice_is_sound: |x| {
        let gate = activation::sigmoid(x.clone());
        x * gate.clone() + gate
    };
    Repeated, composites_in_a_row_are_sound:
        |x| activation::elu(activation::silu(activation::elu(x, 2.0)) - 0.5, 0.5);
    Divided, elu_of_a_quotient_is_sound: |x| activation::elu(x / 2.0, 1.5);
    Plain, an_unrecognised_silu_is_sound: |x| x.clone() * (activation::sigmoid(x) + 0.0);
}

/// Between layers on sequences, where Burn merges the batch with the steps.
#[derive(Module, Debug, Bounded)]
struct OnSequences {
    first: Linear,
    second: Linear,
}

impl OnSequences {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let hidden = activation::elu(self.first.forward(x), 1.2);
        activation::mish(self.second.forward(hidden))
    }
}

#[test]
fn composites_between_layers_are_sound() {
    assert_sound([2, 3, 4], 0.0, &[0.05, 1.0], 3, |_| {
        let device = test_device();
        let module = OnSequences {
            first: LinearConfig::new(4, 5).init(&device),
            second: LinearConfig::new(5, 3).init(&device),
        };
        map_parameters(module, DType::F64, |_, _, _| {})
    });
}

// Not an ELU: it jumps at 1.
module_of!(Jump, 2, 2, |x| {
    let mask = x.clone().lower_equal_elem(1.0);
    let below = x.clone().exp().sub_scalar(1.0).mul_scalar(1.0);
    x.mask_where(mask, below)
});

// A threshold at which softplus jumps by much.
module_of!(EarlySoftplus, 2, 2, |x| {
    activation::softplus_with_threshold(x, 1.0, 1.0)
});

// An ELU that falls below zero.
module_of!(FallingElu, 2, 2, |x| activation::elu(x, -1.0));

// Functions with a step in between that changes nothing but that no pattern knows.
module_of!(PlainHardSwish, 2, 2, |x| {
    x.clone() * (activation::hard_sigmoid(x, 1.0 / 6.0, 0.5) + 0.0)
});
module_of!(PlainSoftsign, 2, 2, |x| x.clone() / (x.abs() + 1.0 + 0.0));
module_of!(PlainTanhshrink, 2, 2, |x| x.clone() - (x.tanh() + 0.0));

/// The mean distance between the bounds of outputs, if the module can be bounded.
fn width<M: Bounded>(module: &M, dtype: DType, method: Method) -> Option<f64> {
    let points: Vec<f64> = (0..16).map(|at| f64::from(at) / 4.0 - 2.0).collect();
    let points = TensorData::new(points, [2, 8]);
    let input = Tensor::<2>::from_data(points, (&test_device(), dtype));
    let analysis = GraphCache::new()
        .analyse(module, input, &Perturbation::linf(1.0))
        .ok()?;
    let config = BoundConfig::new(method);
    let bounds = analysis.bounds(&Specification::Outputs, &config).ok()?;
    let widths = to_vec((bounds.upper - bounds.lower).cast(DType::F64));
    Some(widths.iter().sum::<f64>() / widths.len() as f64)
}

#[test]
fn one_curve_is_tighter_than_its_parts() {
    fn check(curve: &impl Bounded, parts: &impl Bounded, method: Method) {
        for dtype in [DType::F32, DType::F64] {
            let what = format!("{curve:?}, {dtype:?}");
            let curve = width(curve, dtype, method).unwrap();
            let parts = width(parts, dtype, method).unwrap();
            assert!(curve < 0.99 * parts, "{what}: {curve}, by parts {parts}");
        }
    }
    check(&Silu { unused: 0 }, &Plain { unused: 0 }, Method::Interval);
    check(
        &HardSwish { unused: 0 },
        &PlainHardSwish { unused: 0 },
        Method::Interval,
    );
    check(
        &Softsign { unused: 0 },
        &PlainSoftsign { unused: 0 },
        Method::Crown,
    );
    // CROWN's lines around tanh take `x` along as it is; intervals cannot. Of a product, lines with
    // less area in between need not have the smaller range.
    check(
        &Tanhshrink { unused: 0 },
        &PlainTanhshrink { unused: 0 },
        Method::Interval,
    );
}

#[test]
fn functions_are_recognised_in_either_data_type() {
    fn check(module: &impl Bounded) {
        let [single, double] =
            [DType::F32, DType::F64].map(|dtype| width(module, dtype, Method::Crown));
        let (single, double) = (single.unwrap(), double.unwrap());
        assert!(
            single < 2.5 && double < 2.5,
            "{module:?}: {single} {double}"
        );
    }
    check(&Mish { unused: 0 });
    check(&GeluApproximate { unused: 0 });
    check(&Softplus { unused: 0 });
    check(&Elu { unused: 0 });
    check(&Celu { unused: 0 });
    check(&Selu { unused: 0 });
}

#[test]
fn what_only_looks_like_a_known_function_is_refused() {
    assert_eq!(width(&Jump { unused: 0 }, DType::F64, Method::Crown), None);
    assert_eq!(
        width(&EarlySoftplus { unused: 0 }, DType::F64, Method::Crown),
        None
    );
    assert_eq!(
        width(&FallingElu { unused: 0 }, DType::F64, Method::Crown),
        None
    );
}
