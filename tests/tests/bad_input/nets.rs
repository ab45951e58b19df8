//! Networks that certify whatever reaches their last bias as a number.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::{gelu, leaky_relu, relu, sigmoid, softmax, tanh};
use burn::tensor::{DType, Int, Tensor};
use burn_crown::{
    BoundConfig, BoundError, Bounded, GraphCache, LowerSlope, Method, Perturbation, Rounding,
    Specification, Statement,
};
use burn_crown_tests::parameters::map_parameters;
use burn_crown_tests::test_device;

/// What lies between the layers. The last ones can hide a number that is not finite.
pub(crate) const BETWEEN: [&str; 13] = [
    "nothing",
    "relu",
    "leaky relu",
    "abs",
    "clamp",
    "tanh",
    "sigmoid",
    "gelu",
    "sin",
    "square",
    "times 0",
    "softmax",
    "max",
];

/// Those behind which an infinity may be a number.
pub(crate) const UNBOUNDED: usize = 4;

/// Two layers and a bias of the first class that is far above everything else.
#[derive(Module, Bounded, Debug)]
pub(crate) struct Net {
    pub(crate) first: Linear,
    pub(crate) second: Linear,
    pub(crate) last: Linear,
    pub(crate) between: usize,
}

/// The bias of the first class.
pub(crate) const SURE: f64 = 1e6;

impl Net {
    pub(crate) fn new(between: usize, dtype: DType) -> Self {
        let device = test_device();
        let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(&device);
        let net = Self {
            first: linear(3, 4),
            second: linear(4, 4),
            last: linear(4, 2),
            between,
        };
        map_parameters(net, dtype, |path, _, values| {
            for (index, value) in values.iter_mut().enumerate() {
                *value = 0.3 - 0.1 * (index % 7) as f64;
            }
            if path == "last.bias" {
                values.copy_from_slice(&[SURE, 0.0]);
            }
        })
    }

    /// The same with one number of a parameter changed.
    pub(crate) fn with(self, parameter: &str, index: usize, value: f64) -> Self {
        let dtype = self.first.weight.val().dtype();
        map_parameters(self, dtype, |path, _, values| {
            if path == parameter {
                values[index] = value;
            }
        })
    }

    /// The same with all numbers of a parameter changed.
    pub(crate) fn with_all(self, parameter: &str, value: f64) -> Self {
        let dtype = self.first.weight.val().dtype();
        map_parameters(self, dtype, |path, _, values| {
            if path == parameter {
                values.fill(value);
            }
        })
    }

    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.between(self.first.forward(x));
        self.last.forward(self.between(self.second.forward(x)))
    }

    fn between(&self, x: Tensor<2>) -> Tensor<2> {
        match BETWEEN[self.between] {
            "nothing" => x,
            "relu" => relu(x),
            "leaky relu" => leaky_relu(x, 0.1),
            "abs" => x.abs(),
            "clamp" => x.clamp(-1.0, 1.0),
            "tanh" => tanh(x),
            "sigmoid" => sigmoid(x),
            "gelu" => gelu(x),
            "sin" => x.sin(),
            "square" => x.clone() * x,
            "times 0" => x * 0.0,
            "softmax" => softmax(x, 1),
            "max" => x.clone().max_dim(1).expand([-1, 4]),
            other => panic!("no function {other}"),
        }
    }
}

/// Two images.
pub(crate) fn images(dtype: DType) -> Tensor<2> {
    Tensor::from_data(
        [[0.5_f64, 0.25, 0.75], [0.4, 0.6, 0.2]],
        (&test_device(), dtype),
    )
}

/// The images with one number of the first one changed.
pub(crate) fn images_with(value: f64, dtype: DType) -> Tensor<2> {
    let bad = Tensor::<2>::full([1, 1], value, (&test_device(), dtype));
    images(dtype).slice_assign([0..1, 1..2], bad)
}

/// The margins of the first class.
pub(crate) fn sure() -> Specification {
    Specification::Margins(Tensor::<1, Int>::from_data([0, 0], &test_device()))
}

/// Every method, with every option that changes a relaxation, and with an account of rounding where
/// there is one.
pub(crate) fn configs() -> Vec<BoundConfig> {
    let methods = [
        Method::Interval,
        Method::CrownIbp,
        Method::Crown,
        Method::ConvexAdversarial,
        Method::Forward,
        Method::ForwardBackward,
    ];
    let plain = methods.map(BoundConfig::new);
    let slope = BoundConfig::new(Method::Crown).with_slope(LowerSlope::One);
    let sound = [Method::Interval, Method::Crown]
        .map(|method| BoundConfig::new(method).with_rounding(Rounding::Sound(Statement::AsRun)));
    plain.into_iter().chain([slope]).chain(sound).collect()
}

/// Which of the images each method certifies. Where rounding has no account, it is left out.
pub(crate) fn certified(
    net: &impl Bounded,
    images: Tensor<2>,
    region: &Perturbation,
    specification: &Specification,
) -> Result<Vec<(BoundConfig, Vec<bool>)>, BoundError> {
    let analysis = GraphCache::new().analyse(net, images, region)?;
    let mut found = Vec::new();
    for config in configs() {
        let bounds = match analysis.bounds(specification, &config) {
            Err(BoundError::Rounding(_)) => continue,
            bounds => bounds?,
        };
        found.push((
            config,
            bounds.certified().into_data().iter::<bool>().collect(),
        ));
    }
    Ok(found)
}

/// That each method certifies these of the images.
pub(crate) fn assert_certified(
    net: &impl Bounded,
    images: Tensor<2>,
    region: &Perturbation,
    expected: [bool; 2],
) {
    for (config, found) in certified(net, images, region, &sure()).unwrap() {
        assert_eq!(found, expected, "{config:?}, {region:?}");
    }
}
