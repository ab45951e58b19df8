//! `#[derive(Bounded)]` on the types that it accepts: the ranks that it reads from the forward
//! pass, and that the forward pass is what runs.

use burn::module::{Module, ModuleDisplay, Param};
use burn::nn::{Linear, LinearConfig, Relu};
use burn::tensor::activation::relu;
use burn::tensor::{Tensor, TensorData};
use burn_crown::{AnyTensor, Bounded, Signature};
use burn_crown_tests::test_device;

fn signature(inputs: &[usize], output: usize) -> Signature {
    Signature {
        inputs: inputs.to_vec(),
        output,
    }
}

/// `[rows, 2]` with the values 1, -2, 3, -4, …
fn points(rows: usize) -> Tensor<2> {
    let values: Vec<f32> = (0..2 * rows)
        .map(|i| (i + 1) as f32 * if i % 2 == 0 { 1.0 } else { -1.0 })
        .collect();
    Tensor::from_data(TensorData::new(values, [rows, 2]), &test_device())
}

fn linear() -> Linear {
    LinearConfig::new(2, 2).init(&test_device())
}

fn assert_same<const D: usize>(actual: AnyTensor, expected: Tensor<D>) {
    let actual: Tensor<D> = actual.into_tensor();
    assert_eq!(actual.to_data(), expected.to_data());
}

mod structs {
    use super::*;

    #[derive(Module, Bounded, Debug)]
    struct Classifier {
        hidden: Linear,
        output: Linear,
    }

    impl Classifier {
        fn forward(&self, image: Tensor<4>) -> Tensor<2> {
            self.output
                .forward(relu(self.hidden.forward(image.flatten(1, 3))))
        }
    }

    #[test]
    fn ranks_and_values_are_those_of_forward() {
        let model = Classifier {
            hidden: linear(),
            output: linear(),
        };
        let image = points(3).reshape([3, 1, 1, 2]);
        assert_eq!(Classifier::signature(), signature(&[4], 2));
        assert_same(
            model.forward_any(vec![AnyTensor::new(image.clone())]),
            model.forward(image),
        );
    }

    /// Both methods have the form of a forward pass; only one is named.
    #[derive(Module, Bounded, Debug)]
    #[bounded(forward = "logits")]
    struct Named {
        layer: Linear,
    }

    impl Named {
        fn forward(&self, x: Tensor<2>) -> Tensor<2> {
            burn::tensor::activation::softmax(self.logits(x).squeeze_dim::<2>(1), 1)
        }

        fn logits(&self, x: Tensor<2>) -> Tensor<3> {
            self.layer.forward(x).unsqueeze_dim(1)
        }
    }

    #[test]
    fn another_method_can_be_named() {
        let model = Named { layer: linear() };
        assert_eq!(Named::signature(), signature(&[2], 3));
        let logits = model.forward_any(vec![AnyTensor::new(points(2))]);
        assert_same(logits, model.logits(points(2)));
        assert_eq!(model.forward(points(2)).dims(), [2, 2]);
    }

    #[derive(Module, Bounded, Debug)]
    #[bounded(forward = "r#yield")]
    struct Raw {
        layer: Linear,
    }

    impl Raw {
        fn r#yield(&self, x: Tensor<2>) -> Tensor<2> {
            self.layer.forward(x)
        }
    }

    #[test]
    fn a_raw_identifier_can_be_named() {
        let model = Raw { layer: linear() };
        assert_same(
            model.forward_any(vec![AnyTensor::new(points(1))]),
            model.r#yield(points(1)),
        );
    }

    trait Predict {
        fn predict(&self, x: Tensor<2>) -> Tensor<2>;
    }

    #[derive(Module, Bounded, Debug)]
    #[bounded(forward = "predict")]
    struct Predictor {
        layer: Linear,
    }

    impl Predict for Predictor {
        fn predict(&self, x: Tensor<2>) -> Tensor<2> {
            self.layer.forward(x)
        }
    }

    #[test]
    fn the_method_can_be_that_of_a_trait() {
        let model = Predictor { layer: linear() };
        assert_eq!(Predictor::signature(), signature(&[2], 2));
        assert_same(
            model.forward_any(vec![AnyTensor::new(points(1))]),
            model.predict(points(1)),
        );
    }

    macro_rules! network {
        ($name:ident) => {
            #[derive(Module, Bounded, Debug)]
            struct $name {
                layer: Linear,
            }

            impl $name {
                fn forward(&self, x: Tensor<2>) -> Tensor<2> {
                    self.layer.forward(x)
                }
            }
        };
    }

    network!(FromMacro);

    #[test]
    fn the_type_can_come_from_a_macro() {
        let model = FromMacro { layer: linear() };
        assert_same(
            model.forward_any(vec![AnyTensor::new(points(1))]),
            model.forward(points(1)),
        );
    }
}

mod inputs {
    use super::*;

    /// Inputs of different ranks, none of which may take another's place.
    #[derive(Module, Bounded, Debug)]
    struct Fusion {
        gain: Param<Tensor<1>>,
    }

    impl Fusion {
        fn forward(&self, a: Tensor<1>, b: Tensor<2>, c: Tensor<3>, d: Tensor<2>) -> Tensor<3> {
            let a = (self.gain.val() * a).unsqueeze::<3>();
            let (b, d) = (b.unsqueeze::<3>(), d.unsqueeze::<3>());
            a - b * 10.0 + c * 100.0 - d * 1000.0
        }
    }

    #[test]
    fn four_inputs_keep_their_order() {
        let model = Fusion {
            gain: Param::from_tensor(Tensor::ones([2], &test_device())),
        };
        let (a, b) = (points(1).flatten::<1>(0, 1), points(1) * 2.0);
        let (c, d) = (points(1).unsqueeze::<3>() * 3.0, points(1) * 4.0);
        assert_eq!(Fusion::signature(), signature(&[1, 2, 3, 2], 3));
        let inputs = vec![
            AnyTensor::new(a.clone()),
            AnyTensor::new(b.clone()),
            AnyTensor::new(c.clone()),
            AnyTensor::new(d.clone()),
        ];
        assert_same(model.forward_any(inputs), model.forward(a, b, c, d));
    }

    #[derive(Module, Bounded, Debug)]
    struct Difference {
        layer: Linear,
    }

    impl Difference {
        fn forward(&self, left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
            self.layer.forward(left) - right
        }
    }

    #[test]
    fn two_inputs_of_one_rank_keep_their_order() {
        let model = Difference { layer: linear() };
        let (left, right) = (points(1), points(1) * 5.0);
        assert_eq!(Difference::signature(), signature(&[2, 2], 2));
        let inputs = vec![AnyTensor::new(left.clone()), AnyTensor::new(right.clone())];
        assert_same(model.forward_any(inputs), model.forward(left, right));
    }

    #[test]
    #[should_panic(expected = "the forward pass takes 2 tensors, not 1")]
    fn a_missing_input_panics() {
        Difference { layer: linear() }.forward_any(vec![AnyTensor::new(points(1))]);
    }

    #[test]
    #[should_panic(expected = "the forward pass takes 2 tensors, not 3")]
    fn an_input_too_many_panics() {
        let inputs = vec![AnyTensor::new(points(1)); 3];
        Difference { layer: linear() }.forward_any(inputs);
    }

    #[test]
    #[should_panic(expected = "has not rank 2")]
    fn an_input_of_another_rank_panics() {
        let inputs = vec![
            AnyTensor::new(points(1)),
            AnyTensor::new(points(1).flatten::<1>(0, 1)),
        ];
        Difference { layer: linear() }.forward_any(inputs);
    }
}

mod generics {
    use super::*;

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

    fn check<M: Bounded>(model: &M, x: Tensor<2>, expected: Tensor<2>) {
        assert_eq!(M::signature(), signature(&[2], 2));
        assert_same(model.forward_any(vec![AnyTensor::new(x)]), expected);
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
            burn::tensor::activation::leaky_relu(x, self.0)
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
}

mod enums {
    use super::*;

    #[derive(Module, Debug)]
    struct Residual {
        layer: Linear,
    }

    #[derive(Module, Bounded, Debug)]
    enum Network {
        Plain(Linear),
        Residual(Residual),
    }

    impl Network {
        fn forward(&self, x: Tensor<2>) -> Tensor<2> {
            match self {
                Self::Plain(layer) => layer.forward(x),
                Self::Residual(block) => x.clone() + block.layer.forward(x),
            }
        }
    }

    #[test]
    fn each_variant_runs_its_own_architecture() {
        assert_eq!(Network::signature(), signature(&[2], 2));
        let layer = linear();
        let run = |model: &Network| model.forward_any(vec![AnyTensor::new(points(2))]);
        let plain = layer.forward(points(2));
        assert_same(run(&Network::Plain(layer.clone())), plain.clone());
        assert_same(
            run(&Network::Residual(Residual { layer })),
            points(2) + plain,
        );
    }

    #[derive(Module, Bounded, Debug)]
    #[bounded(forward = "logits")]
    enum Either<A: Bounded, B: Bounded> {
        Left(A),
        Right(B),
    }

    impl<A: Bounded, B: Bounded> Either<A, B> {
        fn logits(&self, x: Tensor<2>) -> Tensor<2> {
            let input = vec![AnyTensor::new(x)];
            match self {
                Self::Left(model) => model.forward_any(input),
                Self::Right(model) => model.forward_any(input),
            }
            .into_tensor()
        }
    }

    #[derive(Module, Bounded, Debug)]
    struct Twice {
        layer: Linear,
    }

    impl Twice {
        fn forward(&self, x: Tensor<2>) -> Tensor<2> {
            self.layer.forward(self.layer.forward(x))
        }
    }

    #[test]
    fn the_architectures_can_be_parameters() {
        let layer = linear();
        let once = layer.forward(points(2));
        let left: Either<Network, Twice> = Either::Left(Network::Plain(layer.clone()));
        let right: Either<Network, Twice> = Either::Right(Twice {
            layer: layer.clone(),
        });
        assert_eq!(Either::<Network, Twice>::signature(), signature(&[2], 2));
        assert_same(
            left.forward_any(vec![AnyTensor::new(points(2))]),
            once.clone(),
        );
        assert_same(
            right.forward_any(vec![AnyTensor::new(points(2))]),
            layer.forward(once),
        );
    }
}
