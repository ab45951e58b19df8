//! Functions that jump, and others of straight pieces.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{DType, Tensor, TensorData, activation};
use burn_crown::{BoundConfig, Bounded, GraphCache, Method, Perturbation, Specification};
use burn_crown_tests::differences::assert_gradients;
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::test_device;

sound! {
    Sign, sign_is_sound: |x| x.sign();
    SignOfRectified, sign_at_zero_is_sound: |x| activation::relu(x.clone()).sign() - x;
    HardShrink, hard_shrink_is_sound: |x| activation::hard_shrink(x, 0.4);
    WideHardShrink, hard_shrink_with_a_wide_gap_is_sound: |x| activation::hard_shrink(x, 2.0);
    SoftShrink, soft_shrink_is_sound: |x| activation::soft_shrink(x, 0.4);
    Shrink, shrink_is_sound: |x| activation::shrink(x, 0.3, 0.8);
    Threshold, threshold_is_sound: |x| activation::threshold(x, 0.2, -1.5);
    RaisedThreshold, threshold_that_falls_is_sound: |x| activation::threshold(x, -0.2, 3.0);
    ThresholdedRelu, thresholded_relu_is_sound: |x| activation::thresholded_relu(x, 0.5);
    Floor, floor_is_sound: |x| (x * 1.7).floor();
    Ceil, ceil_is_sound: |x| (x * 1.7).ceil();
    Round, round_is_sound: |x| (x * 1.7).round();
    Trunc, trunc_is_sound: |x| (x * 1.7).trunc();
    // Sums in which a step's own line matters, and not its range alone.
    FloorInSum, floor_in_a_sum_is_sound: |x| x.clone().floor() - x * 0.9;
    SignInSum, sign_in_a_sum_is_sound: |x| x.clone().sign() - x.tanh();
}

/// Bounds at one point of the number line.
fn bounds<M: Bounded>(module: &M, center: f64, radius: f64, method: Method) -> [f64; 2] {
    let data = TensorData::new(vec![center], [1, 1]);
    let input = Tensor::<2>::from_data(data, (&test_device(), DType::F64));
    let bounds = GraphCache::new()
        .analyse(module, input, &Perturbation::linf(radius))
        .unwrap_or_else(|error| panic!("{error}"))
        .bounds(&Specification::Outputs, &BoundConfig::new(method))
        .unwrap_or_else(|error| panic!("{error}"));
    [to_vec(bounds.lower)[0], to_vec(bounds.upper)[0]]
}

fn near([lower, upper]: [f64; 2], expected: [f64; 2]) {
    assert!(
        (lower - expected[0]).abs() < 1e-12 && (upper - expected[1]).abs() < 1e-12,
        "[{lower}, {upper}], not {expected:?}"
    );
}

#[test]
fn values_at_jumps_are_those_of_the_function() {
    for method in [Method::Interval, Method::Crown] {
        let at = |module: &Sign, center, radius| bounds(module, center, radius, method);
        near(at(&Sign { unused: 0 }, 0.0, 0.0), [0.0, 0.0]);
        near(at(&Sign { unused: 0 }, 0.5, 0.0), [1.0, 1.0]);
        near(
            bounds(&Threshold { unused: 0 }, 0.2, 0.0, method),
            [-1.5, -1.5],
        );
        near(
            bounds(&HardShrink { unused: 0 }, -0.4, 0.0, method),
            [0.0, 0.0],
        );
    }
    // Intervals are reached, also where one ends at a jump.
    near(
        bounds(&Sign { unused: 0 }, 0.5, 0.5, Method::Interval),
        [0.0, 1.0],
    );
    near(
        bounds(&Threshold { unused: 0 }, 0.7, 0.5, Method::Interval),
        [-1.5, 1.2],
    );
    near(
        bounds(&Floor { unused: 0 }, 1.0, 0.5, Method::Interval),
        [0.0, 2.0],
    );
}

/// Halves go up, down or to the even number, by backend.
#[test]
fn a_half_is_rounded_to_both_sides() {
    module_of!(Round, 2, 2, |x| x.round());
    for center in [-1.5, -0.5, 0.5, 1.5] {
        for method in [Method::Interval, Method::Crown] {
            let found = bounds(&Round { unused: 0 }, center, 0.0, method);
            near(found, [center - 0.5, center + 0.5]);
        }
    }
}

/// In the middle of the interval, where the lines are as near as can be.
#[test]
fn lines_are_the_nearest_ones() {
    module_of!(SignAbove, 2, 2, |x| x.clone().sign() - x);
    module_of!(FloorAbove, 2, 2, |x| x.clone().floor() - x);
    // From (−1, −1) to (0, 1) the upper line of the sign has the slope 2; here x ∈ [−1, 0.5], and
    // with `−x` the slope 1: 0.5 + 1 at the right end. The lower one goes through (−1, −1) and
    // (0, −1), or through (−1, −1) and (0.5, 1), at no cost: −1 at both ends.
    near(
        bounds(&SignAbove { unused: 0 }, -0.25, 0.75, Method::Crown),
        [-0.5 - 1.0, 1.5],
    );
    // The floor lies between `x − 1` and `x`.
    near(
        bounds(&FloorAbove { unused: 0 }, 5.0, 4.5, Method::Crown),
        [-1.0, 0.0],
    );
}

/// Functions of straight pieces behind a layer.
#[derive(Module, Bounded, Debug)]
struct Behind {
    layer: Linear,
}

impl Behind {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let y = self.layer.forward(x);
        let shrunk = activation::soft_shrink(y.clone(), 0.3) * 2.0;
        let thresholded = activation::threshold(y.clone(), 0.1, -0.4);
        shrunk + thresholded - y.clone().sign() + (y * 1.5).floor()
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let device = test_device();
    device.seed(5);
    let layer = LinearConfig::new(2, 3).init(&device);
    let module = map_parameters(Behind { layer }, DType::F64, |_, _, _| {});
    let input = Tensor::<2>::from_data([[0.3, -0.8], [1.1, 0.2]], (&device, DType::F64));
    assert_gradients(&module, &input, 0.6);
}
