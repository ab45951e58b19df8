//! What the checker refuses.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use burn_crown::recheck::{Recheck, RecheckError, RecheckRegion};
use burn_crown::{Bounded, LowerSlope, Method, Norm};
use burn_crown_tests::test_device;

#[derive(Module, Bounded, Debug)]
struct Curved {
    hidden: Linear,
    output: Linear,
}

impl Curved {
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.output
            .forward(self.hidden.forward(images.flatten(1, 3)).tanh())
    }
}

#[derive(Module, Bounded, Debug)]
struct Plain {
    output: Linear,
}

impl Plain {
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.output.forward(images.flatten(1, 3))
    }
}

/// Bounds of a function that it does not compute elsewhere would be worth nothing.
#[derive(Module, Bounded, Debug)]
struct Fickle {
    output: Linear,
}

impl Fickle {
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let factor = if images.device() == test_device() {
            2.0
        } else {
            1.0
        };
        self.output.forward(images.flatten(1, 3)) * factor
    }
}

fn linear(from: usize, to: usize) -> Linear {
    let device: Device = test_device();
    LinearConfig::new(from, to).init(&device)
}

fn ones() -> Tensor<4> {
    Tensor::ones([1, 1, 2, 2], &test_device())
}

#[test]
fn an_operator_that_it_does_not_have_is_named() {
    let net = Curved {
        hidden: linear(4, 3),
        output: linear(3, 2),
    };
    let error = Recheck::new(&net, ones()).unwrap_err().to_string();
    assert!(error.contains("`Tanh`"), "{error}");
}

#[test]
fn a_forward_pass_that_differs_from_its_record_is_refused() {
    let net = Fickle {
        output: linear(4, 2),
    };
    let error = Recheck::new(&net, ones()).unwrap_err().to_string();
    assert!(error.contains("the checker computes"), "{error}");
}

fn region(
    image: &[f64],
    norm: Norm,
    epsilon: f64,
    scale: &[f64],
    range: Option<(&[f64], &[f64])>,
) -> Result<RecheckRegion, RecheckError> {
    RecheckRegion::new(image, [1, 2, 2], norm, epsilon, scale, range)
}

#[test]
fn numbers_that_describe_no_region_are_refused() {
    let image = [0.5; 4];
    let linf = Norm::Linf;
    assert!(region(&image, linf, 0.1, &[1.0], Some((&[0.0], &[1.0]))).is_ok());
    for epsilon in [-0.1, f64::NAN, f64::INFINITY] {
        assert!(
            region(&image, linf, epsilon, &[1.0], None).is_err(),
            "{epsilon}"
        );
    }
    for scale in [&[][..], &[1.0, 1.0], &[f64::NAN], &[-1.0]] {
        assert!(region(&image, linf, 0.1, scale, None).is_err(), "{scale:?}");
    }
    for (lower, upper) in [(1.0, 0.0), (0.6, 1.0), (f64::NAN, 1.0)] {
        let ends = [[lower], [upper]];
        let range = Some((&ends[0][..], &ends[1][..]));
        assert!(
            region(&image, linf, 0.1, &[1.0], range).is_err(),
            "{lower} {upper}"
        );
    }
    for image in [&[0.5; 3][..], &[], &[f64::NAN; 4]] {
        assert!(region(image, linf, 0.1, &[1.0], None).is_err(), "{image:?}");
    }
    let error = region(&image, Norm::Lp(3.0), 0.1, &[1.0], None).unwrap_err();
    assert!(error.to_string().contains("L∞, L2 and L1"), "{error}");
}

#[test]
fn labels_methods_and_images_that_do_not_fit_are_refused() {
    let net = Plain {
        output: linear(4, 2),
    };
    let checker = Recheck::new(&net, ones()).unwrap();
    let region = |image: &[f64], shape| {
        RecheckRegion::new(image, shape, Norm::Linf, 0.1, &[1.0], None).unwrap()
    };
    let margins = |region: &RecheckRegion, label, method| {
        checker.margins(region, label, method, LowerSlope::Adaptive, false)
    };
    let fits = region(&[0.5; 4], [1, 2, 2]);
    assert_eq!(margins(&fits, 1, Method::Crown).unwrap().len(), 1);
    assert!(margins(&fits, 2, Method::Crown).is_err());
    assert!(margins(&fits, 1, Method::Forward).is_err());
    assert!(margins(&region(&[0.5; 6], [1, 2, 3]), 1, Method::Crown).is_err());
}

#[test]
fn what_overflows_has_no_bound() {
    let net = Plain {
        output: linear(4, 2),
    };
    let checker = Recheck::new(&net, ones()).unwrap();
    for norm in [Norm::Linf, Norm::L2, Norm::L1] {
        let region =
            RecheckRegion::new(&[0.5; 4], [1, 2, 2], norm, f64::MAX, &[f64::MAX], None).unwrap();
        for method in [Method::Interval, Method::Crown] {
            let margins = checker.margins(&region, 0, method, LowerSlope::Adaptive, false);
            let margin = margins.unwrap()[0];
            assert!(margin.is_nan() || margin < -1e300, "{margin}");
        }
    }
}
