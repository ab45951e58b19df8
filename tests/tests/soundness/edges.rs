//! Corners in which a bound could be that of another function, or of another region.

use burn::module::{Module, ModuleMapper, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::ops::PadMode;
use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_crown::{
    BoundConfig, BoundError, Bounded, GraphCache, Method, Norm, Perturbation, Specification,
    TraceError, Verifier, certified,
};
use burn_crown_tests::test_device;

const METHODS: [Method; 6] = [
    Method::Interval,
    Method::CrownIbp,
    Method::Crown,
    Method::ConvexAdversarial,
    Method::Forward,
    Method::ForwardBackward,
];

/// Bounds of all outputs by a method.
fn bounds<M: Bounded, const D: usize>(
    module: &M,
    x: Tensor<D>,
    perturbation: &Perturbation,
    method: Method,
) -> Result<(Vec<f64>, Vec<f64>), BoundError> {
    let analysis = GraphCache::new().analyse(module, x, perturbation)?;
    let bounds = analysis.bounds(&Specification::Outputs, &BoundConfig::new(method))?;
    Ok((values(bounds.lower), values(bounds.upper)))
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn tensor<const D: usize>(values: &[f64], shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &test_device())
}

/// `[B, T]` with the batch merged with the rows, broadcast along a new dim, and summed again.
#[derive(Module, Bounded, Debug)]
struct Widened {
    across: Param<Tensor<2>>,
    down: Param<Tensor<2>>,
    rectified: bool,
}

impl Widened {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let [batch, steps] = x.dims();
        let wide = x.reshape([batch * steps, 1]) * self.across.val();
        let wide = if self.rectified { relu(wide) } else { wide };
        wide.matmul(self.down.val()).reshape([batch, steps])
    }
}

#[test]
fn broadcasting_over_a_merged_batch_keeps_its_shape() {
    let x = tensor(&[1.0, 1.1, 0.9, 0.7], [2, 2]);
    for rectified in [false, true] {
        for down in [[3.0, -1.0], [1.0, -1.0]] {
            let module = Widened {
                across: Param::from_tensor(tensor(&[1.0, 2.0], [1, 2])),
                down: Param::from_tensor(tensor(&down, [2, 1])),
                rectified,
            };
            let outputs = values(module.forward(x.clone()));
            for method in METHODS {
                let (lower, upper) =
                    bounds(&module, x.clone(), &Perturbation::linf(0.01), method).unwrap();
                for ((output, lower), upper) in outputs.iter().zip(lower).zip(upper) {
                    let inside = lower <= output + 1e-5 && output - 1e-5 <= upper;
                    assert!(inside, "{method}: {lower} {output} {upper}");
                    assert!(upper - lower < 0.2, "{method}: {lower} to {upper}");
                }
            }
        }
    }
}

/// Single rows `[B, 1, K]`, which Burn moves beside each other before a product.
#[derive(Module, Bounded, Debug)]
struct Rows {
    first: Param<Tensor<3>>,
    second: Param<Tensor<3>>,
}

impl Rows {
    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let hidden = relu(x.matmul(self.first.val())).matmul(self.second.val());
        hidden.flatten(1, 2)
    }
}

#[test]
fn products_of_single_rows_keep_the_images_apart() {
    let wave = |count: usize| {
        (0..count)
            .map(|at| (at as f64 * 1.3).sin())
            .collect::<Vec<_>>()
    };
    let module = Rows {
        first: Param::from_tensor(tensor(&wave(12), [1, 3, 4])),
        second: Param::from_tensor(tensor(&wave(8), [1, 4, 2])),
    };
    for batch in [1, 2, 3] {
        let x = tensor(&wave(batch * 3), [batch, 1, 3]);
        let nudged = module.forward(x.clone() + 0.05);
        let outputs = [module.forward(x.clone()), nudged].map(values);
        for method in METHODS {
            let (lower, upper) =
                bounds(&module, x.clone(), &Perturbation::linf(0.05), method).unwrap();
            for outputs in &outputs {
                for ((output, lower), upper) in outputs.iter().zip(&lower).zip(&upper) {
                    let inside = *lower <= output + 1e-5 && output - 1e-5 <= *upper;
                    assert!(inside, "{batch} {method}: {lower} {output} {upper}");
                }
            }
            let point = bounds(&module, x.clone(), &Perturbation::linf(0.0), method).unwrap();
            for (bound, output) in point.0.iter().zip(&outputs[0]) {
                assert!((bound - output).abs() < 1e-5, "{batch} {method}");
            }
        }
    }
}

/// Two layers of one identity: the second is a clone of the first.
#[derive(Module, Bounded, Debug)]
struct Twins {
    first: Linear,
    second: Linear,
}

impl Twins {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.second.forward(relu(self.first.forward(x)))
    }
}

struct Scale(f64);

impl ModuleMapper for Scale {
    fn map_float<const D: usize>(&mut self, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.0 += 1.0;
        let factor = self.0;
        parameter.map(|values| values.mul_scalar(factor))
    }
}

#[test]
fn cloned_parameters_are_read_apart() {
    let first = LinearConfig::new(3, 3).init(&test_device());
    let module = Twins {
        second: first.clone(),
        first,
    };
    let x = tensor(&[0.3, -0.2, 0.9], [1, 3]);
    let cache = GraphCache::new();
    let point = Perturbation::linf(0.0);
    cache.analyse(&module, x.clone(), &point).unwrap();
    let module = module.map(&mut Scale(1.0));
    let analysis = cache.analyse(&module, x.clone(), &point).unwrap();
    let outputs = values(module.forward(x));
    for method in METHODS {
        let bounds = analysis
            .lower(&Specification::Outputs, &BoundConfig::new(method))
            .unwrap();
        for (bound, output) in values(bounds).iter().zip(&outputs) {
            assert!(
                (bound - output).abs() < 1e-4,
                "{method}: {bound} for {output}"
            );
        }
    }
}

/// `w · x`, in one element or in all.
#[derive(Module, Bounded, Debug)]
struct Scaled {
    weight: Param<Tensor<2>>,
}

impl Scaled {
    fn new(weight: f64, inputs: usize) -> Self {
        let weight = tensor(&vec![weight; inputs], [inputs, 1]);
        Self {
            weight: Param::from_tensor(weight),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.val())
    }
}

#[test]
fn norms_near_one_do_not_underflow() {
    for (p, epsilon, weight) in [(1.1, 5e-5, 100.0), (1.05, 0.005, 30.0), (1.01, 0.3, 2.0)] {
        for inputs in [1, 4] {
            let x = Tensor::<2>::zeros([1, inputs], &test_device());
            let ball = Perturbation::ball(Norm::Lp(p), epsilon);
            for method in METHODS {
                let module = Scaled::new(weight, inputs);
                let (_, upper) = bounds(&module, x.clone(), &ball, method).unwrap();
                // The whole change in one element.
                let reached = epsilon * weight;
                assert!(
                    upper[0] >= reached * 0.999,
                    "{p} {method}: {} < {reached}",
                    upper[0]
                );
                assert!(upper[0] <= reached * 2.1, "{p} {method}: {}", upper[0]);
                let point = bounds(&module, x.clone(), &ball.clone().with_radius(0.0), method);
                assert_eq!(point.unwrap(), (vec![0.0], vec![0.0]), "{p} {method}");
            }
        }
    }
}

#[test]
fn a_region_holds_its_input() {
    let module = Scaled::new(1.0, 1);
    for perturbation in [Perturbation::linf(0.1), Perturbation::l2(0.1)] {
        for upper in [f64::INFINITY, f64::from(f32::MAX), 1e4, 1.0] {
            let ranged = perturbation.clone().with_range(0.0, upper);
            let far = bounds(&module, tensor(&[-5.0], [1, 1]), &ranged, Method::Crown);
            assert!(
                matches!(far, Err(BoundError::Perturbation(_))),
                "{upper}: {far:?}"
            );
            // Outside by rounding: the region is widened to the input.
            let rounded = tensor(&[-4e-6], [1, 1]);
            let (lower, _) = bounds(&module, rounded.clone(), &ranged, Method::Crown).unwrap();
            assert!(lower[0] <= values(rounded)[0], "{upper}: {}", lower[0]);
        }
    }
    let box_outside =
        Perturbation::between(tensor(&[2.0], [1, 1]), tensor(&[3.0], [1, 1])).with_range(0.0, 1.0);
    let refused = bounds(
        &module,
        tensor(&[0.5], [1, 1]),
        &box_outside,
        Method::Interval,
    );
    assert!(
        matches!(refused, Err(BoundError::Perturbation(_))),
        "{refused:?}"
    );
}

/// Padding with a large constant behind many elements.
#[derive(Module, Bounded, Debug)]
struct Padded {
    output: Linear,
    value: f64,
}

impl Padded {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let padded = x.pad((3, 5, 0, 0), PadMode::Constant(self.value as f32));
        self.output.forward(relu(padded))
    }
}

#[test]
fn padding_does_not_cancel() {
    let x = Tensor::<2>::ones([2, 1000], &test_device()) * 0.5;
    for value in [-1e3, -1e6, -1e9] {
        let output = LinearConfig::new(1008, 2).init(&test_device());
        let module = Padded { output, value };
        let outputs = values(module.forward(x.clone()));
        for method in METHODS {
            let (lower, upper) =
                bounds(&module, x.clone(), &Perturbation::linf(0.0), method).unwrap();
            for ((output, lower), upper) in outputs.iter().zip(lower).zip(upper) {
                let inside = lower <= output + 1e-4 && output - 1e-4 <= upper;
                assert!(inside, "{value} {method}: {lower} {output} {upper}");
            }
        }
    }
}

/// A forward pass that does one thing while it is recorded, and another when it runs.
#[derive(Module, Bounded, Debug)]
struct Devious {
    output: Linear,
}

impl Devious {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let recorded = x.device() == test_device();
        let y = self.output.forward(x);
        if recorded { y * 100.0 } else { y }
    }
}

#[test]
fn a_forward_pass_that_looks_at_its_device_is_refused() {
    let module = Devious {
        output: LinearConfig::new(2, 2).init(&test_device()),
    };
    let refused =
        Verifier::new(module).analyse(tensor(&[0.4, 0.6], [1, 2]), &Perturbation::linf(0.1));
    let error = refused.err().unwrap();
    let expected = matches!(error, BoundError::Trace(TraceError::NotReproduced { .. }));
    assert!(expected, "{error}");
}

#[test]
fn half_precision_is_refused() {
    let x = tensor(&[0.5], [1, 1]).cast(DType::F16);
    let refused = bounds(
        &Scaled::new(1.0, 1),
        x,
        &Perturbation::linf(0.1),
        Method::Crown,
    );
    assert_eq!(refused.err(), Some(BoundError::Precision(DType::F16)));
}

#[test]
fn no_margins_certify_nothing() {
    let none = certified(Tensor::zeros([2, 0], &Device::default()));
    assert!(!none.any().into_scalar::<bool>());
}
