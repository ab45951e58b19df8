//! Gradients of the bounds with respect to the parameters, against central differences in `f64`.
#![allow(clippy::unwrap_used)]

use burn::module::Module;
use burn::nn::pool::{MaxPool1d, MaxPool1dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{DType, Tensor, TensorData};
use burn_crown::{
    BoundConfig, Bounded, GraphCache, LowerSlope, Method, Norm, Perturbation, Projections,
    Specification,
};
use burn_crown_tests::parameters::{map_parameters, read_parameters, to_vec};
use burn_crown_tests::random_net::{ACTIVATIONS, Combine, RandomNet, Recipe};
use burn_crown_tests::sound::METHODS;
use burn_crown_tests::test_device;

/// The step of the central differences: their error is about its square, and rounding about
/// `1e-16` over it.
const STEP: f64 = 1e-5;

/// The largest difference, relative to the largest gradient of a parameter.
const TOLERANCE: f64 = 1e-7;

/// The sum of all lower bounds minus half of all upper ones, so that neither can hide the other.
fn objective<M: Bounded, const D: usize>(
    net: &M,
    input: &Tensor<D>,
    perturbation: &Perturbation,
    config: &BoundConfig,
) -> Tensor<1> {
    let analysis = GraphCache::new()
        .analyse(net, input.clone(), perturbation)
        .unwrap();
    if config.is_estimate() {
        let estimate = analysis.estimate(&Specification::Outputs, config);
        return estimate.unwrap().sum();
    }
    let bounds = analysis.bounds(&Specification::Outputs, config).unwrap();
    bounds.lower.sum() - bounds.upper.sum().mul_scalar(0.5)
}

/// `net` with `step` added to one element of a parameter.
fn moved<M: Bounded>(net: &M, name: &str, element: usize, step: f64) -> M {
    // `valid` copies the running statistics, which a mapper changes in place.
    map_parameters(net.valid(), DType::F64, |path, _, values| {
        if path == name {
            values[element] += step;
        }
    })
}

fn check<M: Bounded, const D: usize>(
    net: &M,
    input: &Tensor<D>,
    perturbation: &Perturbation,
    config: &BoundConfig,
) {
    let trained = net.clone().train();
    let gradients = objective(&trained, input, perturbation, config).backward();
    let gradients = read_parameters(&trained, &gradients);

    let mut names = Vec::new();
    map_parameters(net.valid(), DType::F64, |path, _, _| {
        names.push(path.to_string())
    });
    // Running statistics are no parameters of an optimizer.
    names.retain(|name| !name.contains("running"));
    let found: Vec<&String> = gradients.iter().map(|(name, _)| name).collect();
    assert_eq!(
        found,
        names.iter().collect::<Vec<_>>(),
        "parameters with a gradient"
    );

    for (name, gradient) in &gradients {
        let scale = gradient
            .iter()
            .fold(0.0_f64, |scale, value| scale.max(value.abs()));
        assert!(
            scale > 1e-3,
            "{name}: a gradient of zero shows nothing, {config:?}"
        );
        for (element, gradient) in gradient.iter().enumerate() {
            let at = |step: f64| {
                let net = moved(net, name, element, step);
                to_vec(objective(&net, input, perturbation, config))[0]
            };
            let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            let off = (gradient - difference).abs() / scale;
            assert!(
                off <= TOLERANCE,
                "{name}[{element}]: gradient {gradient}, difference {difference}, off by {off:e}, \
                 {config:?}, {perturbation:?}"
            );
        }
    }
}

fn configs() -> Vec<BoundConfig> {
    let mut configs = vec![
        BoundConfig::new(Method::Interval),
        BoundConfig::new(Method::ConvexAdversarial),
    ];
    for slope in [
        LowerSlope::Adaptive,
        LowerSlope::Same,
        LowerSlope::Zero,
        LowerSlope::One,
    ] {
        configs.push(BoundConfig::new(Method::CrownIbp).with_slope(slope));
        configs.push(BoundConfig::new(Method::Crown).with_slope(slope));
        configs.push(
            BoundConfig::new(Method::Crown)
                .with_slope(slope)
                .with_all_neurons(true),
        );
        configs.push(BoundConfig::new(Method::Forward).with_slope(slope));
    }
    configs.push(BoundConfig::new(Method::ForwardBackward));
    configs.push(BoundConfig::new(Method::ForwardBackward).with_all_neurons(true));
    configs
}

fn tensor<const D: usize>(dims: [usize; D]) -> Tensor<D> {
    let count = dims.iter().product::<usize>();
    // No order, no zeros, and nothing that is equal.
    let values: Vec<f64> = (0..count)
        .map(|at| (at as f64 * 2.3 + 0.7).sin() * 0.8)
        .collect();
    Tensor::from_data(TensorData::new(values, dims), (&test_device(), DType::F64))
}

/// Every method in every region.
fn check_all<const D: usize>(net: &RandomNet<D>, input: &Tensor<D>, regions: &[Perturbation]) {
    for perturbation in regions {
        let analysis = GraphCache::new()
            .analyse(net, input.clone(), perturbation)
            .unwrap();
        let open = to_vec(analysis.unstable_share())[0];
        assert!(
            open > 0.1,
            "{open} of the rectifiers are open, so no slope has a gradient"
        );
        for config in configs() {
            check(net, input, perturbation, &config);
        }
    }
}

fn linear(outputs: usize) -> Recipe {
    Recipe::Linear {
        outputs,
        bias: true,
    }
}

const RELU: Recipe = Recipe::Relu { function: true };

#[test]
fn multilayer_perceptron() {
    let recipes = [linear(4), RELU, linear(3), RELU, linear(2)];
    let net = RandomNet::<2>::new(&recipes, [1, 3], 3, DType::F64, &test_device());
    let input = tensor([2, 3]);
    let regions = [
        Perturbation::linf(0.3),
        Perturbation::linf(0.3).with_range(-1.0, 1.0),
        Perturbation::l2(0.4),
        Perturbation::l2(0.4).with_range(-1.0, 1.0),
        Perturbation::l1(0.5),
        Perturbation::ball(Norm::Lp(3.0), 0.4),
        Perturbation::between(input.clone().sub_scalar(0.2), input.clone().add_scalar(0.4)),
    ];
    check_all(&net, &input, &regions);
}

#[test]
fn residual_convolutions_with_batch_norm_and_pooling() {
    let conv = |outputs, stride, padding| Recipe::Conv {
        outputs,
        kernel: [2, 3],
        stride: [stride, 1],
        dilation: [1, 1],
        padding,
        grouped: false,
        bias: true,
    };
    let recipes = [
        conv(2, 1, [0, 1, 1, 1]),
        Recipe::BatchNorm,
        RELU,
        conv(2, 1, [1, 0, 1, 1]),
        Recipe::Skip {
            pick: 0,
            minus: false,
        },
        Recipe::BatchNorm,
        RELU,
        Recipe::Pool {
            kernel: [2, 2],
            stride: [2, 1],
            padding: [0, 0, 1, 1],
            ceil_mode: false,
            count_include_pad: true,
        },
        Recipe::Reshape { picks: Vec::new() },
        linear(2),
    ];
    let net = RandomNet::<4>::new(&recipes, [1, 1, 2, 3], 4, DType::F64, &test_device());
    check_all(
        &net,
        &tensor([1, 1, 2, 3]),
        &[Perturbation::linf(0.5), Perturbation::l2(0.8)],
    );
}

#[test]
fn random_projections() {
    let recipes = [linear(4), RELU, linear(3), RELU, linear(2)];
    let net = RandomNet::<2>::new(&recipes, [1, 3], 3, DType::F64, &test_device());
    let config = BoundConfig::new(Method::ConvexAdversarial);
    for perturbation in [
        Perturbation::linf(0.3),
        Perturbation::linf(0.3).with_range(-1.0, 1.0),
        Perturbation::l2(0.4),
    ] {
        for count in [1, 4, 9] {
            let config = config
                .clone()
                .with_projections(Some(Projections::new(count)));
            check(&net, &tensor([2, 3]), &perturbation, &config);
        }
    }
}

#[test]
fn elementwise_parameters_and_matrices() {
    let operand = |combine| Recipe::Operand {
        along: [true, false, true],
        constant: false,
        combine,
    };
    let recipes = [
        operand(Combine::Mul),
        Recipe::Matmul {
            size: 2,
            left: true,
        },
        operand(Combine::SubFrom),
        RELU,
        Recipe::Matmul {
            size: 2,
            left: false,
        },
        operand(Combine::Div),
        operand(Combine::Add),
        RELU,
        Recipe::Reshape { picks: Vec::new() },
        linear(2),
    ];
    let net = RandomNet::<3>::new(&recipes, [1, 2, 3], 6, DType::F64, &test_device());
    let regions = [
        Perturbation::linf(0.3),
        Perturbation::l2(0.4),
        Perturbation::ball(Norm::Lp(3.0), 0.4),
    ];
    check_all(&net, &tensor([2, 2, 3]), &regions);
}

/// The methods once each: but for rectifiers, functions have no choice of slopes.
fn check_methods<M: Bounded, const D: usize>(net: &M, input: &Tensor<D>, region: &Perturbation) {
    for method in METHODS {
        check(net, input, region, &BoundConfig::new(method));
    }
}

#[test]
fn functions_of_one_variable() {
    for pick in 0..ACTIVATIONS.len() {
        let function = Recipe::Activation { pick };
        let recipes = [linear(4), function.clone(), linear(3), function, linear(2)];
        let net = RandomNet::<2>::new(&recipes, [1, 3], 3, DType::F64, &test_device());
        let input = tensor([2, 3]);
        check_methods(&net, &input, &Perturbation::linf(0.3));
        // Without a width, the gradients of the function itself.
        let config = BoundConfig::new(Method::CrownIbp);
        check(&net, &input, &Perturbation::linf(0.0), &config);
    }
}

#[test]
fn products_of_perturbed_values() {
    let shared = Recipe::PRelu { shared: true };
    let recipes = [
        linear(4),
        shared,
        linear(4),
        Recipe::Product { pick: 0 },
        linear(2),
    ];
    let net = RandomNet::<2>::new(&recipes, [1, 3], 3, DType::F64, &test_device());
    for radius in [0.0, 0.01, 0.3, 2.0] {
        check_methods(&net, &tensor([2, 3]), &Perturbation::linf(radius));
    }
}

/// Roots of values whose lower bounds are 0, where a root is upright.
#[derive(Module, Bounded, Debug)]
struct Roots {
    first: Linear,
    last: Linear,
}

impl Roots {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = relu(self.first.forward(x));
        self.last.forward(x.clone().sqrt() + x.powf_scalar(0.3))
    }
}

#[test]
fn roots_of_bounds_that_are_zero() {
    let layer = |inputs, outputs| LinearConfig::new(inputs, outputs).init(&test_device());
    let net = Roots {
        first: layer(3, 4),
        last: layer(4, 2),
    };
    let net = map_parameters(net, DType::F64, |_, _, values| {
        for (at, value) in values.iter_mut().enumerate() {
            *value = (at as f64 * 1.3 + 0.4).sin();
        }
    });
    check_methods(&net, &tensor([2, 3]), &Perturbation::linf(0.3));
}

/// Maxima over windows, over a dim and of two values. No two of them can be the same element, as
/// rounding would choose between them.
#[derive(Module, Bounded, Debug)]
struct Maxima {
    first: Linear,
    pool: MaxPool1d,
    last: Linear,
}

impl Maxima {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.first.forward(x).reshape([2, 2, 6]);
        let x = self.pool.forward(x);
        let (left, right) = (x.clone().narrow(1, 0, 1), x.narrow(1, 1, 1));
        let lowest = right.clone().min_dim(2);
        let x = left.clone().max_pair(right) + left.max_dim(2) - lowest;
        self.last.forward(x.reshape([2, 3]))
    }
}

#[test]
fn maxima() {
    let device = test_device();
    let net = Maxima {
        first: LinearConfig::new(3, 12).init(&device),
        pool: MaxPool1dConfig::new(2).init(),
        last: LinearConfig::new(3, 2).init(&device),
    };
    let net = map_parameters(net, DType::F64, |_, _, values| {
        for (at, value) in values.iter_mut().enumerate() {
            *value = (at as f64 * 1.7 + 0.4).sin();
        }
    });
    for radius in [0.0, 0.01, 0.3, 2.0] {
        check_methods(&net, &tensor([2, 3]), &Perturbation::linf(radius));
    }
}
