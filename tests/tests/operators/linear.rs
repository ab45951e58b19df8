//! Affine operators.

use burn::module::{Initializer, Module};
use burn::nn::conv::{
    Conv3d, Conv3dConfig, ConvTranspose1d, ConvTranspose1dConfig, ConvTranspose2d,
    ConvTranspose2dConfig, ConvTranspose3d, ConvTranspose3dConfig,
};
use burn::nn::interpolate::{Interpolate2d, Interpolate2dConfig, InterpolateMode};
use burn::nn::pool::{
    AdaptiveAvgPool1d, AdaptiveAvgPool1dConfig, AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig,
    AdaptiveAvgPool3d, AdaptiveAvgPool3dConfig,
};
use burn::tensor::{Bool, DType, Tensor, TensorData};
use burn_crown::{Bounded, GraphCache, Norm, Perturbation};
use burn_crown_tests::parameters::map_parameters;
use burn_crown_tests::sound::assert_sound;
use burn_crown_tests::test_device;

const RADII: [f64; 2] = [0.1, 1.0];

/// Random parameters for every convolution.
const WEIGHTS: Initializer = Initializer::Uniform {
    min: -1.0,
    max: 1.0,
};

fn in_f64<M: Module>(module: M) -> M {
    map_parameters(module, DType::F64, |_, _, _| {})
}

/// A layer and a square of its result, so that bounds are asked before and behind it.
macro_rules! squared {
    ($name:ident, $layer:ty, $rank:literal) => {
        #[derive(Module, Bounded, Debug)]
        struct $name {
            layer: $layer,
        }

        impl $name {
            fn forward(&self, x: Tensor<$rank>) -> Tensor<2> {
                let y = self.layer.forward(x.tanh());
                (y.clone() + y.powf_scalar(2.0)).flatten(1, $rank - 1)
            }
        }
    };
}

layer_of!(Transposed1d, ConvTranspose1d, 3);
squared!(SquaredTransposed1d, ConvTranspose1d, 3);
layer_of!(Transposed2d, ConvTranspose2d, 4);
squared!(SquaredTransposed2d, ConvTranspose2d, 4);
layer_of!(Transposed3d, ConvTranspose3d, 5);
layer_of!(Volumes, Conv3d, 5);
squared!(SquaredVolumes, Conv3d, 5);
layer_of!(Pool1d, AdaptiveAvgPool1d, 3);
squared!(SquaredPool2d, AdaptiveAvgPool2d, 4);
layer_of!(Pool3d, AdaptiveAvgPool3d, 5);
layer_of!(Resize, Interpolate2d, 4);
squared!(SquaredResize, Interpolate2d, 4);

#[test]
fn conv_transpose1d_is_sound() {
    let config = ConvTranspose1dConfig::new([4, 6], 3).with_initializer(WEIGHTS);
    for config in [
        config.clone(),
        config
            .clone()
            .with_stride(3)
            .with_padding(1)
            .with_padding_out(2),
        config
            .clone()
            .with_groups(2)
            .with_dilation(2)
            .with_bias(false),
        config.with_stride(2).with_dilation(3).with_padding_out(2),
    ] {
        let layer = || in_f64(config.clone().init(&test_device()));
        assert_sound([2, 4, 5], 0.0, &RADII, 2, |_| Transposed1d {
            layer: layer(),
        });
        assert_sound([2, 4, 5], 0.0, &RADII, 1, |_| SquaredTransposed1d {
            layer: layer(),
        });
    }
}

#[test]
fn conv_transpose2d_is_sound() {
    let config = ConvTranspose2dConfig::new([2, 4], [3, 2]).with_initializer(WEIGHTS);
    for config in [
        config.clone(),
        config
            .clone()
            .with_stride([2, 3])
            .with_padding([1, 0])
            .with_padding_out([1, 2]),
        config
            .with_groups(2)
            .with_dilation([2, 1])
            .with_stride([2, 2])
            .with_bias(false),
    ] {
        let layer = || in_f64(config.clone().init(&test_device()));
        assert_sound([2, 2, 3, 4], 0.0, &RADII, 2, |_| Transposed2d {
            layer: layer(),
        });
        assert_sound([2, 2, 3, 4], 0.0, &RADII, 1, |_| SquaredTransposed2d {
            layer: layer(),
        });
    }
}

#[test]
fn conv_transpose3d_is_sound() {
    let config = ConvTranspose3dConfig::new([2, 2], [2, 3, 2])
        .with_stride([2, 1, 2])
        .with_padding([0, 1, 0])
        .with_padding_out([1, 0, 0])
        .with_initializer(WEIGHTS);
    assert_sound([2, 2, 2, 3, 2], 0.0, &RADII, 2, |_| Transposed3d {
        layer: in_f64(config.clone().init(&test_device())),
    });
}

#[test]
fn conv3d_is_sound() {
    use burn::nn::PaddingConfig3d;
    let config = Conv3dConfig::new([2, 4], [2, 3, 2]).with_initializer(WEIGHTS);
    for config in [
        config.clone(),
        config
            .clone()
            .with_stride([2, 2, 3])
            .with_padding(PaddingConfig3d::Explicit(1, 1, 0)),
        config
            .with_groups(2)
            .with_dilation([2, 1, 2])
            .with_bias(false),
    ] {
        let layer = || in_f64(config.clone().init(&test_device()));
        assert_sound([2, 2, 4, 4, 4], 0.0, &RADII, 2, |_| Volumes {
            layer: layer(),
        });
        assert_sound([2, 2, 4, 4, 4], 0.0, &RADII, 1, |_| SquaredVolumes {
            layer: layer(),
        });
    }
}

#[test]
fn adaptive_avg_pool_is_sound() {
    for size in [1, 3, 5, 7] {
        let layer = AdaptiveAvgPool1dConfig::new(size).init();
        assert_sound([2, 2, 5], 0.0, &RADII, 2, |_| Pool1d {
            layer: layer.clone(),
        });
        let layer = AdaptiveAvgPool2dConfig::new([size, 2]).init();
        assert_sound([2, 2, 5, 3], 0.0, &RADII, 2, |_| SquaredPool2d {
            layer: layer.clone(),
        });
    }
}

#[test]
fn adaptive_avg_pool_of_volumes_is_sound() {
    let layer = AdaptiveAvgPool3dConfig::new([2, 4, 1]).init();
    assert_sound([2, 1, 3, 3, 2], 0.0, &RADII, 2, |_| Pool3d {
        layer: layer.clone(),
    });
}

#[test]
fn smooth_interpolation_is_sound() {
    for mode in [InterpolateMode::Linear, InterpolateMode::Cubic] {
        for align_corners in [true, false] {
            for size in [[6, 7], [2, 3], [1, 4]] {
                let layer = Interpolate2dConfig::new()
                    .with_mode(mode.clone())
                    .with_output_size(Some(size))
                    .with_align_corners(align_corners)
                    .init();
                assert_sound([2, 2, 4, 3], 0.0, &RADII, 1, |_| Resize {
                    layer: layer.clone(),
                });
                assert_sound([2, 2, 4, 3], 0.0, &RADII, 1, |_| SquaredResize {
                    layer: layer.clone(),
                });
            }
        }
    }
}

#[derive(Module, Bounded, Debug)]
struct CumulativeSums {
    dim: usize,
}

impl CumulativeSums {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        x.clone().cumsum(self.dim) + x.tanh().cumsum(self.dim)
    }
}

#[test]
fn cumulative_sum_is_sound() {
    for dim in [1, 2] {
        assert_sound([2, 3, 4], 0.0, &RADII, 2, |_| CumulativeSums { dim });
    }
}

#[test]
fn a_cumulative_sum_over_the_batch_is_refused() {
    let x = Tensor::<3>::zeros([2, 3, 4], (&test_device(), DType::F64));
    let error = GraphCache::new()
        .analyse(
            &CumulativeSums { dim: 0 },
            x,
            &Perturbation::ball(Norm::Linf, 0.1),
        )
        .expect_err("it mixes images");
    assert!(error.to_string().contains("CumSum"), "{error}");
}

/// Every third element.
fn thirds<const D: usize>(shape: [usize; D], x: &Tensor<3>) -> Tensor<D, Bool> {
    let count = shape.iter().product::<usize>();
    let values: Vec<bool> = (0..count).map(|at| at % 3 == 0).collect();
    Tensor::from_data(TensorData::new(values, shape), &x.device())
}

#[derive(Module, Bounded, Debug)]
struct Filled {
    value: f64,
    per_image: bool,
    inputs_alone: bool,
}

impl Filled {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, rows, columns] = x.dims();
        let mask = if self.per_image {
            thirds([batch, rows, columns], &x)
        } else {
            thirds([1, rows, columns], &x).expand([batch, rows, columns])
        };
        let filled = x.mask_fill(mask, self.value);
        if self.inputs_alone {
            filled
        } else {
            filled.clone().tanh() + filled.sum_dim(2)
        }
    }
}

#[test]
fn mask_fill_is_sound() {
    for value in [-2.5, -1e4, -1e9] {
        for flags in 0..4 {
            assert_sound([2, 4, 3], 0.0, &RADII, 1, |_| Filled {
                value,
                per_image: flags % 2 == 0,
                inputs_alone: flags < 2,
            });
        }
    }
}

#[test]
fn an_infinite_fill_is_refused() {
    let module = Filled {
        value: f64::NEG_INFINITY,
        per_image: true,
        inputs_alone: true,
    };
    let x = Tensor::<3>::zeros([2, 4, 3], (&test_device(), DType::F64));
    let error = GraphCache::new()
        .analyse(&module, x, &Perturbation::ball(Norm::Linf, 0.1))
        .expect_err("an infinite value has no bounds");
    assert!(error.to_string().contains("not finite"), "{error}");
}

#[derive(Module, Bounded, Debug)]
struct Chosen {
    kind: usize,
}

impl Chosen {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let shape = x.dims();
        let mask = thirds(shape, &x);
        let fixed = thirds(shape, &x).bool_not().float().cast(DType::F64) * 3.0;
        let single = fixed.clone().narrow(0, 0, 1);
        match self.kind {
            0 => x.mask_where(mask, fixed),
            1 => fixed.mask_where(mask, x),
            2 => x.clone().tanh().mask_where(mask, x),
            3 => x
                .clone()
                .mask_where(mask, x.sum_dim(2).expand(shape))
                .tanh(),
            _ => x.mask_where(mask, single.expand(shape)),
        }
    }
}

#[test]
fn mask_where_is_sound() {
    for kind in 0..5 {
        assert_sound([2, 4, 3], 0.0, &RADII, 2, |_| Chosen { kind });
    }
}

#[derive(Module, Bounded, Debug)]
struct DataDependent {
    unused: usize,
}

impl DataDependent {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let mask = x.clone().greater_elem(0.25);
        x.clone().tanh().mask_where(mask, x.exp())
    }
}

#[test]
fn a_mask_of_perturbed_values_is_refused() {
    let x = Tensor::<2>::zeros([2, 4], (&test_device(), DType::F64));
    let error = GraphCache::new()
        .analyse(
            &DataDependent { unused: 0 },
            x,
            &Perturbation::ball(Norm::Linf, 0.1),
        )
        .expect_err("the choice depends on the input");
    assert!(error.to_string().contains("GreaterElem"), "{error}");
}
