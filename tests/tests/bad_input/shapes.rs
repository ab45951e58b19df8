//! Inputs of other shapes, data types and devices than the model's.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{DType, Tensor};
use burn_crown::testing::check_soundness;
use burn_crown::{
    AnyTensor, Bounded, GraphCache, Input, Method, Perturbation, Specification, Verifier,
};
use burn_crown_tests::parameters::map_parameters;
use burn_crown_tests::test_device;

use crate::nets::{Net, assert_certified, images};
use crate::outcome::{Outcome, Row, all, must_refuse};

pub(crate) const ROWS: &[Row] = &[
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "an empty batch",
        run: || refuses(Tensor::<2>::empty([0, 3], &test_device())),
    },
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "images without elements",
        run: || refuses(Tensor::<2>::empty([2, 0], &test_device())),
    },
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "images of another rank",
        run: || refuses(Tensor::<3>::zeros([2, 3, 1], &test_device())),
    },
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "images of another size",
        run: || refuses(Tensor::<2>::zeros([2, 4], &test_device())),
    },
    Row {
        entry: "`Verifier::bounds_of`, `GraphCache::analyse_inputs`",
        input: "no input",
        run: || refuses_inputs(Vec::new()),
    },
    Row {
        entry: "`Verifier::bounds_of`, `GraphCache::analyse_inputs`",
        input: "more inputs than the forward pass takes",
        run: || {
            let input = || Input::perturbed(images(DType::F32), Perturbation::linf(0.1));
            refuses_inputs(vec![input(), input()])
        },
    },
    Row {
        entry: "`Verifier::bounds_of`, `GraphCache::analyse_inputs`",
        input: "perturbed inputs of different batches",
        run: || {
            let input = |count| {
                let x = Tensor::<2>::zeros([count, 3], &test_device());
                Input::perturbed(x, Perturbation::linf(0.1))
            };
            let inputs = vec![input(2), input(3)];
            must_refuse(GraphCache::new().analyse_inputs(&Sum, inputs))
        },
    },
    Row {
        entry: "`Verifier::bounds_of`, `GraphCache::analyse_inputs`",
        input: "a fixed input of another batch",
        run: || {
            let x = Input::perturbed(images(DType::F32), Perturbation::linf(0.1));
            let fixed = Input::fixed(Tensor::<2>::zeros([3, 3], &test_device()));
            must_refuse(GraphCache::new().analyse_inputs(&Sum, vec![x, fixed]))
        },
    },
    Row {
        entry: "`Bounded::forward_all`",
        input: "an implementation that gives no output",
        run: || must_refuse(GraphCache::new().analyse(&Silent, images(DType::F32), &ball())),
    },
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "a model and images in f16",
        run: || {
            let net = Net::new(1, DType::F16);
            must_refuse(GraphCache::new().analyse(&net, images(DType::F16), &ball()))
        },
    },
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "a model and images in bf16",
        run: || {
            let net = Net::new(1, DType::BF16);
            assert_certified(&net, images(DType::BF16), &ball(), [true, true]);
            Outcome::Defined("bounds, of a rounding as bf16 has it; sound ones are refused")
        },
    },
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "images in f64 for a model in f32",
        run: || refuses(images(DType::F64)),
    },
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "images in f32 for a model of which one layer is in f64",
        run: || {
            let net = Net::new(1, DType::F32);
            let second = map_parameters(net.second.clone(), DType::F64, |_, _, _| {});
            let net = Net { second, ..net };
            must_refuse(GraphCache::new().analyse(&net, images(DType::F32), &ball()))
        },
    },
    Row {
        entry: "`Verifier`, `GraphCache`",
        input: "images that autodiff tracks for a model that it does not, and the other way round",
        run: || {
            let net = || Net::new(1, DType::F32);
            let tracked = net().to_device(&test_device().autodiff());
            let x = || images(DType::F32);
            assert_certified(&tracked, x(), &ball(), [true, true]);
            let x = x().to_device(&test_device().autodiff());
            assert_certified(&net(), x, &ball(), [true, true]);
            Outcome::Defined("bounds as ever")
        },
    },
    Row {
        entry: "`testing::check_soundness`",
        input: "images that are NaN",
        run: || {
            let images = images(DType::F32).full_like(f32::NAN);
            let net = Net::new(1, DType::F32);
            must_refuse(check_soundness(&net, images, &ball(), Method::Crown))
        },
    },
    Row {
        entry: "`testing::check_soundness`",
        input: "a radius that is NaN",
        run: || {
            let region = Perturbation::linf(f64::NAN);
            let net = Net::new(1, DType::F32);
            must_refuse(check_soundness(
                &net,
                images(DType::F32),
                &region,
                Method::Crown,
            ))
        },
    },
];

fn ball() -> Perturbation {
    Perturbation::linf(0.01)
}

fn refuses<const D: usize>(x: Tensor<D>) -> Outcome {
    let net = Net::new(1, DType::F32);
    all([
        must_refuse(Verifier::new(net.clone()).bounds(x.clone(), &ball(), &Specification::Outputs)),
        must_refuse(Verifier::new(net.clone()).certify(x.clone(), labels(), &ball())),
        must_refuse(GraphCache::new().analyse(&net, x, &ball())),
    ])
}

fn labels() -> Tensor<1, burn::tensor::Int> {
    Tensor::from_ints([0, 0], &test_device())
}

fn refuses_inputs(inputs: Vec<Input>) -> Outcome {
    let net = Net::new(1, DType::F32);
    all([
        must_refuse(Verifier::new(net.clone()).bounds_of(inputs.clone(), &Specification::Outputs)),
        must_refuse(GraphCache::new().analyse_inputs(&net, inputs)),
    ])
}

/// One number for each image.
#[derive(Module, Bounded, Debug)]
pub(crate) struct Flat {
    shift: Param<Tensor<1>>,
}

impl Flat {
    pub(crate) fn new() -> Self {
        Self {
            shift: Param::from_tensor(Tensor::ones([1], &test_device())),
        }
    }

    fn forward(&self, x: Tensor<1>) -> Tensor<1> {
        x + self.shift.val()
    }
}

/// An output that is not one row of classes.
#[derive(Module, Bounded, Debug)]
pub(crate) struct Deep {
    layer: Linear,
}

impl Deep {
    pub(crate) fn new() -> Self {
        Self {
            layer: LinearConfig::new(3, 2).init(&test_device()),
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.layer.forward(x)
    }
}

#[derive(Module, Bounded, Debug)]
struct Sum;

impl Sum {
    fn forward(&self, x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
        x * 2.0 + y
    }
}

/// Gives no output.
#[derive(Module, Debug)]
struct Silent;

impl Bounded for Silent {
    fn signature() -> burn_crown::Signature {
        burn_crown::Signature {
            inputs: vec![2],
            outputs: vec![],
        }
    }

    fn forward_all(&self, _inputs: Vec<AnyTensor>) -> Vec<AnyTensor> {
        Vec::new()
    }
}
