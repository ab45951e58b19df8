//! Matrix products of two values that both depend on the input.

use burn::module::Module;
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{DType, Distribution, Tensor};
use burn_crown::{
    BoundConfig, Bounded, GraphCache, Method, Norm, Perturbation, Specification, TraceError,
};
use burn_crown_tests::differences::assert_gradients;
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::sound::{METHODS, assert_sound};
use burn_crown_tests::test_device;

/// How the factors are made of the input.
#[derive(Module, Bounded, Debug)]
struct Halves {
    m: usize,
    k: usize,
    n: usize,
    /// Dims in between that the left and the right factor have.
    left: usize,
    right: usize,
}

impl Halves {
    fn width(&self) -> usize {
        self.k * (self.m * self.left + self.n * self.right)
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<4> {
        let (batch, cut) = (x.dims()[0], self.m * self.k * self.left);
        let left = x.clone().narrow(1, 0, cut);
        let right = x.narrow(1, cut, self.k * self.n * self.right);
        left.reshape([batch, self.left, self.m, self.k])
            .matmul(right.reshape([batch, self.right, self.k, self.n]))
    }
}

#[test]
fn products_of_every_shape_are_sound() {
    for (m, k, n, left, right) in [
        (1, 1, 1, 1, 1),
        (2, 1, 3, 1, 1),
        (1, 3, 1, 1, 1),
        (1, 2, 3, 2, 2),
        (3, 2, 1, 2, 2),
        (2, 3, 2, 1, 3),
        (2, 2, 3, 2, 1),
    ] {
        let halves = || Halves {
            m,
            k,
            n,
            left,
            right,
        };
        for batch in [1, 2] {
            let dims = [batch, halves().width()];
            assert_sound(dims, 0.0, &[0.1, 1.0, 30.0], 1, |_| halves());
        }
    }
}

#[test]
fn products_of_one_sign_are_sound() {
    for center in [-3.0, 3.0] {
        assert_sound([2, 12], center, &[0.1, 1.0], 2, |_| Halves {
            m: 2,
            k: 2,
            n: 2,
            left: 1,
            right: 2,
        });
    }
}

#[derive(Module, Bounded, Debug)]
struct Gram {
    layer: Linear,
}

impl Gram {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = self.layer.forward(x);
        x.clone().matmul(x.transpose())
    }
}

#[derive(Module, Bounded, Debug)]
struct InputGram {
    unused: usize,
}

impl InputGram {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        x.clone().matmul(x.transpose())
    }
}

#[derive(Module, Bounded, Debug)]
struct SquareMatrix {
    unused: usize,
}

impl SquareMatrix {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        x.clone().matmul(x)
    }
}

fn linear(inputs: usize, outputs: usize) -> Linear {
    let layer = LinearConfig::new(inputs, outputs).init(&test_device());
    map_parameters(layer, DType::F64, |_, _, _| {})
}

#[test]
fn products_of_a_value_with_itself_are_sound() {
    let radii = [0.1, 2.0];
    assert_sound([2, 3, 2], 0.0, &radii, 3, |_| Gram {
        layer: linear(2, 4),
    });
    assert_sound([2, 3, 2], 0.5, &radii, 3, |_| InputGram { unused: 0 });
    assert_sound([2, 3, 3], 0.5, &radii, 3, |_| SquareMatrix { unused: 0 });
}

/// Attention without its softmax, in heads as Burn's module makes them.
#[derive(Module, Bounded, Debug)]
struct LinearAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
}

impl LinearAttention {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, length, width] = x.dims();
        let heads = |layer: &Linear| {
            layer
                .forward(x.clone())
                .reshape([batch, length, self.heads, width / self.heads])
                .swap_dims(1, 2)
        };
        let (query, key, value) = (heads(&self.query), heads(&self.key), heads(&self.value));
        let weights = query.matmul(key.transpose()).div_scalar(2.0);
        let mixed = weights.matmul(value).swap_dims(1, 2);
        self.output.forward(mixed.reshape([batch, length, width]))
    }
}

#[test]
fn attention_without_softmax_is_sound() {
    for (batch, length, heads) in [
        (2, 3, 2),
        (2, 3, 1),
        (2, 1, 2),
        (2, 2, 4),
        (1, 3, 2),
        (1, 1, 1),
    ] {
        assert_sound([batch, length, 4], 0.0, &[0.01, 0.3], 2, |_| {
            LinearAttention {
                query: linear(4, 4),
                key: linear(4, 4),
                value: linear(4, 4),
                output: linear(4, 4),
                heads,
            }
        });
    }
}

/// Burn's own attention.
#[derive(Module, Bounded, Debug)]
struct Attention {
    inner: MultiHeadAttention,
}

impl Attention {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.inner.forward(MhaInput::self_attn(x)).context
    }
}

#[test]
fn attention_is_sound() {
    for (length, heads) in [(3, 2), (2, 1), (1, 2)] {
        assert_sound([2, length, 4], 0.0, &[0.01, 0.3, 2.0], 2, |_| {
            let config = MultiHeadAttentionConfig::new(4, heads).with_dropout(0.0);
            Attention {
                inner: map_parameters(config.init(&test_device()), DType::F64, |_, _, _| {}),
            }
        });
    }
}

/// The product of [`Halves`] as a sum of element-wise products.
#[derive(Module, Bounded, Debug)]
struct Terms {
    halves: Halves,
}

impl Terms {
    fn forward(&self, x: Tensor<2>) -> Tensor<4> {
        let Halves {
            m,
            k,
            n,
            left,
            right,
        } = self.halves;
        let (batch, cut) = (x.dims()[0], m * k * left);
        let rows = x.clone().narrow(1, 0, cut).reshape([batch, left, m, k, 1]);
        let columns = x.narrow(1, cut, k * n * right);
        let terms = rows * columns.reshape([batch, right, 1, k, n]);
        terms.sum_dim(3).reshape([batch, left.max(right), m, n])
    }
}

#[test]
fn bounds_are_those_of_a_sum_of_element_wise_products() {
    let device = test_device();
    for (seed, (m, k, n, left, right)) in (0..).zip([
        (1, 1, 1, 1, 1),
        (2, 3, 4, 1, 1),
        (3, 2, 2, 2, 2),
        (2, 2, 3, 3, 1),
    ]) {
        let halves = Halves {
            m,
            k,
            n,
            left,
            right,
        };
        device.seed(seed);
        let spread = Distribution::Uniform(-1.0, 1.0);
        let x = Tensor::<2>::random([5, halves.width()], spread, (&device, DType::F64));
        let terms = Terms {
            halves: halves.clone(),
        };
        for method in METHODS {
            for norm in [Norm::L1, Norm::L2, Norm::Linf] {
                let own = bounds(&halves, &x, norm, method);
                let others = bounds(&terms, &x, norm, method);
                assert_eq!(own.len(), others.len());
                // The interval of a whole product knows the ball that a factor is in.
                let may_be_tighter = method == Method::Interval && norm != Norm::Linf;
                let lower_ones = own.len() / 2;
                for (at, (own, other)) in own.into_iter().zip(others).enumerate() {
                    let inside = if at < lower_ones {
                        own - other
                    } else {
                        other - own
                    };
                    assert!(
                        inside > -1e-9 && (may_be_tighter || inside < 1e-9),
                        "{method}, {norm:?}: {own} and {other}"
                    );
                }
            }
        }
    }
}

/// The lower bounds, then the upper ones.
fn bounds<M: Bounded>(module: &M, x: &Tensor<2>, norm: Norm, method: Method) -> Vec<f64> {
    let analysis = GraphCache::new()
        .analyse(module, x.clone(), &Perturbation::ball(norm, 0.5))
        .expect("the module can be analysed");
    let bounds = analysis
        .bounds(&Specification::Outputs, &BoundConfig::new(method))
        .expect("it can be bounded");
    [to_vec(bounds.lower), to_vec(bounds.upper)].concat()
}

/// The intervals of sums of products are the exact ones where no input is read twice.
#[test]
fn intervals_are_reached() {
    let device = test_device();
    let x = Tensor::<2>::from_data([[1.0, -2.0, 0.5, 3.0]], (&device, DType::F64));
    let halves = Halves {
        m: 1,
        k: 2,
        n: 1,
        left: 1,
        right: 1,
    };
    // [0.5, 1.5] · [0, 1] + [-2.5, -1.5] · [2.5, 3.5]
    let bounds = bounds(&halves, &x, Norm::Linf, Method::Interval);
    assert!((bounds[0] + 8.75).abs() < 1e-9);
    assert!((bounds[1] + 2.25).abs() < 1e-9);
}

/// The rows of the batch are summed over.
#[derive(Module, Bounded, Debug)]
struct OverBatch {
    unused: usize,
}

impl OverBatch {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.clone().matmul(x)
    }
}

#[test]
fn a_product_over_the_batch_is_refused() {
    let x = Tensor::<2>::zeros([3, 3], (&test_device(), DType::F64));
    let refused = GraphCache::new()
        .analyse(&OverBatch { unused: 0 }, x, &Perturbation::linf(0.1))
        .expect_err("images are mixed");
    let mixes = matches!(
        refused,
        burn_crown::BoundError::Trace(TraceError::MixesBatch { .. })
    );
    assert!(mixes, "{refused}");
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let device = test_device();
    device.seed(3);
    let module = Gram {
        layer: linear(2, 3),
    };
    let spread = Distribution::Uniform(-1.0, 1.0);
    let x = Tensor::<3>::random([2, 2, 2], spread, (&device, DType::F64));
    assert_gradients(&module, &x, 0.2);
}
