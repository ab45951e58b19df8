//! Which method is recorded.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::{relu, softmax};
use burn_crown::{AnyTensor, Bounded};

use crate::{assert_same, check, linear, points, signature};

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
        softmax(self.logits(x).squeeze_dim::<2>(1), 1)
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
    check(&model, points(1), model.r#yield(points(1)));
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
    check(&model, points(1), model.predict(points(1)));
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
    check(&model, points(1), model.forward(points(1)));
}
