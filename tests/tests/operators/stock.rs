//! Stock modules of Burn that are composed of several operators, with random weights.

use burn::module::Module;
use burn::nn::attention::{CrossAttention, CrossAttentionConfig};
use burn::nn::transformer::{
    TransformerDecoder, TransformerDecoderConfig, TransformerDecoderInput,
};
use burn::nn::{
    CosineSimilarity, CosineSimilarityConfig, Fold4d, Fold4dConfig, PairwiseDistance,
    PairwiseDistanceConfig, Rnn, RnnConfig, RotaryEncoding, RotaryEncodingConfig,
};
use burn::tensor::{DType, Distribution, Tensor};
use burn_crown::testing::{SoundnessCheck, check_soundness};
use burn_crown::{Bounded, Norm, Perturbation};
use burn_crown_tests::parameters::map_parameters;
use burn_crown_tests::sound::{METHODS, assert_sound};
use burn_crown_tests::test_device;

/// A module around a layer, with the forward pass of a body.
macro_rules! around {
    ($name:ident, $layer:ty, $rank:literal, |$self:ident, $x:ident| $body:expr) => {
        #[derive(Module, Bounded, Debug)]
        struct $name {
            layer: $layer,
        }

        impl $name {
            fn forward(&$self, $x: Tensor<$rank>) -> Tensor<2> {
                $body
            }
        }
    };
}

/// The first and the second half of a dim.
fn halves<const D: usize>(x: Tensor<D>, dim: usize) -> [Tensor<D>; 2] {
    let half = x.dims()[dim] / 2;
    [x.clone().narrow(dim, 0, half), x.narrow(dim, half, half)]
}

/// As [`assert_sound`] in `f32`, for modules that make numbers in the default type.
fn assert_sound_in_f32<M: Bounded, const D: usize>(dims: [usize; D], module: impl Fn() -> M) {
    let device = test_device();
    for seed in 0..3 {
        device.seed(seed);
        let module = module();
        let spread = Distribution::Uniform(-1.0, 1.0);
        let input = Tensor::<D>::random(dims, spread, (&device, DType::F32));
        for norm in [Norm::L1, Norm::L2, Norm::Linf] {
            for radius in [0.05, 0.5] {
                let region = Perturbation::ball(norm, radius);
                let check = SoundnessCheck::new(METHODS).with_seed(seed);
                let report = check_soundness(&module, input.clone(), &region, check)
                    .unwrap_or_else(|error| panic!("{norm:?}, radius {radius}: {error}"));
                for bounds in report.bounds {
                    let width = (bounds.upper - bounds.lower).max().into_scalar::<f32>();
                    assert!(width.is_finite(), "{norm:?}, radius {radius}: {width}");
                }
            }
        }
    }
}

around!(Cosine, CosineSimilarity, 2, |self, x| {
    let [left, right] = halves(x, 1);
    let rows = left.dims()[0];
    self.layer.forward(left, right).reshape([rows, 1])
});

#[test]
fn cosine_similarity_is_sound() {
    let layer = || CosineSimilarityConfig::new().init();
    assert_sound([2, 6], 2.0, &[0.05, 0.3], 3, |_| Cosine { layer: layer() });
}

around!(Distance, PairwiseDistance, 2, |self, x| {
    let [left, right] = halves(x, 1);
    let rows = left.dims()[0];
    self.layer.forward(left, right).reshape([rows, 1])
});

#[test]
fn pairwise_distance_is_sound() {
    for p in [1.0, 2.0] {
        let layer = || PairwiseDistanceConfig::new().with_p(p).init();
        assert_sound([2, 6], 0.0, &[0.01, 0.1], 3, |_| Distance {
            layer: layer(),
        });
    }
}

around!(Folded, Fold4d, 3, |self, x| self
    .layer
    .forward(x)
    .powf_scalar(2.0)
    .flatten(1, 3));

#[test]
fn folding_is_sound() {
    let layer = || Fold4dConfig::new([3, 3], [2, 2]).init();
    assert_sound([2, 4, 4], 0.0, &[0.1, 1.5], 3, |_| Folded {
        layer: layer(),
    });
}

around!(Crossing, CrossAttention, 3, |self, x| {
    let [query, context] = halves(x, 1);
    self.layer.forward(query, context, None).flatten(1, 2)
});

#[test]
fn cross_attention_is_sound() {
    assert_sound([2, 4, 4], 0.0, &[0.05, 0.5], 2, |_| {
        let layer = CrossAttentionConfig::new(4, 4, 2, 2, 2).init(&test_device());
        map_parameters(Crossing { layer }, DType::F64, |_, _, _| {})
    });
}

around!(Decoding, TransformerDecoder, 3, |self, x| {
    let [target, memory] = halves(x, 1);
    let input = TransformerDecoderInput::new(target, memory);
    self.layer.forward(input).flatten(1, 2)
});

#[test]
fn a_decoder_is_sound() {
    assert_sound([1, 4, 4], 0.0, &[0.01, 0.1], 2, |_| {
        let layer = TransformerDecoderConfig::new(4, 5, 2, 1).init(&test_device());
        map_parameters(Decoding { layer }, DType::F64, |_, _, _| {})
    });
}

around!(Recurrent, Rnn, 3, |self, x| self
    .layer
    .forward(x, None)
    .0
    .flatten(1, 2));

#[test]
fn rnn_is_sound() {
    assert_sound_in_f32([2, 3, 3], || Recurrent {
        layer: RnnConfig::new(3, 4, true).init(&test_device()),
    });
}

around!(Rotated, RotaryEncoding, 3, |self, x| self
    .layer
    .forward(x)
    .powf_scalar(2.0)
    .flatten(1, 2));

#[test]
fn rotary_encoding_is_sound() {
    assert_sound_in_f32([2, 3, 4], || Rotated {
        layer: RotaryEncodingConfig::new(8, 4).init(&test_device()),
    });
}
