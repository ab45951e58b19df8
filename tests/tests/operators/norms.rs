//! Normalization over the features of an image.

use burn::module::Module;
use burn::nn::{
    GroupNorm, GroupNormConfig, InstanceNorm, InstanceNormConfig, LayerNorm, LayerNormConfig,
    LocalResponseNorm, LocalResponseNormConfig, RmsNorm, RmsNormConfig,
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

layer_of!(Rows, LayerNorm, 2);
layer_of!(Tokens, LayerNorm, 3);
layer_of!(Grid, LayerNorm, 4);
layer_of!(Groups, GroupNorm, 3);
layer_of!(Instances, InstanceNorm, 4);
layer_of!(Rms, RmsNorm, 3);
layer_of!(Local, LocalResponseNorm, 4);

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

// Casts to the type that its values have.
module_of!(IdleCast, 2, 2, |x| x.cast(DType::F64).powi_scalar(3));

fn layer_norm(width: usize) -> LayerNorm {
    varied(LayerNormConfig::new(width).init(&test_device()))
}

#[test]
fn layer_norm_of_rows_is_sound() {
    assert_sound([2, 5], 0.0, &RADII, 3, |_| Rows {
        layer: layer_norm(5),
    });
}

#[test]
fn layer_norm_of_two_is_sound() {
    assert_sound([2, 2], 0.5, &RADII, 2, |_| Rows {
        layer: layer_norm(2),
    });
}

#[test]
fn layer_norm_of_tokens_is_sound() {
    assert_sound([2, 3, 4], 0.0, &RADII, 2, |_| Tokens {
        layer: layer_norm(4),
    });
}

#[test]
fn layer_norm_without_shift_is_sound() {
    assert_sound([2, 3, 4], 0.0, &RADII, 2, |_| {
        let config = LayerNormConfig::new(4).with_bias(false);
        Tokens {
            layer: varied(config.init(&test_device())),
        }
    });
}

#[test]
fn layer_norm_of_a_grid_is_sound() {
    assert_sound([2, 2, 2, 3], 0.0, &RADII, 2, |_| Grid {
        layer: layer_norm(3),
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
        layer: varied(GroupNormConfig::new(2, 4).init(&test_device())),
    });
}

#[test]
fn instance_norm_is_sound() {
    assert_sound([2, 2, 3, 3], 0.0, &RADII, 2, |_| Instances {
        layer: varied(InstanceNormConfig::new(2).init(&test_device())),
    });
}

#[test]
fn rms_norm_is_sound() {
    assert_sound([2, 3, 4], 0.0, &RADII, 2, |_| RmsInPlace {
        norm: varied(RmsNormConfig::new(4).init(&test_device())),
    });
}

#[test]
fn local_response_norm_is_sound() {
    assert_sound([2, 4, 2, 2], 0.0, &RADII, 2, |_| Local {
        layer: LocalResponseNormConfig::new(3).with_alpha(0.5).init(),
    });
}

/// In `f64`, the mean of squares is computed in `f32`, whose rounding no bound covers.
#[test]
fn rms_norm_in_f64_is_refused() {
    let device = test_device();
    let module = Rms {
        layer: varied(RmsNormConfig::new(4).init(&device)),
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
