//! The softmax and its relatives.

use burn::module::{Module, Param};
use burn::tensor::{DType, Distribution, Tensor, TensorData, activation};
use burn_crown::{BoundConfig, Bounded, GraphCache, Method, Norm, Perturbation, Specification};
use burn_crown_tests::differences::assert_gradients;
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::regions::RandomRegion;
use burn_crown_tests::sound::{ROUNDING, assert_sound};
use burn_crown_tests::test_device;

const RADII: &[f64] = &[0.05, 1.0, 30.0];

/// One of the family over a dim.
#[derive(Module, Bounded, Debug)]
struct Normalize<const D: usize> {
    kind: usize,
    dim: usize,
}

impl<const D: usize> Normalize<D> {
    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        match self.kind {
            0 => activation::softmax(x, self.dim),
            1 => activation::log_softmax(x, self.dim),
            _ => activation::softmin(x, self.dim),
        }
    }
}

fn check<const D: usize>(dims: [usize; D], dim: usize) {
    assert_sound(dims, 0.0, RADII, 3, |case| Normalize::<D> {
        kind: case as usize,
        dim,
    });
}

#[test]
fn softmax_over_the_last_dim_is_sound() {
    for size in [1, 2, 7] {
        check([2, size], 1);
        check([2, 3, size], 2);
    }
    check([2, 2, 2, 3], 3);
}

#[test]
fn softmax_over_a_middle_dim_is_sound() {
    for size in [1, 2, 7] {
        check([2, size, 3], 1);
    }
    check([2, 3, 2, 2], 1);
    check([2, 2, 3, 2], 2);
}

/// A softmax between two products with matrices.
#[derive(Module, Bounded, Debug)]
struct Between {
    first: Param<Tensor<2>>,
    second: Param<Tensor<2>>,
}

impl Between {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        activation::softmax(x.matmul(self.first.val()), 1).matmul(self.second.val())
    }
}

fn between() -> Between {
    let device = test_device();
    let matrix = |dims: [usize; 2]| {
        let spread = Distribution::Normal(0.0, 1.0);
        Param::from_tensor(Tensor::random(dims, spread, (&device, DType::F64)))
    };
    Between {
        first: matrix([4, 5]),
        second: matrix([5, 3]),
    }
}

#[test]
fn softmax_between_matrices_is_sound() {
    assert_sound([3, 4], 0.0, RADII, 3, |_| between());
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let device = test_device();
    device.seed(3);
    let spread = Distribution::Uniform(-1.0, 1.0);
    let x = Tensor::<2>::random([3, 4], spread, (&device, DType::F64));
    for radius in [0.1, 3.0] {
        assert_gradients(&between(), &x, radius);
    }
}

/// Neither of two equal elements is dominant, but rounding gives both more than half at some of
/// these radii.
#[test]
fn softmax_of_two_equal_elements_is_sound() {
    let radii: Vec<f64> = (1..=100).map(|at| f64::from(at) / 50.0).collect();
    let module = Normalize::<2> { kind: 0, dim: 1 };
    let input = Tensor::<2>::zeros([1, 2], (&test_device(), DType::F64));
    for radius in radii {
        let region = RandomRegion::ball(input.clone(), Norm::Linf, radius);
        let values = to_vec(module.forward(region.points(8, 1)));
        let analysis = GraphCache::new()
            .analyse(&module, input.clone(), &region.perturbation)
            .unwrap_or_else(|error| panic!("{error}"));
        for method in [Method::CrownIbp, Method::Crown] {
            let bounds = analysis
                .bounds(&Specification::Outputs, &BoundConfig::new(method))
                .unwrap_or_else(|error| panic!("{error}"));
            let (lower, upper) = (to_vec(bounds.lower), to_vec(bounds.upper));
            for (at, value) in values.iter().enumerate() {
                let (low, high) = (lower[at % 2], upper[at % 2]);
                assert!(
                    low - ROUNDING <= *value && *value <= high + ROUNDING,
                    "{method}, radius {radius}: {value} is not in [{low}, {high}]"
                );
            }
        }
    }
}

/// A softmax of which some rows are masked as a whole.
#[derive(Module, Bounded, Debug)]
struct Masked {
    fill: f64,
}

impl Masked {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let visible = Tensor::<3>::from_floats([[[1, 1, 0], [0, 0, 0]]], &x.device());
        let mask = visible.lower_elem(0.5).expand(x.shape());
        activation::softmax(x.mask_fill(mask, self.fill), 2)
    }
}

/// The weights of a row that is masked as a whole are equal, however large the fill: a small
/// difference of large numbers would leave nothing of them in `f32`.
#[test]
fn softmax_of_a_masked_row_keeps_its_accuracy() {
    let input = Tensor::<3>::from_data(
        [[[0.3, -0.5, 0.2], [1.0, 0.4, -0.7]]],
        (&test_device(), DType::F32),
    );
    for fill in [-1e4, -1e9] {
        let module = Masked { fill };
        let analysis = GraphCache::new()
            .analyse(&module, input.clone(), &Perturbation::linf(0.2))
            .unwrap_or_else(|error| panic!("{error}"));
        for method in [Method::Interval, Method::CrownIbp, Method::Crown] {
            let bounds = analysis
                .bounds(&Specification::Outputs, &BoundConfig::new(method))
                .unwrap_or_else(|error| panic!("{error}"));
            let ends = [bounds.lower, bounds.upper].map(to_vec);
            for bound in ends.iter().flat_map(|ends| &ends[3..]) {
                assert!(
                    (bound - 1.0 / 3.0).abs() < 1e-6,
                    "{method}, fill {fill}: the bounds are {ends:?}"
                );
            }
        }
    }
}

// The logarithm of a sum of exponentials, as it is written, and with the largest element taken off.
module_of!(LogSumExp, 3, 3, |x| x.exp().sum_dim(2).log());
module_of!(LogSumExpOfRows, 3, 3, |x| x.exp().sum_dim(1).log() * 0.5);
module_of!(ShiftedLogSumExp, 3, 3, |x| {
    let largest = x.clone().max_dim(2);
    (x - largest.clone()).exp().sum_dim(2).log() + largest
});
module_of!(QuietSoftmax, 3, 3, |x| activation::quiet_softmax(x, 2));
module_of!(QuietSoftmaxOfRows, 3, 3, |x| activation::quiet_softmax(
    x, 1
));
// The same with a step in between that no pattern knows.
module_of!(PlainLogSumExp, 3, 3, |x| (x.exp().sum_dim(2) + 0.0).log());
module_of!(PlainQuietSoftmax, 3, 3, |x| {
    let powers = x.exp();
    powers.clone() / (powers.sum_dim(2) + 1.0)
});

#[test]
fn log_sum_exp_is_sound() {
    assert_sound([2, 2, 4], 0.0, RADII, 3, |_| LogSumExp { unused: 0 });
    assert_sound([2, 3, 2], 0.0, RADII, 2, |_| LogSumExpOfRows { unused: 0 });
}

#[test]
fn shifted_log_sum_exp_is_sound() {
    assert_sound([2, 2, 4], 0.0, RADII, 3, |_| ShiftedLogSumExp { unused: 0 });
}

#[test]
fn quiet_softmax_is_sound() {
    assert_sound([2, 2, 4], 0.0, RADII, 3, |_| QuietSoftmax { unused: 0 });
    assert_sound([2, 3, 2], 0.0, RADII, 2, |_| QuietSoftmaxOfRows {
        unused: 0,
    });
}

/// The mean distance between the bounds of outputs.
fn width<M: Bounded>(module: &M, method: Method) -> f64 {
    let points: Vec<f64> = (0..8).map(|at| f64::from(at) / 4.0 - 1.0).collect();
    let points = TensorData::new(points, [1, 2, 4]);
    let input = Tensor::<3>::from_data(points, (&test_device(), DType::F64));
    let bounds = GraphCache::new()
        .analyse(module, input, &Perturbation::linf(0.5))
        .unwrap_or_else(|error| panic!("{error}"))
        .bounds(&Specification::Outputs, &BoundConfig::new(method))
        .unwrap_or_else(|error| panic!("{error}"));
    let widths = to_vec(bounds.upper - bounds.lower);
    widths.iter().sum::<f64>() / widths.len() as f64
}

/// Intervals of a sum of exponentials under a logarithm are exact either way.
#[test]
fn sums_of_exponentials_are_tighter_as_one_operator() {
    let tighter =
        |whole: f64, parts: f64| assert!(whole < 0.99 * parts, "{whole}, by parts {parts}");
    let [whole, shifted, parts] = [
        width(&LogSumExp { unused: 0 }, Method::Crown),
        width(&ShiftedLogSumExp { unused: 0 }, Method::Crown),
        width(&PlainLogSumExp { unused: 0 }, Method::Crown),
    ];
    tighter(whole, parts);
    assert!(
        (whole - shifted).abs() < 1e-12,
        "{whole}, shifted {shifted}"
    );
    for method in [Method::Interval, Method::Crown] {
        let quiet = width(&QuietSoftmax { unused: 0 }, method);
        tighter(quiet, width(&PlainQuietSoftmax { unused: 0 }, method));
    }
}
