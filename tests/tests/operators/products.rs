//! The relaxations that products of two perturbed values have to choose from.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{DType, Distribution, Tensor};
use burn_crown::{BoundConfig, Bounded, GraphCache, Method, Perturbation, Specification};
use burn_crown_tests::differences::assert_gradients;
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::sound::assert_sound;
use burn_crown_tests::test_device;

/// Functions of two numbers with products in them.
#[derive(Module, Bounded, Debug)]
struct Products {
    kind: usize,
}

impl Products {
    fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let (x, y) = (input.clone().narrow(1, 0, 1), input.narrow(1, 1, 1));
        let product = x.clone() * y.clone();
        match self.kind {
            0 => product,
            1 => product + x + y,
            2 => product - x * y,
            _ => product.clone() * x - product * y,
        }
    }
}

/// The bounds on `[-1, 3]²`.
fn bounds(kind: usize, method: Method) -> [f64; 2] {
    let center = Tensor::<2>::from_data([[1.0, 1.0]], (&test_device(), DType::F64));
    let bounds = GraphCache::new()
        .analyse(&Products { kind }, center, &Perturbation::linf(2.0))
        .expect("the module can be analysed")
        .bounds(&Specification::Outputs, &BoundConfig::new(method))
        .expect("it can be bounded");
    [to_vec(bounds.lower)[0], to_vec(bounds.upper)[0]]
}

/// Each expression is bounded as well as planes can bound it, by another choice of planes.
#[test]
fn each_choice_of_planes_has_its_use() {
    let almost = |value: f64, expected: f64| (value - expected).abs() < 1e-9;
    for method in [Method::CrownIbp, Method::Crown] {
        // A product by itself is smallest at a corner of the box: the plane that falls least.
        let [lower, _] = bounds(0, method);
        assert!(almost(lower, -3.0), "{method}: {lower}");
        // (x + 1) (y + 1) − 1: the plane through the lower ends.
        let [lower, _] = bounds(1, method);
        assert!(almost(lower, -1.0), "{method}: {lower}");
        // Nothing but the distance of parallel planes, which are 2 · 2 above and below: those in
        // the middle.
        let [lower, upper] = bounds(2, method);
        assert!(
            almost(lower, -8.0) && almost(upper, 8.0),
            "{method}: {lower}, {upper}"
        );
    }
}

#[test]
fn sums_and_products_of_products_are_sound() {
    for kind in 0..4 {
        for center in [-2.0, 0.0, 2.0] {
            assert_sound([2, 2], center, &[0.1, 1.0, 10.0], 2, |_| Products { kind });
        }
    }
}

/// Rows are bounded one by one: a row's bound does not depend on the others.
#[test]
fn the_best_planes_are_chosen_for_each_row() {
    let device = test_device();
    device.seed(5);
    let spread = Distribution::Uniform(-1.0, 1.0);
    let x = Tensor::<2>::random([3, 2], spread, (&device, DType::F64));
    let analysis = GraphCache::new()
        .analyse(&Several { unused: 0 }, x, &Perturbation::linf(1.0))
        .expect("the module can be analysed");
    let rows = Tensor::<3>::random([1, 6, 3], spread, (&device, DType::F64)).repeat_dim(0, 3);
    let config = BoundConfig::new(Method::CrownIbp);
    let lower = |rows: Tensor<3>| {
        let lower = analysis.lower(&Specification::Linear(rows), &config);
        lower.expect("it can be bounded")
    };
    let together = to_vec(lower(rows.clone()));
    let single = (0..6).map(|row| lower(rows.clone().narrow(1, row, 1)));
    let single = to_vec(Tensor::cat(single.collect(), 1));
    for (together, single) in together.iter().zip(&single) {
        assert!((together - single).abs() < 1e-12, "{together} and {single}");
    }
}

/// The functions of [`Products`] side by side.
#[derive(Module, Bounded, Debug)]
struct Several {
    unused: usize,
}

impl Several {
    fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let of = |kind| Products { kind }.forward(input.clone());
        Tensor::cat(vec![of(1), of(2), of(3)], 1)
    }
}

/// The functions of [`Several`] behind and before layers.
#[derive(Module, Bounded, Debug)]
struct Trained {
    first: Linear,
    last: Linear,
}

impl Trained {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let values = Several { unused: 0 }.forward(self.first.forward(x));
        self.last.forward(values)
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let device = test_device();
    device.seed(3);
    let linear = |inputs, outputs| {
        let layer = LinearConfig::new(inputs, outputs).init(&device);
        map_parameters(layer, DType::F64, |_, _, _| {})
    };
    let module = Trained {
        first: linear(3, 2),
        last: linear(3, 5),
    };
    let spread = Distribution::Uniform(-1.0, 1.0);
    let x = Tensor::<2>::random([2, 3], spread, (&device, DType::F64));
    assert_gradients(&module, &x, 0.5);
}
