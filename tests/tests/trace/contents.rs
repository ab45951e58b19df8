//! What a recording is made of: constants, shared weights, the variant of an enum.

use burn::module::Module;
use burn::nn;
use burn::tensor::activation::{hard_sigmoid, relu};
use burn::tensor::{DType, Int, Tensor, s};
use burn_crown::{BoundConfig, Bounded, GraphCache, Method, Perturbation, Specification};
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::test_device;

use crate::{assert_holds, input, linear, module};

#[test]
fn constants_that_the_forward_pass_makes() {
    module!(Constants(first), |this, x| {
        let [batch, features] = x.dims();
        let device = x.device();
        let ones = Tensor::<2>::ones([batch, features], &device);
        let zeros = Tensor::<2>::zeros([1, features], &device);
        let twos = Tensor::<2>::full([1, 1], 2.0, &device);
        let data = Tensor::<2>::from_data([[1.0, -2.0, 3.0]], &device);
        this.first.forward((x * data + ones) / twos - zeros)
    });
    let module = Constants {
        first: linear(3, 2),
    };
    assert_holds(&module, module.forward(input()));
}

#[test]
fn what_is_computed_from_constants_alone_may_be_anything() {
    module!(Masked(first), |this, x| {
        let [_, features] = x.dims();
        let device = x.device();
        let positions = Tensor::<1, Int>::arange(0..features as i64, &device).float();
        let waves = (positions.clone() * 0.7).sin().exp().unsqueeze::<2>();
        let even = (positions / 2.0).floor().greater_elem(0.5).unsqueeze();
        this.first.forward(x * waves.mask_fill(even, 0.25))
    });
    let module = Masked {
        first: linear(3, 2),
    };
    assert_holds(&module, module.forward(input()));
}

#[test]
fn a_value_times_itself_and_over_another() {
    module!(Ratio(first), |this, x| {
        let y = this.first.forward(x);
        let above_one = (y.clone() * y.clone()) + 1.0;
        (y.clone() / above_one.clone()) * (Tensor::ones_like(&y) / above_one)
    });
    let module = Ratio {
        first: linear(3, 2),
    };
    assert_holds(&module, module.forward(input()));
}

#[test]
fn a_hard_sigmoid() {
    // Not among the functions of random networks: on some backends Burn computes it in `f32`
    // whatever the type of the values.
    module!(Hard(first), |this, x| {
        hard_sigmoid(this.first.forward(x) - 3.0, 0.3, 0.4)
    });
    let module = Hard {
        first: linear(3, 2),
    };
    assert_holds(&module, module.forward(input()));
}

#[test]
fn a_part_of_the_features_with_a_step() {
    module!(Halves(first), |this, x| {
        let reversed = x.clone().slice_dim(1, s![..;-2]);
        this.first.forward(x) + reversed
    });
    let module = Halves {
        first: linear(3, 2),
    };
    assert_holds(&module, module.forward(input()));
}

#[test]
fn a_constant_in_the_module_itself() {
    #[derive(Module, Bounded, Debug)]
    struct Normalised {
        mean: Tensor<2>,
        first: nn::Linear,
    }

    impl Normalised {
        fn forward(&self, x: Tensor<2>) -> Tensor<2> {
            self.first.forward(x - self.mean.clone())
        }
    }

    let mean = Tensor::from_floats([[5.0, -3.0, 2.0]], &test_device());
    let module = Normalised {
        mean,
        first: linear(3, 2),
    };
    assert_holds(&module, module.forward(input()));
}

#[test]
fn tied_weights_get_the_gradients_of_both_uses() {
    module!(Tied(first), |this, x| {
        let weight = this.first.weight.val();
        relu(x.matmul(weight.clone())).matmul(weight.transpose())
    });
    let module = Tied {
        first: linear(3, 4),
    };
    assert_holds(&module, module.forward(input()));

    let lower = |module: &Tied| {
        let analysis = GraphCache::new()
            .analyse(module, input(), &Perturbation::linf(0.1))
            .unwrap();
        let config = BoundConfig::new(Method::CrownIbp);
        analysis
            .lower(&Specification::Outputs, &config)
            .unwrap()
            .sum()
    };
    let trained = module.clone().train();
    let gradients = lower(&trained).backward();
    let gradient = to_vec(trained.first.weight.val().grad(&gradients).unwrap());
    let step = 1e-2;
    let at = |step: f64| {
        let moved = map_parameters(module.clone(), DType::F32, |path, _, values| {
            if path.ends_with("weight") {
                values[5] += step;
            }
        });
        to_vec(lower(&moved))[0]
    };
    let difference = (at(step) - at(-step)) / (2.0 * step);
    assert!(
        (gradient[5] - difference).abs() < 1e-2,
        "{} {difference}",
        gradient[5]
    );
}

#[test]
fn enum_modules() {
    #[derive(Module, Bounded, Debug)]
    enum Choice {
        Shallow(nn::Linear),
        Deep(Vec<nn::Linear>),
    }

    impl Choice {
        fn forward(&self, x: Tensor<2>) -> Tensor<2> {
            match self {
                Self::Shallow(layer) => layer.forward(x),
                Self::Deep(layers) => layers.iter().fold(x, |x, layer| relu(layer.forward(x))),
            }
        }
    }

    let shallow = Choice::Shallow(linear(3, 2));
    assert_holds(&shallow, shallow.forward(input()));
    let deep = Choice::Deep(vec![linear(3, 4), linear(4, 2)]);
    assert_holds(&deep, deep.forward(input()));
}
