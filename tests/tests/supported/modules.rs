//! The modules of `burn::nn`, with constant weights.

use burn::module::{Module, ModuleMapper, Param};
use burn::nn::{self, Initializer, activation as act};
use burn::tensor::Tensor;
use burn_crown::AnyTensor;

use crate::Row;

const WEIGHTS: Initializer = Initializer::Constant { value: 0.1 };

/// Gives the weights of a module that takes no initializer.
struct Constant;

impl ModuleMapper for Constant {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|weight| weight.full_like(0.1))
    }
}

macro_rules! rows {
    ($($name:literal, $rank:literal, $shape:expr, |$x:ident, $device:tt| $body:expr;)*) => {
        &[$(Row {
            name: $name,
            shape: &$shape,
            run: |x| {
                let $x = x.into_tensor::<$rank>();
                let device = &$x.device();
                let $device = device;
                AnyTensor::new($body)
            },
        }),*]
    };
}

pub(crate) const ROWS: &[Row] = rows! {
    "Linear", 2, [2, 4], |x, device| nn::LinearConfig::new(4, 3).with_initializer(WEIGHTS).init(device).forward(x);
    "Linear on sequences", 3, [2, 3, 4], |x, device| nn::LinearConfig::new(4, 3).with_initializer(WEIGHTS).init(device).forward(x);
    "conv::Conv1d", 3, [2, 2, 5], |x, device| nn::conv::Conv1dConfig::new(2, 3, 3).with_initializer(WEIGHTS).init(device).forward(x);
    "conv::Conv2d", 4, [2, 2, 5, 5], |x, device| nn::conv::Conv2dConfig::new([2, 3], [3, 3]).with_initializer(WEIGHTS).init(device).forward(x);
    "conv::Conv3d", 5, [2, 2, 4, 4, 4], |x, device| nn::conv::Conv3dConfig::new([2, 3], [2, 2, 2]).with_initializer(WEIGHTS).init(device).forward(x);
    "conv::ConvTranspose1d", 3, [2, 2, 5], |x, device| nn::conv::ConvTranspose1dConfig::new([2, 3], 3).with_initializer(WEIGHTS).init(device).forward(x);
    "conv::ConvTranspose2d", 4, [2, 2, 4, 4], |x, device| nn::conv::ConvTranspose2dConfig::new([2, 3], [2, 2]).with_initializer(WEIGHTS).init(device).forward(x);
    "conv::ConvTranspose3d", 5, [2, 2, 3, 3, 3], |x, device| nn::conv::ConvTranspose3dConfig::new([2, 3], [2, 2, 2]).with_initializer(WEIGHTS).init(device).forward(x);
    "conv::DeformConv2d", 4, [2, 2, 4, 4], |x, device| {
        let config = nn::conv::DeformConv2dConfig::new([2, 3], [2, 2]).with_initializer(WEIGHTS);
        let offset = Tensor::zeros([2, 8, 3, 3], (device, x.dtype()));
        config.init(device).forward(x, offset, None)
    };
    "BatchNorm (inference)", 4, [2, 3, 4, 4], |x, device| nn::BatchNormConfig::new(3).init(device).forward(x);
    "LayerNorm", 3, [2, 3, 4], |x, device| nn::LayerNormConfig::new(4).init(device).forward(x);
    "GroupNorm", 3, [2, 4, 3], |x, device| nn::GroupNormConfig::new(2, 4).init(device).forward(x);
    "InstanceNorm", 4, [2, 2, 3, 3], |x, device| nn::InstanceNormConfig::new(2).init(device).forward(x);
    "RmsNorm", 3, [2, 3, 4], |x, device| nn::RmsNormConfig::new(4).init(device).forward(x);
    "LocalResponseNorm", 4, [2, 4, 3, 3], |x, _| nn::LocalResponseNormConfig::new(3).init().forward(x);
    "Dropout (inference)", 2, [2, 4], |x, _| nn::DropoutConfig::new(0.5).init().forward(x);
    "GaussianNoise (inference)", 2, [2, 4], |x, _| nn::GaussianNoiseConfig::new(0.5).init().forward(x);
    "Identity", 2, [2, 4], |x, _| nn::Identity::new().forward(x);
    "pool::AvgPool1d", 3, [2, 2, 6], |x, _| nn::pool::AvgPool1dConfig::new(2).init().forward(x);
    "pool::AvgPool2d", 4, [2, 2, 4, 4], |x, _| nn::pool::AvgPool2dConfig::new([2, 2]).init().forward(x);
    "pool::MaxPool1d", 3, [2, 2, 6], |x, _| nn::pool::MaxPool1dConfig::new(3).with_stride(2).init().forward(x);
    "pool::MaxPool2d", 4, [2, 2, 5, 5], |x, _| nn::pool::MaxPool2dConfig::new([3, 3]).with_strides([2, 2]).init().forward(x);
    "pool::AdaptiveAvgPool1d", 3, [2, 2, 5], |x, _| nn::pool::AdaptiveAvgPool1dConfig::new(3).init().forward(x);
    "pool::AdaptiveAvgPool2d", 4, [2, 2, 5, 5], |x, _| nn::pool::AdaptiveAvgPool2dConfig::new([3, 2]).init().forward(x);
    "pool::AdaptiveAvgPool3d", 5, [2, 2, 4, 4, 4], |x, _| nn::pool::AdaptiveAvgPool3dConfig::new([3, 2, 1]).init().forward(x);
    "interpolate::Interpolate1d (linear)", 3, [2, 2, 3], |x, _| {
        let config = nn::interpolate::Interpolate1dConfig::new().with_output_size(Some(5));
        config.with_mode(nn::interpolate::InterpolateMode::Linear).init().forward(x)
    };
    "interpolate::Interpolate2d (nearest)", 4, [2, 2, 3, 3], |x, _| {
        nn::interpolate::Interpolate2dConfig::new().with_output_size(Some([5, 4])).init().forward(x)
    };
    "interpolate::Interpolate2d (linear)", 4, [2, 2, 3, 3], |x, _| {
        let config = nn::interpolate::Interpolate2dConfig::new().with_output_size(Some([5, 4]));
        config.with_mode(nn::interpolate::InterpolateMode::Linear).init().forward(x)
    };
    "Unfold4d", 4, [2, 1, 4, 4], |x, _| nn::Unfold4dConfig::new([2, 2]).init().forward(x);
    "Fold4d", 3, [2, 4, 9], |x, _| nn::Fold4dConfig::new([4, 4], [2, 2]).init().forward(x).reshape([2, 1, 16]);
    "PixelShuffle", 4, [2, 4, 2, 2], |x, _| nn::PixelShuffleConfig::new(2).init().forward(x);
    "PositionalEncoding", 3, [2, 3, 4], |x, device| nn::PositionalEncodingConfig::new(4).init(device).forward(x);
    "RotaryEncoding", 3, [2, 3, 4], |x, device| nn::RotaryEncodingConfig::new(8, 4).init(device).forward(x);
    "Embedding (constant indices)", 3, [2, 3, 4], |x, device| {
        let places = Tensor::arange(0..3, device).reshape([1, 3]);
        let table = nn::EmbeddingConfig::new(5, 4).with_initializer(WEIGHTS).init(device);
        x + table.forward(places)
    };
    "CosineSimilarity", 2, [2, 4], |x, _| {
        let other = x.clone() * 0.5 + 1.0;
        nn::CosineSimilarityConfig::new().init().forward(x, other).reshape([2, 1])
    };
    "PairwiseDistance", 2, [2, 4], |x, _| {
        let other = x.clone() * 0.5 + 1.0;
        nn::PairwiseDistanceConfig::new().init().forward(x, other).reshape([2, 1])
    };
    "Lstm", 3, [2, 3, 4], |x, device| nn::LstmConfig::new(4, 3, true).with_initializer(WEIGHTS).init(device).forward(x, None).0;
    "BiLstm", 3, [2, 3, 4], |x, device| nn::BiLstmConfig::new(4, 3, true).with_initializer(WEIGHTS).init(device).forward(x, None).0;
    "gru::Gru", 3, [2, 3, 4], |x, device| nn::gru::GruConfig::new(4, 3, true).with_initializer(WEIGHTS).init(device).forward(x, None);
    "gru::BiGru", 3, [2, 3, 4], |x, device| nn::gru::BiGruConfig::new(4, 3, true).with_initializer(WEIGHTS).init(device).forward(x, None).0;
    "Rnn", 3, [2, 3, 4], |x, device| nn::RnnConfig::new(4, 3, true).with_initializer(WEIGHTS).init(device).forward(x, None).0;
    "BiRnn", 3, [2, 3, 4], |x, device| nn::BiRnnConfig::new(4, 3, true).with_initializer(WEIGHTS).init(device).forward(x, None).0;
    "attention::MultiHeadAttention", 3, [2, 3, 4], |x, device| {
        let config = nn::attention::MultiHeadAttentionConfig::new(4, 2).with_initializer(WEIGHTS);
        config.init(device).forward(nn::attention::MhaInput::self_attn(x)).context
    };
    "attention::CrossAttention", 3, [2, 3, 4], |x, device| {
        let config = nn::attention::CrossAttentionConfig::new(4, 4, 2, 2, 2);
        config.init(device).map(&mut Constant).forward(x.clone(), x, None)
    };
    "transformer::PositionWiseFeedForward", 3, [2, 3, 4], |x, device| {
        let config = nn::transformer::PositionWiseFeedForwardConfig::new(4, 5);
        config.with_initializer(WEIGHTS).init(device).forward(x)
    };
    "transformer::TransformerEncoder", 3, [2, 3, 4], |x, device| {
        let config = nn::transformer::TransformerEncoderConfig::new(4, 5, 2, 1);
        let encoder = config.with_initializer(WEIGHTS).init(device);
        encoder.forward(nn::transformer::TransformerEncoderInput::new(x))
    };
    "transformer::TransformerDecoder", 3, [2, 3, 4], |x, device| {
        let config = nn::transformer::TransformerDecoderConfig::new(4, 5, 2, 1);
        let decoder = config.with_initializer(WEIGHTS).init(device);
        decoder.forward(nn::transformer::TransformerDecoderInput::new(x.clone(), x))
    };
    "norm::Normalization", 3, [2, 3, 4], |x, device| {
        let config = nn::norm::NormalizationConfig::Layer(nn::LayerNormConfig::new(4));
        config.init(device).forward(x)
    };
    "activation::Activation", 2, [2, 4], |x, device| act::ActivationConfig::Gelu.init(device).forward(x);
    "activation::Celu", 2, [2, 4], |x, _| act::CeluConfig::new().init().forward(x);
    "activation::Elu", 2, [2, 4], |x, _| act::EluConfig::new().init().forward(x);
    "activation::Gelu", 2, [2, 4], |x, _| act::Gelu::new().forward(x);
    "activation::GLU", 2, [2, 4], |x, _| act::GLU::new(1).forward(x);
    "activation::HardShrink", 2, [2, 4], |x, _| act::HardShrinkConfig::new().init().forward(x);
    "activation::HardSigmoid", 2, [2, 4], |x, _| act::HardSigmoidConfig::new().init().forward(x);
    "activation::HardSwish", 2, [2, 4], |x, _| act::HardSwish::new().forward(x);
    "activation::Hardtanh", 2, [2, 4], |x, _| act::HardtanhConfig::new().init().forward(x);
    "activation::LeakyRelu", 2, [2, 4], |x, _| act::LeakyReluConfig::new().init().forward(x);
    "activation::LogSigmoid", 2, [2, 4], |x, _| act::LogSigmoid::new().forward(x);
    "activation::Mish", 2, [2, 4], |x, _| act::Mish::new().forward(x);
    "activation::PRelu", 2, [2, 4], |x, device| act::PReluConfig::new().init(device).forward(x);
    "activation::Relu", 2, [2, 4], |x, _| act::Relu::new().forward(x);
    "activation::Relu6", 2, [2, 4], |x, _| act::Relu6::new().forward(x);
    "activation::RRelu (inference)", 2, [2, 4], |x, _| act::RReluConfig::new().init().forward(x);
    "activation::Selu", 2, [2, 4], |x, _| act::Selu::new().forward(x);
    "activation::Shrink", 2, [2, 4], |x, _| act::ShrinkConfig::new().init().forward(x);
    "activation::Sigmoid", 2, [2, 4], |x, _| act::Sigmoid::new().forward(x);
    "activation::SoftShrink", 2, [2, 4], |x, _| act::SoftShrinkConfig::new().init().forward(x);
    "activation::Softplus", 2, [2, 4], |x, _| act::SoftplusConfig::new().init().forward(x);
    "activation::Softsign", 2, [2, 4], |x, _| act::Softsign::new().forward(x);
    "activation::SwiGlu", 2, [2, 4], |x, device| act::SwiGluConfig::new(4, 3).with_initializer(WEIGHTS).init(device).forward(x);
    "activation::Tanh", 2, [2, 4], |x, _| act::Tanh::new().forward(x);
    "activation::Tanhshrink", 2, [2, 4], |x, _| act::Tanhshrink::new().forward(x);
    "activation::Threshold", 2, [2, 4], |x, _| act::ThresholdConfig::new(0.5, 0.1).init().forward(x);
    "activation::ThresholdedRelu", 2, [2, 4], |x, _| act::ThresholdedReluConfig::new().init().forward(x);
};
