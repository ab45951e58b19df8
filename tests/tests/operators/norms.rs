//! Normalization over the features of an image.

use burn::module::Module;
use burn::nn::{
    GroupNorm, GroupNormConfig, InstanceNorm, InstanceNormConfig, LayerNorm, LayerNormConfig,
    RmsNorm, RmsNormConfig,
};
use burn::tensor::{DType, Tensor};
use burn_crown::{Bounded, GraphCache, Norm, Perturbation};
use burn_crown_tests::parameters::map_parameters;
use burn_crown_tests::sound::assert_sound;
use burn_crown_tests::test_device;

const RADII: [f64; 3] = [0.01, 0.3, 3.0];

/// In `f64`, with scales of both signs and shifts that are not zero.
fn varied<M: Module>(module: M) -> M {
    map_parameters(module, DType::F64, |path, _, values| {
        let scales = path.ends_with("gamma");
        for (index, value) in values.iter_mut().enumerate() {
            let at = index as f64;
            *value = if scales {
                1.3 - 0.6 * at
            } else {
                0.2 * at - 0.3
            };
        }
    })
}

#[derive(Module, Bounded, Debug)]
struct Rows {
    norm: LayerNorm,
}

impl Rows {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.norm.forward(x)
    }
}

#[derive(Module, Bounded, Debug)]
struct Tokens {
    norm: LayerNorm,
}

impl Tokens {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.norm.forward(x)
    }
}

#[derive(Module, Bounded, Debug)]
struct Grid {
    norm: LayerNorm,
}

impl Grid {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm.forward(x)
    }
}

#[derive(Module, Bounded, Debug)]
struct MergedTokens {
    norm: LayerNorm,
}

impl MergedTokens {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, tokens, width] = x.dims();
        let rows = x.reshape([batch * tokens, width]);
        self.norm.forward(rows).reshape([batch, tokens, width])
    }
}

#[derive(Module, Bounded, Debug)]
struct Groups {
    norm: GroupNorm,
}

impl Groups {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.norm.forward(x)
    }
}

#[derive(Module, Bounded, Debug)]
struct Instances {
    norm: InstanceNorm,
}

impl Instances {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm.forward(x)
    }
}

#[derive(Module, Bounded, Debug)]
struct Rms {
    norm: RmsNorm,
}

impl Rms {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.norm.forward(x)
    }
}

/// What `RmsNorm` computes, without its detour through `f32`.
#[derive(Module, Bounded, Debug)]
struct RmsInPlace {
    norm: RmsNorm,
}

impl RmsInPlace {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let mean = x.clone().square().mean_dim(2);
        let rms = (mean + self.norm.epsilon).sqrt();
        (x / rms) * self.norm.gamma.val().unsqueeze()
    }
}

/// Casts to the type that its values have.
#[derive(Module, Bounded, Debug)]
struct IdleCast {
    unused: usize,
}

impl IdleCast {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.cast(DType::F64).powi_scalar(3)
    }
}

fn layer_norm(width: usize) -> LayerNorm {
    varied(LayerNormConfig::new(width).init(&test_device()))
}

#[test]
fn layer_norm_of_rows_is_sound() {
    assert_sound([2, 5], 0.0, &RADII, 3, |_| Rows {
        norm: layer_norm(5),
    });
}

#[test]
fn layer_norm_of_two_is_sound() {
    assert_sound([2, 2], 0.5, &RADII, 2, |_| Rows {
        norm: layer_norm(2),
    });
}

#[test]
fn layer_norm_of_tokens_is_sound() {
    assert_sound([2, 3, 4], 0.0, &RADII, 2, |_| Tokens {
        norm: layer_norm(4),
    });
}

#[test]
fn layer_norm_without_shift_is_sound() {
    assert_sound([2, 3, 4], 0.0, &RADII, 2, |_| {
        let config = LayerNormConfig::new(4).with_bias(false);
        Tokens {
            norm: varied(config.init(&test_device())),
        }
    });
}

#[test]
fn layer_norm_of_a_grid_is_sound() {
    assert_sound([2, 2, 2, 3], 0.0, &RADII, 2, |_| Grid {
        norm: layer_norm(3),
    });
}

#[test]
fn layer_norm_of_merged_tokens_is_sound() {
    assert_sound([2, 3, 4], 0.0, &RADII, 2, |_| MergedTokens {
        norm: layer_norm(4),
    });
}

#[test]
fn group_norm_is_sound() {
    assert_sound([2, 4, 3], 0.0, &RADII, 2, |_| Groups {
        norm: varied(GroupNormConfig::new(2, 4).init(&test_device())),
    });
}

#[test]
fn instance_norm_is_sound() {
    assert_sound([2, 2, 3, 3], 0.0, &RADII, 2, |_| Instances {
        norm: varied(InstanceNormConfig::new(2).init(&test_device())),
    });
}

#[test]
fn rms_norm_is_sound() {
    assert_sound([2, 3, 4], 0.0, &RADII, 2, |_| RmsInPlace {
        norm: varied(RmsNormConfig::new(4).init(&test_device())),
    });
}

/// In `f64`, the mean of squares is computed in `f32`, whose rounding no bound covers.
#[test]
fn rms_norm_in_f64_is_refused() {
    let device = test_device();
    let module = Rms {
        norm: varied(RmsNormConfig::new(4).init(&device)),
    };
    let input = Tensor::<3>::zeros([2, 3, 4], (&device, DType::F64));
    let perturbation = Perturbation::ball(Norm::Linf, 0.1);
    let error = GraphCache::new()
        .analyse(&module, input, &perturbation)
        .map(|_| ())
        .expect_err("a narrowing cast is refused");
    let message = error.to_string();
    assert!(message.contains("from F64 to F32"), "{message}");
}

#[test]
fn an_idle_cast_and_a_cube_are_sound() {
    assert_sound([2, 5], 0.0, &RADII, 3, |_| IdleCast { unused: 0 });
}
