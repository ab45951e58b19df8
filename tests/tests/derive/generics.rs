//! Type and const parameters.

use burn::module::{Module, ModuleDisplay, Param};
use burn::nn::{Linear, Relu};
use burn::tensor::Tensor;
use burn::tensor::activation::leaky_relu;
use burn_crown::Bounded;

use crate::{check, linear, points, signature};

trait Layer: Module + ModuleDisplay {
    fn run(&self, x: Tensor<2>) -> Tensor<2>;
}

impl Layer for Linear {
    fn run(&self, x: Tensor<2>) -> Tensor<2> {
        self.forward(x)
    }
}

impl Layer for Relu {
    fn run(&self, x: Tensor<2>) -> Tensor<2> {
        self.forward(x)
    }
}

/// A bound that is no module by itself, in the where clause; Burn's derive adds `Module`.
trait Run {
    fn run_twice(&self, x: Tensor<2>) -> Tensor<2>;
}

impl Run for Linear {
    fn run_twice(&self, x: Tensor<2>) -> Tensor<2> {
        self.forward(self.forward(x))
    }
}

#[derive(Module, Bounded, Debug)]
struct Pair<A: Layer, B = Linear>
where
    B: Run,
{
    first: A,
    second: B,
}

impl<A: Layer, B: Run> Pair<A, B> {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.second.run_twice(self.first.run(x))
    }
}

#[test]
fn type_parameters_stand_for_any_module() {
    let model: Pair<Relu> = Pair {
        first: Relu::new(),
        second: linear(),
    };
    check(&model, points(3), model.forward(points(3)));
    let model = Pair {
        first: linear(),
        second: linear(),
    };
    check(&model, points(3), model.forward(points(3)));
}

/// The forward pass needs that the parameter is a module, and only the derive says that it is.
#[derive(Module, Bounded, Debug)]
struct Counted<B> {
    block: B,
}

impl<B: Module> Counted<B> {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x * self.block.num_params() as f32
    }
}

#[test]
fn a_parameter_without_bounds_is_a_module() {
    let model = Counted { block: linear() };
    check(&model, points(1), points(1) * 6.0);
}

trait Activation {
    fn apply(&self, x: Tensor<2>) -> Tensor<2>;
}

/// No module: it is a setting of the network.
#[derive(Clone, Debug)]
struct Leaky(f64);

impl Activation for Leaky {
    fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        leaky_relu(x, self.0)
    }
}

#[derive(Module, Bounded, Debug)]
struct Skipped<A: Activation> {
    layer: Linear,
    #[module(skip)]
    activations: Vec<(A, usize)>,
}

impl<A: Activation> Skipped<A> {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.activations
            .iter()
            .fold(self.layer.forward(x), |x, (activation, times)| {
                (0..*times).fold(x, |x, _| activation.apply(x))
            })
    }
}

#[test]
fn a_skipped_parameter_is_no_module() {
    let model = Skipped {
        layer: linear(),
        activations: vec![(Leaky(0.5), 2)],
    };
    check(&model, points(2), model.forward(points(2)));
}

#[derive(Module, Bounded, Debug)]
struct Deep<const N: usize> {
    layers: [Linear; N],
}

impl<const N: usize> Deep<N> {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layers.iter().fold(x, |x, layer| layer.forward(x))
    }
}

#[test]
fn const_parameters() {
    let model = Deep {
        layers: [linear(), linear(), linear()],
    };
    check(&model, points(2), model.forward(points(2)));
}

/// The rank itself is a parameter of the type, so that each type has one forward pass.
#[derive(Module, Bounded, Debug)]
struct Scale<const D: usize> {
    factor: Param<Tensor<D>>,
}

impl<const D: usize> Scale<D> {
    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        x * self.factor.val()
    }
}

#[test]
fn a_const_parameter_can_be_the_rank() {
    assert_eq!(Scale::<1>::signature(), signature(&[1], 1));
    assert_eq!(Scale::<5>::signature(), signature(&[5], 5));
    let model = Scale {
        factor: Param::from_tensor(points(1)),
    };
    check(&model, points(1), points(1) * points(1));
}
